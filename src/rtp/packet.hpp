#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>

namespace nearend::rtp {

using Bytes = std::span<const uint8_t>;
/// Monotonic time, the same type as io::Instant; passed in, never read from a clock here.
using Instant = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;

inline constexpr size_t fixed_header_size = 12;

/// A view of one RTP packet (RFC 3550 5.1). `payload` is without CSRC list, header extension and padding, and points
/// into the datagram.
struct Packet {
  bool marker = false;
  uint8_t payload_type = 0;
  uint16_t sequence = 0;
  uint32_t timestamp = 0;
  uint32_t ssrc = 0;
  Bytes payload;
};

/// Nothing for what is no RTP version 2 packet or breaks its own lengths. Any thread, no allocation.
std::optional<Packet> parse_packet(Bytes datagram);

/// True where RTP and RTCP share a port and this is RTCP: packet types 192 to 223 (RFC 5761 4).
bool is_rtcp(Bytes datagram);

/// Writes marker, payload type, sequence, timestamp and SSRC over a header that parse_packet has accepted.
void rewrite_header(uint8_t* datagram, const Packet& header);

/// Writes a packet with a plain 12-byte header; gives its size, 0 when `out` is too small.
size_t write_packet(std::span<uint8_t> out, const Packet& packet);

/// Big-endian fields of a datagram; the caller has checked the bounds.
inline uint16_t read16(const uint8_t* at) {
  return static_cast<uint16_t>(at[0] << 8 | at[1]);
}
inline uint32_t read32(const uint8_t* at) {
  return uint32_t{at[0]} << 24 | uint32_t{at[1]} << 16 | uint32_t{at[2]} << 8 | at[3];
}
inline void write16(uint8_t* at, uint16_t value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}
inline void write32(uint8_t* at, uint32_t value) {
  write16(at, static_cast<uint16_t>(value >> 16));
  write16(at + 2, static_cast<uint16_t>(value));
}

}  // namespace nearend::rtp
