#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/ip.hpp"
#include "media/resting_pool.hpp"

namespace nearend::media {

/// Two bound sockets, RTP on an even port and RTCP on the next.
struct SocketPair {
  Endpoint local;  ///< Of RTP.
  uint32_t rtp = 0, rtcp = 0;
};

/// Pairs of sockets that stay open between two legs, since opening and closing them is a good part of what a short call
/// costs. They rest like ports do, on the media thread that has them, which throws away what still comes in. A pair is
/// taken only where enough of them are free: who knows a former port must not be able to guess a later one (threat
/// TH2). One thread.
class SocketPool {
 public:
  /// `kept_max`: pairs that are kept at most. `choice_min`: of how many free ones one is drawn, at least.
  SocketPool(size_t kept_max, size_t choice_min) : kept_max_(kept_max), choice_min_(choice_min) {}

  /// A pair bound to the address, on that media thread; nothing: one has to be opened.
  std::optional<SocketPair> take(const IpAddress& bind, uint32_t thread, uint64_t random, io::Instant now);
  /// False: there are enough, close it.
  bool keep(const SocketPair& pair, uint32_t thread, uint64_t random, io::Instant now);

  struct Excess {
    SocketPair pair;
    uint32_t thread = 0;
  };
  /// A part of the free pairs, to be closed: called at times, so that a burst does not hold sockets for ever.
  std::vector<Excess> trim(uint64_t random, io::Instant now);
  /// A few free pairs that are of no use to those who ask for `bind` on `thread`, to be closed because ports are short.
  std::vector<Excess> spare(const IpAddress& bind, uint32_t thread, uint64_t random, io::Instant now);

  size_t free_count(io::Instant now);
  bool is_empty() const { return count_ == 0; }
  size_t count() const { return count_; }

 private:
  struct Shelf {
    IpAddress bind;
    uint32_t thread = 0;
    RestingPool<SocketPair> pairs;
  };
  Shelf& shelf(const IpAddress& bind, uint32_t thread);
  void take_off(Shelf& shelf, size_t count, uint64_t random, io::Instant now, std::vector<Excess>& taken);

  size_t kept_max_, choice_min_;
  size_t count_ = 0;
  std::vector<Shelf> shelves_;  // a few: addresses times threads
};

}  // namespace nearend::media
