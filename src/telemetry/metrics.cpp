#include "telemetry/metrics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>

#include "telemetry/histogram.hpp"
#include "telemetry/log.hpp"

namespace nearend::telemetry {
namespace {

struct Registry {
  std::mutex mutex;
  std::map<std::string, std::unique_ptr<Counter>, std::less<>> counters;
  std::map<std::string, std::unique_ptr<Gauge>, std::less<>> gauges;
  std::map<std::string, std::unique_ptr<Histogram>, std::less<>> histograms;
};

Registry& registry() {
  static Registry* const one = new Registry;  // never destroyed: threads may count until the process ends
  return *one;
}

std::string full_name(std::string_view name, std::string_view labels) {
  return labels.empty() ? std::string(name) : fmt::format("{}{{{}}}", name, labels);
}

template <class Metric>
Metric& find_or_make(std::map<std::string, std::unique_ptr<Metric>, std::less<>>& metrics, std::string name) {
  std::lock_guard guard(registry().mutex);
  auto& slot = metrics[std::move(name)];
  if (!slot) slot = std::make_unique<Metric>();
  return *slot;
}

template <class Metric>
void append_metrics(std::string& text, const std::map<std::string, std::unique_ptr<Metric>, std::less<>>& metrics,
                    std::string_view type) {
  std::string_view last_family;
  for (const auto& [name, metric] : metrics) {
    const std::string_view family = std::string_view(name).substr(0, name.find('{'));
    if (family != last_family) text += fmt::format("# TYPE {} {}\n", family, type);
    last_family = family;
    text += fmt::format("{} {}\n", name, metric->value());
  }
}

/// `name{labels}` with one more label, and with `suffix` behind the name.
std::string with(std::string_view name, std::string_view suffix, std::string_view label = "") {
  const size_t brace = name.find('{');
  std::string labels = brace == std::string_view::npos ? "" : std::string(name.substr(brace + 1));
  if (!labels.empty()) labels.pop_back();
  if (!label.empty()) labels += fmt::format("{}{}", labels.empty() ? "" : ",", label);
  return full_name(fmt::format("{}{}", name.substr(0, brace), suffix), labels);
}

void append_histograms(std::string& text,
                       const std::map<std::string, std::unique_ptr<Histogram>, std::less<>>& histograms) {
  std::string_view last_family;
  for (const auto& [name, one] : histograms) {
    const std::string_view family = std::string_view(name).substr(0, name.find('{'));
    if (family != last_family) text += fmt::format("# TYPE {} histogram\n", family);
    last_family = family;
    uint64_t below = 0;
    for (size_t i = 0; i < one->bounds().size(); ++i) {
      below += one->between(i);
      text += fmt::format("{} {}\n", with(name, "_bucket", fmt::format("le=\"{}\"", one->bounds()[i])), below);
    }
    below += one->between(one->bounds().size());
    text += fmt::format("{} {}\n", with(name, "_bucket", "le=\"+Inf\""), below);
    text += fmt::format("{} {}\n{} {}\n", with(name, "_sum"), one->sum(), with(name, "_count"), below);
  }
}

}  // namespace

Histogram::Histogram(std::span<const double> bounds) : count_(std::min(bounds.size(), bounds_max)) {
  std::copy_n(bounds.begin(), count_, bounds_.begin());
}

void Histogram::note(double value, uint64_t times) {
  const auto cell = std::lower_bound(bounds_.begin(), bounds_.begin() + static_cast<std::ptrdiff_t>(count_), value);
  cells_[static_cast<size_t>(cell - bounds_.begin())].fetch_add(times, std::memory_order_relaxed);
  sum_milli_.fetch_add(static_cast<int64_t>(value * 1000) * static_cast<int64_t>(times), std::memory_order_relaxed);
}

uint64_t Histogram::count() const {
  uint64_t all = 0;
  for (size_t i = 0; i <= count_; ++i) all += between(i);
  return all;
}

Histogram& histogram(std::string_view name, std::span<const double> bounds, std::string_view labels) {
  std::lock_guard guard(registry().mutex);
  auto& slot = registry().histograms[full_name(name, labels)];
  if (!slot) slot = std::make_unique<Histogram>(bounds);
  return *slot;
}

Counter& counter(std::string_view name, std::string_view labels) {
  return find_or_make(registry().counters, full_name(name, labels));
}

Gauge& gauge(std::string_view name, std::string_view labels) {
  return find_or_make(registry().gauges, full_name(name, labels));
}

std::string prometheus_text() {
  std::lock_guard guard(registry().mutex);
  std::string text;
  append_metrics(text, registry().counters, "counter");
  append_metrics(text, registry().gauges, "gauge");
  append_histograms(text, registry().histograms);
  // The log counts for itself, on its own thread.
  text += fmt::format("# TYPE nearend_log_lines_dropped_total counter\nnearend_log_lines_dropped_total {}\n",
                      dropped_log_lines());
  return text;
}

}  // namespace nearend::telemetry
