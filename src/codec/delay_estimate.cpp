#include "codec/delay_estimate.hpp"

#include <algorithm>

namespace nearend::codec {
namespace {
constexpr float forgotten = 0.995f;  // half of it in 140 packets
constexpr size_t window_packets = 50;
constexpr float covered = 0.98f;
}  // namespace

void DelayEstimate::restart() {
  filled_ = 0;
  in_window_ = 0;
}

void DelayEstimate::add(int64_t transit, uint32_t rate) {
  if (filled_ == 0) {
    least_[windows - 1] = base_ = transit;
    filled_ = 1;
  }
  int64_t& newest = least_[windows - 1];
  newest = in_window_ == 0 ? transit : std::min(newest, transit);
  if (++in_window_ >= window_packets) {
    base_ = *std::min_element(least_.end() - static_cast<ptrdiff_t>(filled_), least_.end());
    std::move(least_.begin() + 1, least_.end(), least_.begin());
    filled_ = std::min(filled_ + 1, windows);
    in_window_ = 0;
    newest = transit;
  }
  base_ = std::min(base_, transit);
  const double above_ms = 1000.0 * static_cast<double>(transit - base_) / rate;
  const auto bin = static_cast<size_t>(std::clamp(above_ms / bin_ms, 0.0, static_cast<double>(bins - 1)));
  // The first packets count more, so that the beginning is not believed for long.
  const float kept = std::min(forgotten, 1 - 1 / static_cast<float>(++packets_ + 1));
  packets_ = std::min(packets_, 1000u);
  for (float& share : share_) share *= kept;
  share_[bin] += 1 - kept;
  find_spread();
}

void DelayEstimate::find_spread() {
  float all = 0;
  for (float share : share_) all += share;
  float sum = 0;
  size_t bin = 0;
  for (; bin + 1 < bins; ++bin) {
    sum += share_[bin];
    if (sum >= covered * all) break;
  }
  spread_ms_ = bin_ms * static_cast<double>(bin + 1);
}

}  // namespace nearend::codec
