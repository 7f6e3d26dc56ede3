#include "telemetry/metrics.hpp"

#include <fmt/format.h>

#include <map>
#include <memory>
#include <mutex>

#include "telemetry/log.hpp"

namespace nearend::telemetry {
namespace {

struct Registry {
  std::mutex mutex;
  std::map<std::string, std::unique_ptr<Counter>, std::less<>> counters;
  std::map<std::string, std::unique_ptr<Gauge>, std::less<>> gauges;
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

}  // namespace

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
  // The log counts for itself, on its own thread.
  text += fmt::format("# TYPE nearend_log_lines_dropped_total counter\nnearend_log_lines_dropped_total {}\n",
                      dropped_log_lines());
  return text;
}

}  // namespace nearend::telemetry
