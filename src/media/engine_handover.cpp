// Anchors that change engines, with all that works on them: how legs of two media threads come together.
#include <algorithm>

#include "media/engine.hpp"

namespace nearend::media {

Engine::Parcel Engine::take_out(std::span<const AnchorId> ids, io::Instant now) {
  Parcel parcel;
  for (AnchorId id : ids)
    if (Anchor* anchor = find(id)) take_back(*anchor, now);
  for (AnchorId id : ids) {
    if (!find(id)) continue;
    parcel.anchors.push_back(std::move(anchors_[slot_of(id)]));
    --anchor_count_;
    std::erase(active_, id);
  }
  const auto is_leaving = [&](const std::unique_ptr<Recorder>& recorder) {
    // One that is being closed has no legs any more and ends where its worker answers.
    return !recorder->is_ending && std::find(ids.begin(), ids.end(), recorder->owner()) != ids.end();
  };
  for (auto& recorder : recorders_)
    if (is_leaving(recorder)) parcel.recorders.push_back(std::move(recorder));
  std::erase(recorders_, nullptr);
  // Whoever sits in a room belongs to its group: all of a room leave together.
  for (const auto& anchor : parcel.anchors)
    for (auto& room : rooms_)
      if (room && anchor->chair && anchor->chair->room == room.get()) parcel.rooms.push_back(std::move(room));
  std::erase(rooms_, nullptr);
  return parcel;
}

std::vector<Socket> Engine::sockets_of(AnchorId id) {
  std::vector<Socket> all;
  const Anchor* anchor = find(id);
  if (!anchor) return all;
  for (const Stream& stream : anchor->streams)
    for (Socket socket : stream.sockets()) all.push_back(socket);
  return all;
}

void Engine::take_in(Parcel parcel) {
  for (auto& anchor : parcel.anchors) {
    const uint32_t slot = slot_of(anchor->id);
    make_room(slot);
    anchor->is_active = false;
    activate(*anchor);
    ++anchor_count_;
    anchors_[slot] = std::move(anchor);
  }
  for (auto& recorder : parcel.recorders) recorders_.push_back(std::move(recorder));
  for (auto& room : parcel.rooms) rooms_.push_back(std::move(room));
}

void Engine::make_room(uint32_t slot) {
  if (slot >= anchors_.size()) anchors_.resize(slot + 1);
  if (active_.capacity() < anchors_.size()) active_.reserve(anchors_.size() * 2);
}

}  // namespace nearend::media
