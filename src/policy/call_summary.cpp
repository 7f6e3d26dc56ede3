#include "policy/call_summary.hpp"

#include <cmath>

namespace nearend::policy {
namespace {

constexpr size_t name_max = 200;
constexpr double packets_max = 100'000'000, jitter_ms_max = 2000, rtt_ms_max = 10'000, score_max = 4.5;
constexpr int64_t duration_ms_max = int64_t{7} * 86'400'000;
constexpr int64_t status_max = 699;

bool is_within(double value, double most) {
  return std::isfinite(value) && value >= 0 && value <= most;
}

}  // namespace

std::optional<CallSummary> call_from(const json::object& object) {
  CallSummary call{.provider = json_string_or(object, "provider", ""),
                   .area = json_string_or(object, "area", ""),
                   .is_inbound = json_bool_or(object, "inbound", false),
                   .is_answered = json_bool_or(object, "answered", false),
                   .duration_ms = json_integer_or(object, "duration_ms", 0),
                   .jitter_ms = json_number_or(object, "jitter_ms", 0),
                   .rtt_ms = json_number_or(object, "rtt_ms", 0),
                   .score = json_number_or(object, "mos", 0)};
  const int64_t status = json_integer_or(object, "status", 200);
  const double packets = json_number_or(object, "packets", 0), lost = json_number_or(object, "lost", 0);
  const double late = json_number_or(object, "late", 0);
  const bool is_sound =
      call.provider.size() <= name_max && call.area.size() <= name_max && status >= 0 && status <= status_max &&
      call.duration_ms >= 0 && call.duration_ms <= duration_ms_max && is_within(packets, packets_max) &&
      is_within(lost, packets) && is_within(late, packets - lost) && is_within(call.jitter_ms, jitter_ms_max) &&
      is_within(call.rtt_ms, rtt_ms_max) && is_within(call.score, score_max) && (call.score == 0 || call.score >= 1);
  if (!is_sound) return std::nullopt;
  call.status = static_cast<int>(status);
  call.packets = static_cast<uint32_t>(packets);
  call.lost = static_cast<uint32_t>(lost);
  call.late = static_cast<uint32_t>(late);
  return call;
}

json::object to_json(const CallSummary& call) {
  json::object object{{"inbound", call.is_inbound}, {"answered", call.is_answered},
                      {"status", call.status},      {"duration_ms", call.duration_ms},
                      {"packets", call.packets},    {"lost", call.lost},
                      {"late", call.late},          {"jitter_ms", call.jitter_ms},
                      {"rtt_ms", call.rtt_ms},      {"mos", call.score}};
  if (!call.provider.empty()) object["provider"] = call.provider;
  if (!call.area.empty()) object["area"] = call.area;
  return object;
}

}  // namespace nearend::policy
