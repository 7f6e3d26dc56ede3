// links: codec
// Payloads of every codec as a stranger may send them: length, content and order are the input's.
#include <cstdlib>
#include <vector>

#include "codec/amr_payload.hpp"
#include "codec/comfort_noise.hpp"
#include "codec/stream_decoder.hpp"

using namespace nearend;
using namespace nearend::codec;

namespace {

struct Name {
  const char* name;
  uint32_t clock_rate;
  const char* fmtp;
};
constexpr Name names[] = {{"PCMU", 8000, ""},
                          {"G722", 8000, ""},
                          {"L16", 44100, ""},
                          {"G729", 8000, ""},
                          {"AMR", 8000, "octet-align=1"},
                          {"AMR", 8000, ""},
                          {"GSM", 8000, ""},
                          {"opus", 48000, "useinbandfec=1"}};

void require(bool is_true) {
  if (!is_true) std::abort();
}

/// What was unpacked must come out the same when it is packed and unpacked again.
void try_amr(std::span<const uint8_t> bytes, bool is_octet_aligned) {
  const auto payload = amr::unpack(bytes, is_octet_aligned);
  if (!payload) return;
  std::vector<uint8_t> again(1000);
  const auto size = amr::pack(*payload, is_octet_aligned, again);
  require(size.has_value());
  const auto second = amr::unpack(std::span(again).first(*size), is_octet_aligned);
  require(second && second->count == payload->count && second->request == payload->request);
  for (size_t i = 0; i < payload->count; ++i) require(second->frames[i].bits == payload->frames[i].bits);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const Name& name = names[data[0] % std::size(names)];
  auto settings = find_settings(name.name, name.clock_rate, 1, name.fmtp);
  require(settings.has_value());
  StreamDecoder decoder(*make_decoder(*settings), settings->clock_rate);
  ComfortNoise noise;
  std::vector<int16_t> heard(160);
  uint16_t sequence = 0;
  uint32_t timestamp = 0;
  // Each packet: a byte of length, a byte of steps, the payload.
  for (size_t at = 1; at + 2 <= size;) {
    const size_t length = std::min<size_t>(data[at], size - at - 2);
    sequence = static_cast<uint16_t>(sequence + data[at + 1] % 7 - 1);
    timestamp += (data[at + 1] / 7u) * settings->clock_rate / 50;
    const std::span payload(data + at + 2, length);
    const auto taken = decoder.take({.sequence = sequence, .timestamp = timestamp, .payload = payload});
    require(taken.concealed <= taken.samples.size());
    if (data[at + 1] == 255) (void)decoder.pause(160);
    try_amr(payload, true);
    try_amr(payload, false);
    if (noise.update(payload)) noise.fill(heard);
    at += 2 + length;
  }
  return 0;
}
