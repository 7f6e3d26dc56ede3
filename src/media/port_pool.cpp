#include "media/port_pool.hpp"

#include <algorithm>

namespace nearend::media {

PortPool::PortPool(uint16_t first, uint16_t last) {
  for (uint32_t port = first + (first & 1); port + 1 <= last; port += 2) free_.push_back(static_cast<uint16_t>(port));
  size_ = free_.size();
}

void PortPool::wake(io::Instant now) {
  while (!resting_.empty() && resting_.front().until <= now) {
    free_.push_back(resting_.front().port);
    std::ranges::pop_heap(resting_, std::ranges::greater(), &Resting::until);
    resting_.pop_back();
  }
}

std::optional<uint16_t> PortPool::take(uint64_t random, io::Instant now) {
  wake(now);
  if (free_.empty()) return std::nullopt;
  std::swap(free_[random % free_.size()], free_.back());
  const uint16_t port = free_.back();
  free_.pop_back();
  return port;
}

void PortPool::give_back(uint16_t port, uint64_t random, io::Instant now) {
  resting_.push_back({port, now + rest_min + rest_more * static_cast<int>(random % 1000) / 1000});
  std::ranges::push_heap(resting_, std::ranges::greater(), &Resting::until);
}

size_t PortPool::free_count(io::Instant now) {
  wake(now);
  return free_.size();
}

}  // namespace nearend::media
