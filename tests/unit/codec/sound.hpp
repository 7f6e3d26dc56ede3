#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <span>
#include <vector>

namespace nearend::codec_test {

using Samples = std::vector<int16_t>;

inline Samples tone(double hz, uint32_t rate, double seconds, double level = 8000) {
  Samples samples(static_cast<size_t>(rate * seconds));
  for (size_t i = 0; i < samples.size(); ++i)
    samples[i] =
        static_cast<int16_t>(std::lround(level * std::sin(2 * std::numbers::pi * hz * static_cast<double>(i) / rate)));
  return samples;
}

/// Something like speech: a pitch that moves and its harmonics, with pauses between the syllables.
inline Samples speech(uint32_t rate, double seconds) {
  Samples samples(static_cast<size_t>(rate * seconds));
  double phase = 0;
  for (size_t i = 0; i < samples.size(); ++i) {
    const double t = static_cast<double>(i) / rate;
    phase += 2 * std::numbers::pi * (120 + 20 * std::sin(2 * std::numbers::pi * 0.7 * t)) / rate;
    const double syllable = std::max(0.0, std::sin(2 * std::numbers::pi * 2.1 * t));
    double value = 0;
    for (int k = 1; k <= 12; ++k) value += std::sin(k * phase) / k * (k == 4 || k == 5 ? 2.0 : 1.0);
    samples[i] = static_cast<int16_t>(4000 * syllable * value);
  }
  return samples;
}

inline double level(std::span<const int16_t> samples) {
  double energy = 0;
  for (int16_t sample : samples) energy += static_cast<double>(sample) * sample;
  return std::sqrt(energy / static_cast<double>(std::max<size_t>(1, samples.size())));
}

/// How much of `hz` is in there: its amplitude (Goertzel by definition).
inline double amount(std::span<const int16_t> samples, double hz, uint32_t rate) {
  double re = 0, im = 0;
  for (size_t i = 0; i < samples.size(); ++i) {
    const double angle = 2 * std::numbers::pi * hz * static_cast<double>(i) / rate;
    re += samples[i] * std::cos(angle);
    im += samples[i] * std::sin(angle);
  }
  return 2 * std::hypot(re, im) / static_cast<double>(samples.size());
}

/// The delay of `later` behind `earlier` in samples, at which they are most alike.
inline size_t delay(std::span<const int16_t> earlier, std::span<const int16_t> later, size_t most) {
  size_t best = 0;
  double likeness = -1e300;
  for (size_t shift = 0; shift <= most; ++shift) {
    double product = 0, energy = 1;
    const size_t count = std::min(earlier.size(), later.size() - std::min(later.size(), shift));
    for (size_t i = 0; i < count; ++i) {
      product += static_cast<double>(earlier[i]) * later[i + shift];
      energy += static_cast<double>(later[i + shift]) * later[i + shift];
    }
    if (product / std::sqrt(energy) > likeness) {
      likeness = product / std::sqrt(energy);
      best = shift;
    }
  }
  return best;
}

}  // namespace nearend::codec_test
