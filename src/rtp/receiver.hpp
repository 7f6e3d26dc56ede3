#pragma once

#include "rtp/packet.hpp"

namespace nearend::rtp {

/// Statistics about one received stream (RFC 3550 6.4.1, A.1, A.3, A.8): extended sequence number, loss, jitter, and a
/// short window that tells doubled packets. One SSRC at a time; restart() for the next, so that a new source shows no
/// false loss.
class Receiver {
 public:
  enum class Verdict : uint8_t {
    good,         ///< In order, or late but never seen.
    doubled,      ///< Seen before, or too old to tell.
    implausible,  ///< A jump; if the next packet follows on it, that one is `restarted`.
    restarted,    ///< The source began anew; statistics too.
  };

  void restart();
  Verdict on_packet(const Packet& packet, uint32_t clock_rate, Instant now);

  /// The figures that each packet changes, for who counts in our stead.
  struct State {
    uint32_t extended_highest = 0;
    uint64_t window = 0;  ///< Bit n: highest - n has been seen.
    double jitter_ticks = 0;
  };
  State state() const { return {extended_highest(), window_, jitter_}; }
  /// What another has counted: `more` packets, the newest of them with this timestamp, at `last`.
  void resume(const State& state, uint64_t more, uint32_t timestamp, uint32_t clock_rate, Instant last);

  bool has_begun() const { return has_begun_; }
  /// Highest sequence number with the count of wraps above it.
  uint32_t extended_highest() const { return cycles_ + highest_; }
  uint64_t received() const { return received_; }
  /// Packets missing of this source so far; negative with duplicates.
  int64_t lost() const;
  /// In ticks of the media clock, as reports want it.
  uint32_t jitter_ticks() const { return static_cast<uint32_t>(jitter_); }
  double jitter_ms(uint32_t clock_rate) const { return clock_rate ? jitter_ * 1000.0 / clock_rate : 0; }
  /// Loss since the last call, in 1/256 (A.3). For the sender of reports only.
  uint8_t take_fraction_lost();

 private:
  void begin(const Packet& packet);
  static uint32_t transit_of(uint32_t timestamp, uint32_t clock_rate, Instant now);
  void add_jitter(const Packet& packet, uint32_t clock_rate, Instant now);

  bool has_begun_ = false;
  bool has_transit_ = false;
  uint16_t highest_ = 0;
  uint16_t base_ = 0;
  uint32_t cycles_ = 0;
  uint32_t bad_ = 0x10000;  // sequence that would follow a jump; above 16 bits: none
  uint64_t received_ = 0;
  uint64_t window_ = 0;  // bit n: highest - n has been seen
  uint32_t expected_prior_ = 0;
  uint64_t received_prior_ = 0;
  uint32_t transit_ = 0;
  double jitter_ = 0;
};

}  // namespace nearend::rtp
