#pragma once

#include <array>

#include "codec/picture_frames.hpp"
#include "codec/picture_packets.hpp"

/// Frames that are nothing but headers and numbered bytes: they are never decoded here.
namespace nearend::codec::test {

/// 320 by 240.
inline const std::vector<uint8_t> sequence_set{0x67, 0x42, 0xc0, 0x1e, 0xdc, 0x14, 0x1f, 0x90};
inline const std::vector<uint8_t> picture_set{0x68, 0xce, 0x3c, 0x80};

inline void put_unit(std::vector<uint8_t>& out, std::vector<uint8_t> unit) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<uint8_t>(unit.size() >> shift));
  out.insert(out.end(), unit.begin(), unit.end());
}

/// The frame with that number, as Picture::bytes.
inline std::vector<uint8_t> make_frame(PictureKind kind, bool is_key, uint32_t number, size_t size = 3000) {
  std::vector<uint8_t> frame;
  if (kind == PictureKind::vp8) {
    frame = {static_cast<uint8_t>(is_key ? 0x10 : 0x11), 0, 0};
    if (is_key) frame.insert(frame.end(), {0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0x00});
  }
  if (kind == PictureKind::vp9) {
    frame = {static_cast<uint8_t>(is_key ? 0x82 : 0x86)};
    // Sync code, colour, and 15 bits before both lengths minus one.
    if (is_key) frame.insert(frame.end(), {0x49, 0x83, 0x42, 0x00, 0x13, 0xf0, 0x0e, 0xf0});
  }
  if (kind == PictureKind::h264) {
    if (is_key) {
      put_unit(frame, sequence_set);
      put_unit(frame, picture_set);
    }
    std::vector<uint8_t> slice{static_cast<uint8_t>(is_key ? 0x65 : 0x41)};
    while (slice.size() < size) slice.push_back(static_cast<uint8_t>(number + slice.size()));
    put_unit(frame, slice);
    return frame;
  }
  while (frame.size() < size) frame.push_back(static_cast<uint8_t>(number + frame.size()));
  return frame;
}

/// Its packets.
inline std::vector<PicturePacket> packets_of(PictureKind kind, bool is_key, std::span<const uint8_t> frame,
                                             uint16_t& sequence, uint32_t timestamp, int64_t now_ms) {
  std::vector<PicturePacket> all;
  PicturePackets split(kind, frame, is_key);
  std::array<uint8_t, PicturePackets::payload_max> room;
  while (const size_t size = split.next(room))
    all.push_back({.sequence = sequence++,
                   .timestamp = timestamp,
                   .marker = split.is_last(),
                   .came_ms = now_ms,
                   .position_us = now_ms * 1000,
                   .payload = {room.begin(), room.begin() + static_cast<ptrdiff_t>(size)}});
  return all;
}

}  // namespace nearend::codec::test
