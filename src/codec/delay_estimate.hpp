#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace nearend::codec {

/// How much later than the fastest ones packets come: what a buffer must wait so that few of them are late. A histogram
/// that forgets, over the least delay of the last ten seconds, which follows the sender's clock. One thread.
class DelayEstimate {
 public:
  /// `transit`: arrival less place on the sender's line, in samples of `rate`; any origin.
  void add(int64_t transit, uint32_t rate);
  /// Another source has another origin; what is known about the spread stays.
  void restart();

  bool has_base() const { return filled_ > 0; }
  /// The least transit lately.
  int64_t base() const { return base_; }
  /// So many milliseconds above it are all but one in fifty.
  double spread_ms() const { return spread_ms_; }

 private:
  static constexpr size_t bins = 64, windows = 10;
  static constexpr double bin_ms = 5;
  void find_spread();

  std::array<int64_t, windows> least_{};  // a second of packets each, the newest last
  size_t filled_ = 0;
  size_t in_window_ = 0;
  int64_t base_ = 0;
  std::array<float, bins> share_{};
  double spread_ms_ = 0;
  uint32_t packets_ = 0;
};

}  // namespace nearend::codec
