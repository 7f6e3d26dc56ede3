#include "codec/concealer.hpp"

#include <algorithm>
#include <cmath>

namespace nearend::codec {
namespace {
// Appendix I.2: 66 to 200 Hz, a window of 20 ms, 20 % less each 10 ms.
constexpr size_t pitch_least_ms = 5, pitch_most_ms = 15, window_ms = 20;
constexpr size_t full_ms = 10, silent_ms = 60, blend_ms = 4;

int16_t clipped(float value) {
  return static_cast<int16_t>(std::lrint(std::clamp(value, -32768.0f, 32767.0f)));
}
}  // namespace

Concealer::Concealer(uint32_t rate)
    : per_ms_(rate / 1000),
      pitch_least_(pitch_least_ms * per_ms_),
      pitch_most_(pitch_most_ms * per_ms_),
      history_((window_ms + pitch_most_ms + pitch_most_ms / 4 + 1) * per_ms_),
      cycle_(pitch_most_) {}

void Concealer::remember(std::span<const int16_t> samples) {
  if (samples.size() >= history_.size()) {
    std::copy(samples.end() - static_cast<ptrdiff_t>(history_.size()), samples.end(), history_.begin());
    return;
  }
  std::copy(history_.begin() + static_cast<ptrdiff_t>(samples.size()), history_.end(), history_.begin());
  std::copy(samples.begin(), samples.end(), history_.end() - static_cast<ptrdiff_t>(samples.size()));
}

/// Where the last 20 ms look most like themselves: coarsely on every n-th sample, then finely around the best.
size_t Concealer::find_pitch() const {
  const size_t window = window_ms * per_ms_;
  const size_t coarse = std::max<size_t>(1, per_ms_ / 4);
  const int16_t* last = history_.data() + history_.size() - window;
  const auto likeness = [&](size_t lag, size_t step) {
    float product = 0, energy = 1;
    for (size_t i = 0; i < window; i += step) {
      const float then = *(last + i - lag);
      product += then * *(last + i);
      energy += then * then;
    }
    return product / std::sqrt(energy);
  };
  const auto search = [&](size_t from, size_t to, size_t by, size_t step) {
    size_t best = from;
    float most = likeness(from, step);
    for (size_t lag = from + by; lag <= to; lag += by)
      if (const float now = likeness(lag, step); now > most) {
        most = now;
        best = lag;
      }
    return best;
  };
  const size_t rough = search(pitch_least_, pitch_most_, coarse, coarse);
  return search(std::max(pitch_least_, rough - std::min(rough, coarse)), std::min(pitch_most_, rough + coarse), 1,
                std::max<size_t>(1, coarse / 2));
}

/// The last cycle, whose end is blended into what came before it, so that it can be said again and again.
void Concealer::begin() {
  pitch_ = find_pitch();
  at_ = 0;
  const size_t blend = pitch_ / 4;
  const int16_t* end = history_.data() + history_.size();
  const int16_t* start = end - pitch_;
  for (size_t i = 0; i < pitch_; ++i) cycle_[i] = start[i];
  for (size_t i = 0; i < blend; ++i) {
    const float weight = static_cast<float>(i + 1) / static_cast<float>(blend + 1);
    const size_t at = pitch_ - blend + i;
    cycle_[at] =
        static_cast<float>(start[at]) * (1 - weight) + static_cast<float>(*(end - pitch_ - blend + i)) * weight;
  }
}

float Concealer::next() {
  const float value = cycle_[at_];
  at_ = at_ + 1 == pitch_ ? 0 : at_ + 1;
  const size_t full = full_ms * per_ms_, silent = silent_ms * per_ms_;
  const size_t lost = lost_++;
  if (lost <= full) return value;
  if (lost >= silent) return 0;
  return value * static_cast<float>(silent - lost) / static_cast<float>(silent - full);
}

void Concealer::conceal(std::span<int16_t> out) {
  if (lost_ == 0) {
    begin();
    // The seam: what was heard last, mirrored, fades out while the cycle comes in.
    const size_t blend = std::min(pitch_ / 4, out.size());
    const int16_t* end = history_.data() + history_.size();
    for (size_t i = 0; i < blend; ++i) {
      const float weight = static_cast<float>(i + 1) / static_cast<float>(blend + 1);
      const float straight_on = 2.0f * end[-1] - static_cast<float>(*(end - 2 - i));
      const float cycle = next();
      out[i] = clipped(straight_on * (1 - weight) * (1 - weight) + cycle * (1 - (1 - weight) * (1 - weight)));
    }
    for (size_t i = blend; i < out.size(); ++i) out[i] = clipped(next());
  } else {
    for (int16_t& sample : out) sample = clipped(next());
  }
  remember(out);
}

void Concealer::heard(std::span<int16_t> samples) {
  if (lost_ > 0) {
    const size_t blend = std::min(blend_ms * per_ms_, samples.size());
    for (size_t i = 0; i < blend; ++i) {
      const float weight = static_cast<float>(i + 1) / static_cast<float>(blend + 1);
      samples[i] = clipped(next() * (1 - weight) + static_cast<float>(samples[i]) * weight);
    }
    lost_ = 0;
  }
  remember(samples);
}

}  // namespace nearend::codec
