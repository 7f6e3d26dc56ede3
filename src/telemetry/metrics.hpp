#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace nearend::telemetry {

/// A value that only grows. Adding is one relaxed atomic addition; any thread.
class Counter {
 public:
  void add(uint64_t amount = 1) { value_.fetch_add(amount, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

/// A value that rises and falls. Any thread.
class Gauge {
 public:
  void set(int64_t value) { value_.store(value, std::memory_order_relaxed); }
  void add(int64_t amount) { value_.fetch_add(amount, std::memory_order_relaxed); }
  int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

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

/// Finds or makes the metric of that name and labels (`kind="refused"`); the reference stays valid for the process.
/// Takes a lock: ask once and keep the reference, never on the media path.
Counter& counter(std::string_view name, std::string_view labels = "");
Gauge& gauge(std::string_view name, std::string_view labels = "");
/// `bounds` count for the first who asks.
Histogram& histogram(std::string_view name, std::span<const double> bounds, std::string_view labels = "");

/// All metrics in the Prometheus text format, sorted by name.
std::string prometheus_text();

}  // namespace nearend::telemetry
