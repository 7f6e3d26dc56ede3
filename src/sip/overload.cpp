#include "sip/overload.hpp"

namespace nearend::sip {

void RestingTargets::rest(const Target& target, std::chrono::seconds length) {
  const io::Instant now = loop_.now();
  if (until_.size() >= targets_max) std::erase_if(until_, [&](const auto& entry) { return entry.second <= now; });
  if (until_.size() < targets_max) until_[Key{target.protocol, target.address}] = now + length;
}

bool RestingTargets::is_resting(const Target& target) const {
  const auto found = until_.find(Key{target.protocol, target.address});
  return found != until_.end() && loop_.now() < found->second;
}

void RestingTargets::put_last(std::vector<Target>& targets) const {
  if (until_.empty() || targets.size() < 2) return;
  std::vector<Target> ordered;
  ordered.reserve(targets.size());
  for (const bool rests : {false, true})
    for (const Target& target : targets)
      if (is_resting(target) == rests) ordered.push_back(target);
  targets = std::move(ordered);
}

}  // namespace nearend::sip
