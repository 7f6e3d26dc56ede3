// links: codec
// Any order, time, number and content of packets: the buffer gives its frames and keeps to its room.
#include <cstdlib>
#include <vector>

#include "codec/jitter_buffer.hpp"

using namespace nearend;
using namespace nearend::codec;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 3) return 0;
  const char* names[] = {"PCMU", "G722", "L16", "AMR"};
  const auto settings = find_settings(names[data[0] % 4], 8000, 1, "");
  JitterBuffer buffer(*make_decoder(*settings), 8000, data[1] % 2 ? 8000 : 16000, {.bytes = size_t{data[2]} * 16});
  rtp::Instant now{std::chrono::hours(1)};
  std::vector<int16_t> frame(data[1] % 2 ? 160 : 320);
  // Each step: what to do, sequence, timestamp, length; then the payload.
  for (size_t at = 3; at + 4 <= size;) {
    const size_t length = std::min<size_t>(data[at + 3], size - at - 4);
    const rtp::Packet packet{.sequence = static_cast<uint16_t>(data[at + 1] << (data[at] & 8)),
                             .timestamp = uint32_t{data[at + 2]} * 80 << (data[at] & 16),
                             .payload = std::span(data + at + 4, length)};
    switch (data[at] & 3) {
      case 0:
        buffer.put_noise(packet, now);
        break;
      case 1:
        buffer.skip(packet);
        break;
      default:
        buffer.put(packet, now);
    }
    if (data[at] & 4) buffer.take(frame, now);
    if (data[at] == 255) buffer.restart();
    now += std::chrono::milliseconds(data[at] >> 3);
    at += 4 + length;
  }
  return 0;
}
