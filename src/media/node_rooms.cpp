// Who sits in which conference room of the node.
#include <algorithm>

#include "media/mixer.hpp"
#include "media/node_control.hpp"

namespace nearend::media {
namespace {
constexpr size_t name_max = 128;
}  // namespace

Task<Result<void>> NodeControl::seat(AnchorId anchor, Seat seat) {
  co_return seat_now(anchor, std::move(seat));
}

Result<void> NodeControl::seat_now(AnchorId anchor, Seat seat) {
  auto held = find(anchor);
  if (!held) return pass(held);
  if (auto has = need("mix"); !has) return pass(has);
  if (seat.room.size() > name_max) return fail(Error::Kind::invalid, "room: {} bytes at most", name_max);
  if (seat.coached == anchor) return fail(Error::Kind::invalid, "coached: a leg cannot coach itself");
  if (seat.coached != AnchorId::none && !seat.room.empty())
    if (auto known = find(seat.coached); !known) return fail(Error::Kind::not_found, "coached: {}", known.error().text);
  if ((*held)->room != seat.room) {
    if (const auto room = rooms_.find(seat.room); room != rooms_.end() && !seat.room.empty()) {
      if (room->second.size() >= Mixer::members_max)
        return fail(Error::Kind::unavailable, "all {} seats of the room are taken", Mixer::members_max);
      join(room->second.front(), anchor);
    }
    leave_room(**held);
    if (!seat.room.empty()) rooms_[seat.room].push_back(anchor);
    (*held)->room = seat.room;
    (*held)->armed.reset();
  }
  command(anchor,
          [anchor, seat = std::move(seat)](Engine& engine, io::Instant now) { engine.seat(anchor, seat, now); });
  return {};
}

void NodeControl::leave_room(Held& held) {
  const auto room = rooms_.find(std::exchange(held.room, std::string()));
  if (room == rooms_.end()) return;
  std::erase(room->second, held.info.id);
  if (room->second.empty()) rooms_.erase(room);
}

}  // namespace nearend::media
