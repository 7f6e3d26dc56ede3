#pragma once

#include "rtp/rtcp.hpp"

namespace nearend::rtp {

/// Extended reports (RFC 3611): round trips for who only receives, and what a listener hears.

/// What a receiver tells of one stream (RFC 3611 4.7). Figures that are not known stay at what is set here.
struct VoipMetrics {
  static constexpr uint8_t unknown = 127;
  uint32_t ssrc = 0;
  uint8_t loss = 0, discard = 0;               ///< Since the beginning, in 1/256: not arrived; arrived too late.
  uint8_t burst_density = 0, gap_density = 0;  ///< Within bursts of loss and between them, in 1/256.
  uint16_t burst_ms = 0, gap_ms = 0;           ///< Their mean lengths.
  uint16_t round_trip_ms = 0, end_system_ms = 0;
  int8_t signal_dbm0 = 127, noise_dbm0 = 127;
  uint8_t echo_return_loss_db = unknown;
  uint8_t gap_min = 16;  ///< Packets received between two losses, from which on a burst is over.
  uint8_t rating = unknown, external_rating = unknown;
  uint8_t listening_score10 = unknown, conversation_score10 = unknown;  ///< Opinion scores times ten.
  uint8_t receiver_config = 0;  ///< Concealment, adaptive buffer, its rate (4.7.6).
  uint16_t buffer_ms = 0, buffer_max_ms = 0, buffer_limit_ms = 0;
  bool operator==(const VoipMetrics&) const = default;
};

/// How long ago a receiver's reference time came, told by who got it (RFC 3611 4.5).
struct ReferenceDelay {
  uint32_t ssrc = 0;            ///< The receiver's.
  uint32_t last_reference = 0;  ///< Middle 32 bits of the NTP time it sent; 0: none.
  uint32_t delay = 0;           ///< In 1/65536 s.
};

/// One block of an extended report; `body` begins after its four header bytes.
struct XrBlock {
  enum class Type : uint8_t { reference_time = 4, reference_delay = 5, statistics = 6, voip_metrics = 7 };
  Type type{};
  Bytes body;
};

/// Walks over the blocks of an XR packet; nothing for packets of other types, and none from where the lengths are
/// wrong. Any thread, no allocation.
class XrReader {
 public:
  explicit XrReader(const RtcpPacket& packet);
  std::optional<XrBlock> next();

 private:
  Bytes rest_;
};

/// NTP time of a receiver (4.4).
std::optional<uint64_t> reference_time(const XrBlock& block);
std::optional<ReferenceDelay> reference_delay(const XrBlock& block, size_t index);
std::optional<VoipMetrics> voip_metrics(const XrBlock& block);
/// The round trip that a receiver has from the answer to its reference time, as round_trip_ms() has it from a report.
std::optional<double> round_trip_ms(const ReferenceDelay& delay, uint64_t now_ntp);

/// Each adds an XR packet with one block to a compound.
void write_reference_time(RtcpWriter& writer, uint32_t sender, uint64_t ntp);
void write_reference_delay(RtcpWriter& writer, uint32_t sender, const ReferenceDelay& delay);
void write_voip_metrics(RtcpWriter& writer, uint32_t sender, const VoipMetrics& metrics);

}  // namespace nearend::rtp
