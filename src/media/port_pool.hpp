#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "io/loop.hpp"

namespace nearend::media {

/// The even ports of a range, given out in random order. A freed one rests before it is used again, so that late
/// packets of an old call do not enter a new one (fault FT19). One thread.
class PortPool {
 public:
  /// Rest of a freed port: between 2 and 4 s.
  static constexpr std::chrono::milliseconds rest_min{2000};
  static constexpr std::chrono::milliseconds rest_more{2000};

  PortPool(uint16_t first, uint16_t last);
  /// An even port whose odd neighbour is free too; nothing when all are taken or resting.
  std::optional<uint16_t> take(uint64_t random, io::Instant now);
  void give_back(uint16_t port, uint64_t random, io::Instant now);
  size_t size() const { return size_; }
  size_t free_count(io::Instant now);

 private:
  struct Resting {
    uint16_t port;
    io::Instant until;
  };
  void wake(io::Instant now);

  std::vector<uint16_t> free_;
  std::vector<Resting> resting_;  // a heap: the first to wake is at its top
  size_t size_;
};

}  // namespace nearend::media
