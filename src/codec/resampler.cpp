#include "codec/resampler.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <numbers>
#include <numeric>

namespace nearend::codec {
namespace {

constexpr size_t crossings = 16;   // of the sinc, on each side
constexpr double band = 0.93;      // of the lower rate's half: the middle of the filter's edge
constexpr double beta = 6.5;       // Kaiser: about 65 dB
constexpr int unit_bits = 14;      // coefficients, so that 32 bits hold any sum
constexpr size_t piece_max = 960;  // samples taken at once

double bessel(double x) {
  double sum = 1, term = 1;
  for (int k = 1; k < 30; ++k) {
    term *= (x / 2 / k) * (x / 2 / k);
    sum += term;
  }
  return sum;
}

}  // namespace

/// `taps` coefficients for each of `up` phases, the oldest sample's first.
struct Resampler::Filter {
  size_t taps;
  std::vector<int16_t> coefficients;
};

std::shared_ptr<const Resampler::Filter> Resampler::filter_for(uint32_t up, uint32_t down) {
  static std::mutex guard;
  static std::map<std::pair<uint32_t, uint32_t>, std::weak_ptr<const Filter>> known;
  const std::scoped_lock lock(guard);
  auto& place = known[{up, down}];
  if (auto filter = place.lock()) return filter;
  const double shrink = std::max(1.0, static_cast<double>(down) / up);
  const size_t taps = (static_cast<size_t>(std::ceil(2 * crossings * shrink)) + 7) / 8 * 8;
  const double half = static_cast<double>(taps) / 2;
  auto filter = std::make_shared<Filter>(Filter{taps, std::vector<int16_t>(taps * up)});
  for (uint32_t phase = 0; phase < up; ++phase) {
    std::vector<double> exact(taps);
    for (size_t tap = 0; tap < taps; ++tap) {
      // How far the input sample lies from the output sample, in input samples.
      const double at = static_cast<double>(tap) - half + 1 - static_cast<double>(phase) / up;
      const double x = at * band / shrink * std::numbers::pi;
      const double edge = at / half;
      const double window = std::abs(edge) >= 1 ? 0 : bessel(beta * std::sqrt(1 - edge * edge)) / bessel(beta);
      exact[tap] = (std::abs(x) < 1e-9 ? 1 : std::sin(x) / x) * window;
    }
    const double sum = std::accumulate(exact.begin(), exact.end(), 0.0);
    for (size_t tap = 0; tap < taps; ++tap)
      filter->coefficients[phase * taps + tap] = static_cast<int16_t>(std::lround(exact[tap] / sum * (1 << unit_bits)));
  }
  place = filter;
  return filter;
}

Resampler::Resampler(uint32_t from, uint32_t to) : from_(from), to_(to) {
  const uint32_t common = std::gcd(from, to);
  up_ = to / common;
  down_ = from / common;
  filter_ = filter_for(static_cast<uint32_t>(up_), static_cast<uint32_t>(down_));
  line_.resize(filter_->taps - 1 + piece_max);
}
Resampler::~Resampler() = default;
Resampler::Resampler(Resampler&&) noexcept = default;
Resampler& Resampler::operator=(Resampler&&) noexcept = default;

size_t Resampler::process(std::span<const int16_t> in, std::span<int16_t> out) {
  size_t made = 0;
  while (!in.empty()) {
    const size_t piece = std::min(in.size(), piece_max);
    if (out.size() - made < room_for(piece)) return made;
    made += process_piece(in.first(piece), out.data() + made);
    in = in.subspan(piece);
  }
  return made;
}

size_t Resampler::process_piece(std::span<const int16_t> in, int16_t* out) {
  const size_t taps = filter_->taps;
  std::copy(in.begin(), in.end(), line_.begin() + static_cast<ptrdiff_t>(taps - 1));
  size_t made = 0;
  size_t position = 0;  // of the newest input sample that the next output needs
  for (; (position = phase_ / up_) < in.size(); phase_ += down_) {
    const int16_t* samples = line_.data() + position;
    const int16_t* coefficients = filter_->coefficients.data() + phase_ % up_ * taps;
    int32_t sum = 1 << (unit_bits - 1);
    for (size_t tap = 0; tap < taps; ++tap) sum += int32_t{samples[tap]} * coefficients[tap];
    out[made++] = static_cast<int16_t>(std::clamp(sum >> unit_bits, -32768, 32767));
  }
  phase_ -= in.size() * up_;
  std::copy_n(line_.begin() + static_cast<ptrdiff_t>(in.size()), taps - 1, line_.begin());
  return made;
}

}  // namespace nearend::codec
