#pragma once

#include <cstdint>

#include "media/resting_pool.hpp"

namespace nearend::media {

/// The even ports of a range whose sockets are not open. One thread.
class PortPool {
 public:
  PortPool(uint16_t first, uint16_t last) {
    for (uint32_t port = first + (first & 1); port + 1 <= last; port += 2) ports_.add(static_cast<uint16_t>(port));
    size_ = ports_.count();
  }
  /// An even port whose odd neighbour is free too; nothing when all are taken or resting.
  std::optional<uint16_t> take(uint64_t random, io::Instant now) { return ports_.take(random, now); }
  void give_back(uint16_t port, uint64_t random, io::Instant now) { ports_.give_back(port, random, now); }
  size_t size() const { return size_; }
  size_t free_count(io::Instant now) { return ports_.free_count(now); }

 private:
  RestingPool<uint16_t> ports_;
  size_t size_;
};

}  // namespace nearend::media
