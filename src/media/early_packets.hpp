#pragma once

#include <array>
#include <cstring>
#include <span>

#include "base/ip.hpp"
#include "io/loop.hpp"

namespace nearend::media {

/// The first words of an endpoint that speaks as soon as it has answered: its RTP may be here before the signalling has
/// told what its address is. A few datagrams wait for the answer's description and then pass the source rules like any
/// other, so that nothing of a callee's speech is lost (metric M4) and nobody gains anything by being early. Made with
/// the anchor, given back with the first path; taking a datagram in allocates nothing.
class EarlyPackets {
 public:
  static constexpr std::chrono::milliseconds kept_for{60};
  static constexpr size_t packets_max = 3;
  static constexpr size_t bytes_max = 400;  ///< 40 ms of G.711 and the headers.

  void keep(const Endpoint& from, std::span<const uint8_t> datagram, io::Instant now) {
    if (datagram.size() > bytes_max) return;
    Kept& kept = kept_[next_++ % packets_max];
    kept.from = from;
    kept.at = now;
    kept.size = static_cast<uint16_t>(datagram.size());
    std::memcpy(kept.bytes.data(), datagram.data(), datagram.size());
  }

  /// Calls `take(from, bytes)` for what is young enough, oldest first.
  template <class Take>
  void replay(io::Instant now, Take take) {
    for (size_t i = 0; i < packets_max; ++i) {
      Kept& kept = kept_[(next_ + i) % packets_max];
      if (kept.size > 0 && now - kept.at <= kept_for) take(kept.from, std::span<uint8_t>(kept.bytes.data(), kept.size));
    }
  }

 private:
  struct Kept {
    Endpoint from;
    io::Instant at{};
    uint16_t size = 0;
    std::array<uint8_t, bytes_max> bytes;
  };
  std::array<Kept, packets_max> kept_{};
  size_t next_ = 0;
};

}  // namespace nearend::media
