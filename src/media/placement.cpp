#include "media/placement.hpp"

#include <algorithm>

namespace nearend::media {

uint32_t Placement::place(AnchorId anchor, const std::string& call) {
  if (is_single()) return 0;
  const auto emptiest = std::min_element(anchors_on_.begin(), anchors_on_.end());
  uint32_t thread = static_cast<uint32_t>(emptiest - anchors_on_.begin());
  if (!call.empty()) {
    const auto [found, is_new] = calls_.try_emplace(call, Call{.thread = thread});
    thread = found->second.thread;
    ++found->second.anchors;
  }
  ++anchors_on_[thread];
  groups_[++last_group_] = {anchor};
  placed_[anchor] = {.thread = thread, .group = last_group_, .call = call};
  return thread;
}

uint32_t Placement::thread_of(AnchorId anchor) const {
  const auto found = placed_.find(anchor);
  return found == placed_.end() ? 0 : found->second.thread;
}

void Placement::remove(AnchorId anchor) {
  const auto found = placed_.find(anchor);
  if (found == placed_.end()) return;
  const Placed& placed = found->second;
  --anchors_on_[placed.thread];
  if (const auto call = calls_.find(placed.call); call != calls_.end() && --call->second.anchors == 0)
    calls_.erase(call);
  auto group = groups_.find(placed.group);
  std::erase(group->second, anchor);
  if (group->second.empty()) groups_.erase(group);
  placed_.erase(found);
}

std::optional<Placement::Move> Placement::join(AnchorId first, AnchorId second) {
  const auto one = placed_.find(first), other = placed_.find(second);
  if (one == placed_.end() || other == placed_.end() || one->second.group == other->second.group) return std::nullopt;
  Placed stays = one->second, goes = other->second;
  if (groups_[stays.group].size() < groups_[goes.group].size()) std::swap(stays, goes);
  std::vector<AnchorId> moved = std::move(groups_[goes.group]);
  groups_.erase(goes.group);
  std::vector<AnchorId>& all = groups_[stays.group];
  all.insert(all.end(), moved.begin(), moved.end());
  for (AnchorId anchor : moved) {
    Placed& placed = placed_[anchor];
    placed.group = stays.group;
    placed.thread = stays.thread;
  }
  if (stays.thread == goes.thread) return std::nullopt;
  const auto count = static_cast<uint32_t>(moved.size());
  anchors_on_[goes.thread] -= count;
  anchors_on_[stays.thread] += count;
  return Move{.from = goes.thread, .to = stays.thread, .anchors = std::move(moved)};
}

}  // namespace nearend::media
