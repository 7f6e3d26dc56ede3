#pragma once

#include <array>
#include <cstring>
#include <span>

#include "base/ip.hpp"
#include "io/loop.hpp"
#include "media/control.hpp"

namespace nearend::media {

/// The first words of an endpoint that come before there is anybody to hear them, so that nothing of a callee's speech
/// is lost at the answer (metrics M3, M4). Two cases. Its RTP may be here before the signalling has told what its
/// address is: such datagrams wait for the answer's description and then pass the source rules like any other, and
/// nobody gains anything by being early. Or its address is known and its path opens within half a packet's time: those
/// were judged and counted when they came, and are only passed on. Made with the anchor and when a path is armed, given
/// back with the path; taking a datagram in allocates nothing.
class EarlyPackets {
 public:
  static constexpr std::chrono::milliseconds kept_for{60};
  static constexpr std::chrono::milliseconds judged_kept_for{10};
  static constexpr size_t packets_max = 4;
  static constexpr size_t bytes_max = 400;  ///< 40 ms of G.711 and the headers.

  /// `is_judged`: source rules and counters have seen it.
  void keep(Side side, const Endpoint& from, std::span<const uint8_t> datagram, bool is_judged, io::Instant now) {
    if (datagram.size() > bytes_max) return;
    Kept& kept = kept_[next_++ % packets_max];
    kept.side = side;
    kept.from = from;
    kept.at = now;
    kept.is_judged = is_judged;
    kept.size = static_cast<uint16_t>(datagram.size());
    std::memcpy(kept.bytes.data(), datagram.data(), datagram.size());
  }

  /// Calls `take(side, from, bytes, is_judged)` for what is young enough, oldest first.
  template <class Take>
  void replay(io::Instant now, Take take) {
    for (size_t i = 0; i < packets_max; ++i) {
      Kept& kept = kept_[(next_ + i) % packets_max];
      if (kept.size == 0 || now - kept.at > (kept.is_judged ? judged_kept_for : kept_for)) continue;
      take(kept.side, kept.from, std::span<uint8_t>(kept.bytes.data(), kept.size), kept.is_judged);
    }
  }

 private:
  struct Kept {
    Side side = Side::outer;
    Endpoint from;
    io::Instant at{};
    uint16_t size = 0;
    bool is_judged = false;
    std::array<uint8_t, bytes_max> bytes;
  };
  std::array<Kept, packets_max> kept_{};
  size_t next_ = 0;
};

}  // namespace nearend::media
