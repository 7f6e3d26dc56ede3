// links: codec
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "codec/picture_frames.hpp"
#include "codec/picture_packets.hpp"

/// Packets of pictures that anybody may have sent: each is a length, a step of numbers and time, and a payload. What
/// comes out goes into packets again.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nearend::codec;
  if (size == 0) return 0;
  const auto kind = static_cast<PictureKind>(1 + data[0] % 3);
  std::span<const uint8_t> rest(data + 1, size - 1);
  (void)h264_size(rest);
  (void)vp9_size(rest);
  (void)vp8_size(rest);
  PictureFrames frames(kind);
  std::vector<Picture> out;
  uint16_t sequence = 0;
  uint32_t timestamp = 0;
  int64_t now = 0;
  while (rest.size() >= 3) {
    const size_t length = std::min<size_t>(rest[0], rest.size() - 3);
    sequence = static_cast<uint16_t>(sequence + static_cast<int8_t>(rest[1]));
    timestamp += rest[2] & 0x7f;
    now += rest[2] & 0x1f;
    const auto payload = rest.subspan(3, length);
    frames.add({.sequence = sequence,
                .timestamp = timestamp,
                .marker = (rest[2] & 0x80) != 0,
                .came_ms = now,
                .position_us = 0,
                .payload = {payload.begin(), payload.end()}});
    frames.take(now, false, out);
    rest = rest.subspan(3 + length);
  }
  frames.take(now, true, out);
  (void)frames.configuration();
  std::array<uint8_t, PicturePackets::payload_max> room;
  for (const Picture& picture : out) {
    PicturePackets packets(kind, picture.bytes, picture.is_key);
    while (packets.next(room) != 0) {
    }
  }
  return 0;
}
