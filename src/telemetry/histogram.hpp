#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace nearend::telemetry {

/// How values are spread: how many were at or below each of some bounds. Noting one is two or three relaxed atomic
/// additions; any thread.
class Histogram {
 public:
  static constexpr size_t bounds_max = 24;
  /// Rising; at most bounds_max.
  explicit Histogram(std::span<const double> bounds);
  void note(double value, uint64_t times = 1);
  std::span<const double> bounds() const { return {bounds_.data(), count_}; }
  /// Of the values above bound `index - 1` and not above bound `index`; the last one has no bound.
  uint64_t between(size_t index) const { return cells_[index].load(std::memory_order_relaxed); }
  uint64_t count() const;
  double sum() const { return static_cast<double>(sum_milli_.load(std::memory_order_relaxed)) / 1000; }

 private:
  std::array<double, bounds_max> bounds_{};
  size_t count_ = 0;
  std::array<std::atomic<uint64_t>, bounds_max + 1> cells_{};
  std::atomic<int64_t> sum_milli_{0};
};

/// Finds or makes the histogram of that name and labels; it stays for the process. `bounds` count for the first who
/// asks. Takes a lock.
Histogram& histogram(std::string_view name, std::span<const double> bounds, std::string_view labels = "");

}  // namespace nearend::telemetry
