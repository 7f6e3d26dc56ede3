#include "rtp/g711.hpp"

#include <algorithm>
#include <bit>

namespace nearend::rtp {
namespace {

constexpr int16_t linear_of_ulaw(uint8_t code) {
  code = static_cast<uint8_t>(~code);
  const int magnitude = (((code & 0x0f) << 3) + 0x84) << ((code & 0x70) >> 4);
  return static_cast<int16_t>(code & 0x80 ? 0x84 - magnitude : magnitude - 0x84);
}

constexpr int16_t linear_of_alaw(uint8_t code) {
  code ^= 0x55;
  int magnitude = (code & 0x0f) << 4;
  const int segment = (code & 0x70) >> 4;
  magnitude += segment == 0 ? 8 : 0x108;
  if (segment > 1) magnitude <<= segment - 1;
  return static_cast<int16_t>(code & 0x80 ? magnitude : -magnitude);
}

constexpr uint8_t ulaw_of_linear(int sample) {
  const uint8_t mask = sample < 0 ? 0x7f : 0xff;
  int magnitude = std::min(sample < 0 ? -sample : sample, 32635) + 0x84;
  const int segment = static_cast<int>(std::bit_width(static_cast<unsigned>(magnitude))) - 8;
  return static_cast<uint8_t>((segment << 4 | ((magnitude >> (segment + 3)) & 0x0f)) ^ mask);
}

constexpr uint8_t alaw_of_linear(int sample) {
  const uint8_t mask = sample >= 0 ? 0xd5 : 0x55;
  int magnitude = std::min(sample >= 0 ? sample : -sample - 1, 32767);
  const int segment = static_cast<int>(std::bit_width(static_cast<unsigned>(magnitude >> 8)));
  const int step = segment == 0 ? magnitude >> 4 : magnitude >> (segment + 3);
  return static_cast<uint8_t>((segment << 4 | (step & 0x0f)) ^ mask);
}

struct Tables {
  std::array<int16_t, 256> ulaw, alaw;
  std::array<uint8_t, 256> ulaw_to_alaw, alaw_to_ulaw;
  std::array<uint8_t, 16384> to_ulaw;  // by the upper 14 bits
  std::array<uint8_t, 8192> to_alaw;   // by the upper 13 bits

  Tables() {
    for (int i = 0; i < 256; ++i) {
      ulaw[i] = linear_of_ulaw(static_cast<uint8_t>(i));
      alaw[i] = linear_of_alaw(static_cast<uint8_t>(i));
      ulaw_to_alaw[i] = alaw_of_linear(ulaw[i]);
      alaw_to_ulaw[i] = ulaw_of_linear(alaw[i]);
    }
    for (int i = 0; i < 16384; ++i) to_ulaw[i] = ulaw_of_linear((i - 8192) * 4 + (i < 8192 ? 3 : 0));
    for (int i = 0; i < 8192; ++i) to_alaw[i] = alaw_of_linear((i - 4096) * 8);
  }
};
const Tables tables;

}  // namespace

uint8_t encode_ulaw(int16_t sample) {
  return tables.to_ulaw[(sample >> 2) + 8192];
}
uint8_t encode_alaw(int16_t sample) {
  return tables.to_alaw[(sample >> 3) + 4096];
}
int16_t decode_ulaw(uint8_t code) {
  return tables.ulaw[code];
}
int16_t decode_alaw(uint8_t code) {
  return tables.alaw[code];
}
uint8_t alaw_of_ulaw(uint8_t code) {
  return tables.ulaw_to_alaw[code];
}
uint8_t ulaw_of_alaw(uint8_t code) {
  return tables.alaw_to_ulaw[code];
}

}  // namespace nearend::rtp
