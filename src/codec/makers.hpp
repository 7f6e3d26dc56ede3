#pragma once

#include "codec/codec.hpp"

namespace nearend::codec {

/// One maker a codec; null where the settings are none it has or its library fails.
std::unique_ptr<Encoder> make_g711_encoder(const Settings& settings);
std::unique_ptr<Decoder> make_g711_decoder(const Settings& settings);
std::unique_ptr<Encoder> make_g722_encoder(const Settings& settings);
std::unique_ptr<Decoder> make_g722_decoder(const Settings& settings);
std::unique_ptr<Encoder> make_l16_encoder(const Settings& settings);
std::unique_ptr<Decoder> make_l16_decoder(const Settings& settings);
std::unique_ptr<Encoder> make_opus_encoder(const Settings& settings);
std::unique_ptr<Decoder> make_opus_decoder(const Settings& settings);
std::unique_ptr<Encoder> make_g729_encoder(const Settings& settings);
std::unique_ptr<Decoder> make_g729_decoder(const Settings& settings);
std::unique_ptr<Encoder> make_amr_encoder(const Settings& settings);
std::unique_ptr<Decoder> make_amr_decoder(const Settings& settings);
std::unique_ptr<Encoder> make_gsm_encoder(const Settings& settings);
std::unique_ptr<Decoder> make_gsm_decoder(const Settings& settings);

/// The largest multiple of `step` up to `wanted` and `most`, `step` at least.
constexpr size_t fitting_multiple(size_t wanted, size_t step, size_t most) {
  const size_t least_of_both = wanted < most ? wanted : most;
  return least_of_both < step ? step : least_of_both / step * step;
}
/// Samples of the longest packet at `rate`.
constexpr size_t longest(uint32_t rate) {
  return size_t{rate} / 1000 * packet_ms_max;
}

}  // namespace nearend::codec
