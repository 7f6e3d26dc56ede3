#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "media/audio_file.hpp"

namespace nearend::media {
namespace {

constexpr int zero_crossings = 12;
constexpr int steps = 256;  // table entries per zero crossing

/// One half of a Hann-windowed sinc.
const std::array<float, zero_crossings * steps + 2>& kernel() {
  static const auto table = [] {
    std::array<float, zero_crossings * steps + 2> made{};
    for (size_t i = 0; i < made.size(); ++i) {
      const double x = static_cast<double>(i) / steps;
      const double pi_x = std::numbers::pi * x;
      const double sinc = i == 0 ? 1 : std::sin(pi_x) / pi_x;
      const double window = x >= zero_crossings ? 0 : 0.5 * (1 + std::cos(pi_x / zero_crossings));
      made[i] = static_cast<float>(sinc * window);
    }
    return made;
  }();
  return table;
}

}  // namespace

std::vector<int16_t> resample(std::span<const int16_t> samples, uint32_t rate) {
  if (rate == sample_rate) return {samples.begin(), samples.end()};
  const auto& table = kernel();
  const double step = static_cast<double>(rate) / sample_rate;
  const double cutoff = std::min(1.0, 0.95 / step);  // against aliasing when going down
  const double reach = zero_crossings / cutoff;
  const size_t count = static_cast<size_t>(static_cast<double>(samples.size()) / step);
  std::vector<int16_t> out(count);
  for (size_t i = 0; i < count; ++i) {
    const double centre = static_cast<double>(i) * step;
    const long first = std::max(0L, static_cast<long>(std::ceil(centre - reach)));
    const long last = std::min(static_cast<long>(samples.size()) - 1, static_cast<long>(std::floor(centre + reach)));
    double sum = 0;
    for (long k = first; k <= last; ++k) {
      const double at = std::abs(static_cast<double>(k) - centre) * cutoff * steps;
      sum += samples[static_cast<size_t>(k)] * table[static_cast<size_t>(at)];
    }
    out[i] = static_cast<int16_t>(std::clamp(sum * cutoff, -32768.0, 32767.0));
  }
  return out;
}

}  // namespace nearend::media
