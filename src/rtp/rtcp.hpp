#pragma once

#include <optional>
#include <string_view>

#include "rtp/packet.hpp"

namespace nearend::rtp {

/// What one receiver says about one of our streams (RFC 3550 6.4.1).
struct ReportBlock {
  uint32_t ssrc = 0;
  uint8_t fraction_lost = 0;    ///< In 1/256, since the last report.
  int32_t cumulative_lost = 0;  ///< 24 bits on the wire, clamped.
  uint32_t extended_highest = 0;
  uint32_t jitter = 0;          ///< Ticks.
  uint32_t last_sr = 0;         ///< Middle 32 bits of the NTP time of the last SR we sent; 0: none.
  uint32_t delay_since_sr = 0;  ///< In 1/65536 s.
};

struct SenderInfo {
  uint64_t ntp = 0;  ///< Seconds since 1900 in the upper half, fraction in the lower.
  uint32_t rtp_timestamp = 0;
  uint32_t packets = 0;
  uint32_t octets = 0;
};

enum class RtcpType : uint8_t {
  sender_report = 200,
  receiver_report = 201,
  sdes = 202,
  bye = 203,
  app = 204,
  transport_feedback = 205,
  payload_feedback = 206,
  extended_report = 207
};

/// One packet of a compound; `body` begins after the four header bytes, padding removed.
struct RtcpPacket {
  RtcpType type = RtcpType::receiver_report;
  uint8_t count = 0;  ///< Report count, source count or feedback format.
  Bytes body;
};

/// Walks over a compound packet. Any thread, no allocation.
class RtcpReader {
 public:
  explicit RtcpReader(Bytes compound) : rest_(compound) {}
  /// The next packet; nothing at the end or where the bytes break RFC 3550 A.2 (then is_broken()).
  std::optional<RtcpPacket> next();
  bool is_broken() const { return is_broken_; }

 private:
  Bytes rest_;
  bool is_broken_ = false;
};

/// SSRC of the sender of SR, RR and feedback packets.
std::optional<uint32_t> rtcp_sender(const RtcpPacket& packet);
std::optional<SenderInfo> sender_info(const RtcpPacket& packet);
/// Whose sender report is asked for (RFC 6051 3.2).
std::optional<uint32_t> requested_report(const RtcpPacket& packet);
/// Report block number `index` of an SR or RR.
std::optional<ReportBlock> report_block(const RtcpPacket& packet, size_t index);

/// Builds one compound packet in a buffer; what does not fit is left out and makes size() 0.
class RtcpWriter {
 public:
  explicit RtcpWriter(std::span<uint8_t> out) : out_(out) {}
  void sender_report(uint32_t ssrc, const SenderInfo& info, std::span<const ReportBlock> blocks);
  void receiver_report(uint32_t ssrc, std::span<const ReportBlock> blocks);
  /// SDES with the one item that is mandatory, CNAME (6.5.1); at most 255 bytes.
  void cname(uint32_t ssrc, std::string_view name);
  void bye(uint32_t ssrc);
  /// Picture loss indication (RFC 4585 6.3.1).
  void picture_loss(uint32_t sender, uint32_t media);
  /// Asks for a sender report now (RFC 6051 3.2).
  void report_request(uint32_t sender, uint32_t media);
  /// A packet whose body the caller writes, `body_size` bytes in multiples of 4; null when it does not fit.
  uint8_t* begin(RtcpType type, uint8_t count, size_t body_size);
  size_t size() const { return is_full_ ? 0 : size_; }

 private:
  void write_blocks(uint8_t* at, std::span<const ReportBlock> blocks);

  std::span<uint8_t> out_;
  size_t size_ = 0;
  bool is_full_ = false;
};

/// NTP's 64 bits for a wall clock in nanoseconds since 1970.
uint64_t ntp_of(int64_t wall_ns);
/// Round trip by RFC 3550 6.4.1 from a block about our stream; `now_ntp` is the time of its arrival. Nothing without
/// LSR or where the figures make no sense.
std::optional<double> round_trip_ms(const ReportBlock& block, uint64_t now_ntp);

}  // namespace nearend::rtp
