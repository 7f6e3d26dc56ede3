#include "codec/comfort_noise.hpp"

#include <algorithm>
#include <cmath>

namespace nearend::codec {
namespace {
constexpr float overload = 32767.0f;
constexpr float unit_noise = 0.577f;  // what evenly spread values of -1 to 1 have as root mean square
}  // namespace

void ComfortNoise::set_level(uint8_t below_overload_db) {
  order_ = 0;
  gain_ = overload * std::pow(10.0f, -static_cast<float>(std::min<int>(below_overload_db, 127)) / 20) / unit_noise;
}

bool ComfortNoise::update(std::span<const uint8_t> payload) {
  if (payload.empty()) return false;
  set_level(payload[0] & 0x7f);
  order_ = std::min(payload.size() - 1, order_max);
  float kept = 1;  // the filter's own gain is taken out, so that the level is what was said
  for (size_t i = 0; i < order_; ++i) {
    // RFC 3389 3.2: 8 bits for -1 to 1. Just inside, so that the filter is stable whatever is sent.
    reflections_[i] = std::clamp((static_cast<float>(payload[i + 1]) - 127) / 128, -0.98f, 0.98f);
    kept *= 1 - reflections_[i] * reflections_[i];
  }
  gain_ *= std::sqrt(kept);
  return true;
}

void ComfortNoise::fill(std::span<int16_t> out) {
  for (int16_t& sample : out) {
    random_ = random_ * 1664525u + 1013904223u;
    float forward = static_cast<float>(static_cast<int32_t>(random_)) / 2147483648.0f * gain_;
    // An all-pole lattice.
    for (size_t i = order_; i-- > 0;) {
      forward -= reflections_[i] * delayed_[i];
      delayed_[i + 1] = delayed_[i] + reflections_[i] * forward;
    }
    delayed_[0] = forward;
    sample = static_cast<int16_t>(std::clamp(forward, -overload, overload));
  }
}

uint8_t noise_level_of(std::span<const int16_t> samples) {
  double energy = 0;
  for (int16_t sample : samples) energy += double{static_cast<double>(sample)} * sample;
  const double mean = std::sqrt(energy / static_cast<double>(std::max<size_t>(1, samples.size())));
  if (mean < 1) return 90;
  return static_cast<uint8_t>(std::clamp(std::lround(-20 * std::log10(mean / 32767)), 0L, 90L));
}

}  // namespace nearend::codec
