#include "policy/report.hpp"

#include <boost/json/array.hpp>

#include <algorithm>
#include <cmath>

namespace nearend::policy {
namespace {

constexpr double units_max = 10'000'000, packets_max = 100'000'000, jitter_ms_max = 2000, rtt_ms_max = 10'000;
constexpr size_t segments_max = 50'000;

bool is_within(double value, double most) {
  return std::isfinite(value) && value >= 0 && value <= most;
}

std::optional<LoadReport> load_from(const json::object& object) {
  const double used = json_number_or(object, "used", -1), reserved = json_number_or(object, "reserved", 0);
  const double capacity = json_number_or(object, "capacity", -1);
  if (!is_within(used, units_max) || !is_within(reserved, units_max) || !is_within(capacity, units_max) ||
      capacity <= 0)
    return std::nullopt;
  return LoadReport{used + reserved, capacity, json_bool_or(object, "draining", false)};
}

std::optional<SegmentReport> segment_from(const json::object& object) {
  SegmentReport segment;
  segment.area = json_string_or(object, "area", "");
  segment.region = json_string_or(object, "region", "");
  const double packets = json_number_or(object, "packets", 0), lost = json_number_or(object, "lost", 0);
  const double late = json_number_or(object, "late", 0), jitter = json_number_or(object, "jitter_ms", 0);
  const double rtt = json_number_or(object, "rtt_ms", 0), streams = json_number_or(object, "streams", 1);
  const bool is_named = segment.area.empty() != segment.region.empty() && segment.area.size() <= 200;
  if (!is_named || !is_within(packets, packets_max) || !is_within(lost, packets) || !is_within(late, packets - lost) ||
      !is_within(jitter, jitter_ms_max) || !is_within(rtt, rtt_ms_max) || !is_within(streams, packets_max))
    return std::nullopt;
  segment.measured = {
      static_cast<uint32_t>(packets), static_cast<uint32_t>(lost), static_cast<uint32_t>(late), jitter, rtt,
      static_cast<uint32_t>(streams)};
  return segment;
}

/// Each element that makes sense, to `all`.
template <class Each>
void take_list(const json::object& object, std::string_view key, size_t most, std::vector<Each>& all, size_t& left_out,
               std::optional<Each> (*read)(const json::object&)) {
  const json::value* list = object.if_contains(key);
  if (!list || !list->is_array()) return;
  all.reserve(std::min(list->get_array().size(), most));
  for (const json::value& element : list->get_array()) {
    auto one = element.is_object() && all.size() < most ? read(element.get_object()) : std::nullopt;
    if (one)
      all.push_back(std::move(*one));
    else
      ++left_out;
  }
}

}  // namespace

Result<GatewayReport> report_from(const json::value& value, size_t& left_out) {
  if (!value.is_object()) return fail(Error::Kind::invalid, "a report must be an object with gateway, load, segments");
  const json::object& object = value.get_object();
  auto gateway = json_string(object, "gateway");
  if (!gateway) return pass(gateway);
  GatewayReport report;
  report.gateway = std::move(*gateway);
  report.seq = static_cast<uint64_t>(std::max<int64_t>(json_integer_or(object, "seq", 0), 0));
  report.at_ms = json_integer_or(object, "at_ms", 0);
  if (const json::value* load = object.if_contains("load"); load && load->is_object()) {
    report.load = load_from(load->get_object());
    left_out += !report.load;
  }
  take_list(object, "segments", segments_max, report.segments, left_out, segment_from);
  take_list(object, "providers", providers_max, report.providers, left_out, provider_from);
  take_list(object, "calls", calls_told_max, report.calls, left_out, call_from);
  return report;
}

json::object to_json(const GatewayReport& report) {
  json::object object{{"gateway", report.gateway}, {"seq", report.seq}, {"at_ms", report.at_ms}};
  if (report.load)
    object["load"] = json::object{
        {"used", report.load->used}, {"capacity", report.load->capacity}, {"draining", report.load->is_draining}};
  json::array segments;
  for (const SegmentReport& segment : report.segments) {
    const Measurement& measured = segment.measured;
    json::object entry;
    if (segment.area.empty())
      entry["region"] = segment.region;
    else
      entry["area"] = segment.area;
    entry["packets"] = measured.packets;
    entry["lost"] = measured.lost;
    entry["late"] = measured.late;
    entry["jitter_ms"] = measured.jitter_ms;
    entry["rtt_ms"] = measured.rtt_ms;
    entry["streams"] = measured.streams;
    segments.push_back(std::move(entry));
  }
  object["segments"] = std::move(segments);
  const auto put = [&](std::string_view key, const auto& all) {
    if (all.empty()) return;
    json::array list;
    for (const auto& one : all) list.push_back(to_json(one));
    object[key] = std::move(list);
  };
  put("providers", report.providers);
  put("calls", report.calls);
  return object;
}

}  // namespace nearend::policy
