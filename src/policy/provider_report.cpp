#include "policy/provider_report.hpp"

#include <boost/json/array.hpp>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <utility>

namespace nearend::policy {
namespace {

constexpr double calls_max = 10'000'000, cost_max = 1e9, priority_max = 1e6, delay_ms_max = 300'000;
constexpr size_t prefix_length_max = 32;

bool is_within(double value, double most) {
  return std::isfinite(value) && value >= 0 && value <= most;
}

/// A whole number of calls; nothing when it is none.
bool read(const json::object& object, std::string_view key, uint32_t& count) {
  const double value = json_number_or(object, key, 0);
  if (!is_within(value, calls_max)) return false;
  count = static_cast<uint32_t>(value);
  return true;
}

bool read_all(const json::object& object, std::initializer_list<std::pair<std::string_view, uint32_t*>> counts) {
  return std::ranges::all_of(counts, [&](const auto& each) { return read(object, each.first, *each.second); });
}

bool read_prefixes(const json::object& object, std::optional<std::vector<std::string>>& prefixes) {
  const json::value* told = object.if_contains("prefixes");
  if (!told) return true;
  if (!told->is_array() || told->get_array().size() > prefixes_max) return false;
  prefixes.emplace();
  for (const json::value& each : told->get_array()) {
    if (!each.is_string() || each.get_string().size() > prefix_length_max) return false;
    prefixes->emplace_back(each.get_string());
  }
  return true;
}

}  // namespace

std::optional<ProviderReport> provider_from(const json::object& object) {
  ProviderReport report{.name = json_string_or(object, "name", ""), .prefixes = {}, .facts = {}, .counts = {}};
  if (report.name.empty() || report.name.size() > provider_name_max) return std::nullopt;
  ProviderFacts& facts = report.facts;
  ProviderCounts& counts = report.counts;
  const double priority = json_number_or(object, "priority", 0);
  facts.cost = json_number_or(object, "cost", 0);
  facts.is_healthy = json_bool_or(object, "healthy", true);
  counts.delay_ms = json_number_or(object, "delay_ms", 0);
  const bool is_read =
      read_prefixes(object, report.prefixes) && read_all(object, {{"channels", &facts.channels},
                                                                  {"channels_max", &facts.channels_max},
                                                                  {"cps_max", &facts.cps_max},
                                                                  {"attempts", &counts.attempts},
                                                                  {"failed", &counts.failed},
                                                                  {"refused", &counts.refused},
                                                                  {"answered", &counts.answered},
                                                                  {"delays", &counts.delays}});
  if (!is_read || !is_within(std::abs(priority), priority_max) || !is_within(facts.cost, cost_max) ||
      counts.failed > counts.attempts || !is_within(counts.delay_ms, delay_ms_max * counts.delays))
    return std::nullopt;
  facts.priority = static_cast<int>(priority);
  return report;
}

json::object to_json(const ProviderReport& report) {
  json::object object{{"name", report.name}};
  if (report.prefixes) {
    json::array prefixes;
    for (const std::string& prefix : *report.prefixes) prefixes.emplace_back(prefix);
    object["prefixes"] = std::move(prefixes);
  }
  const auto put = [&](std::string_view key, auto value) {
    if (value != 0) object[key] = value;
  };
  const ProviderFacts& facts = report.facts;
  const ProviderCounts& counts = report.counts;
  put("priority", facts.priority);
  put("cost", facts.cost);
  put("channels", facts.channels);
  put("channels_max", facts.channels_max);
  put("cps_max", facts.cps_max);
  if (!facts.is_healthy) object["healthy"] = false;
  put("attempts", counts.attempts);
  put("failed", counts.failed);
  put("refused", counts.refused);
  put("answered", counts.answered);
  put("delays", counts.delays);
  put("delay_ms", counts.delay_ms);
  return object;
}

}  // namespace nearend::policy
