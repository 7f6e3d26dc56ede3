#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "codec/codec.hpp"

namespace nearend::codec {

/// The RTP payload of AMR narrow band (RFC 4867), both forms. Any thread, no allocation.
namespace amr {

inline constexpr size_t frame_samples = 160;
inline constexpr size_t frames_max = packet_ms_max / 20;
inline constexpr uint8_t silence_type = 8, nothing_type = 15;
inline constexpr uint8_t no_request = 15;

/// One frame of 20 ms: its type, whether it is whole, and its bits from the highest of bits[0] on.
struct Frame {
  uint8_t type = nothing_type;  ///< 0 to 7: speech modes; 8: silence; 15: nothing.
  bool is_good = true;
  std::array<uint8_t, 31> bits{};
};
struct Payload {
  uint8_t request = no_request;  ///< The mode that the other side asks us for.
  std::array<Frame, frames_max> frames;
  size_t count = 0;
};

/// Class A, B and C bits of a frame type; nothing for types that narrow band does not have.
std::optional<size_t> bits_of(uint8_t type);
Outcome<Payload> unpack(std::span<const uint8_t> bytes, bool is_octet_aligned);
/// Errors: no_room.
Outcome<size_t> pack(const Payload& payload, bool is_octet_aligned, std::span<uint8_t> out);

}  // namespace amr
}  // namespace nearend::codec
