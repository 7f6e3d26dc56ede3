#pragma once

#include <atomic>
#include <cstdint>
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

/// Finds or makes the metric of that name and labels (`kind="refused"`); the reference stays valid for the process.
/// Takes a lock: ask once and keep the reference, never on the media path.
Counter& counter(std::string_view name, std::string_view labels = "");
Gauge& gauge(std::string_view name, std::string_view labels = "");

/// All metrics in the Prometheus text format, sorted by name.
std::string prometheus_text();

}  // namespace nearend::telemetry
