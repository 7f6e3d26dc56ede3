#include "policy/summary.hpp"

#include <boost/json/array.hpp>

#include <algorithm>
#include <cmath>

namespace nearend::policy {
namespace {

constexpr double units_max = 10'000'000, age_ms_max = 600'000, known_age_ms_max = 86'400'000;
constexpr size_t name_max = 200, loads_max = 20'000, segments_max = 100'000, summarized_providers_max = 100'000;

bool is_within(double value, double most) {
  return std::isfinite(value) && value >= 0 && value <= most;
}

/// When it was, by our clock; nothing for ages that nobody tells.
std::optional<int64_t> time_of(const json::object& object, int64_t now_ms) {
  const double age_ms = json_number_or(object, "age_ms", -1);
  if (!is_within(age_ms, age_ms_max)) return std::nullopt;
  return now_ms - static_cast<int64_t>(age_ms);
}

std::optional<LoadSummary> load_from(const json::object& object, int64_t now_ms) {
  const auto at_ms = time_of(object, now_ms);
  const double used = json_number_or(object, "used", -1), capacity = json_number_or(object, "capacity", -1);
  const int64_t seq = json_integer_or(object, "seq", 0);
  LoadSummary load{.name = json_string_or(object, "name", "")};
  if (!at_ms || load.name.empty() || load.name.size() > name_max || seq < 0 || !is_within(used, units_max) ||
      !is_within(capacity, units_max) || capacity <= 0)
    return std::nullopt;
  load.at_ms = *at_ms;
  load.load = {used, capacity, json_bool_or(object, "draining", false), static_cast<uint64_t>(seq)};
  return load;
}

std::optional<SegmentSummary> segment_from(const json::object& object, int64_t now_ms) {
  const auto at_ms = time_of(object, now_ms);
  SegmentSummary segment{
      json_string_or(object, "area", ""), json_string_or(object, "a", ""), json_string_or(object, "region", ""), {}};
  const auto number = [&](std::string_view key) { return static_cast<float>(json_number_or(object, key, 0)); };
  const double reports = json_number_or(object, "reports", 1);
  segment.known = {.packets = number("packets"),
                   .lost = number("lost"),
                   .delay_ms = number("delay_ms"),
                   .deviation_ms = number("deviation_ms"),
                   .delay_weight = number("delay_weight"),
                   .jitter_ms = number("jitter_ms"),
                   .jitter_weight = number("jitter_weight"),
                   .usual_ms = number("usual_ms"),
                   .usual_weight = number("usual_weight"),
                   .reports = static_cast<uint32_t>(is_within(reports, 4e9) ? reports : 1),
                   .at_ms = at_ms.value_or(0)};
  if (!at_ms || segment.area.empty() == segment.a.empty() || segment.region.empty() || segment.area.size() > name_max ||
      segment.known.reports == 0 || !Segment::is_possible(segment.known))
    return std::nullopt;
  return segment;
}

std::optional<MoveCounts> moves_from(const json::object& object) {
  const int64_t since_ms = json_integer_or(object, "since_ms", -1), calls = json_integer_or(object, "calls", -1);
  const int64_t moves = json_integer_or(object, "granted", -1), rescues = json_integer_or(object, "rescued", -1);
  if (since_ms < 0 || calls < 0 || moves < 0 || rescues < 0) return std::nullopt;
  return MoveCounts{since_ms, static_cast<uint64_t>(calls), static_cast<uint64_t>(moves),
                    static_cast<uint64_t>(rescues)};
}

std::optional<ProviderSummary> provider_summary_from(const json::object& object, int64_t now_ms) {
  const auto at_ms = time_of(object, now_ms);
  const json::value* said = object.if_contains("said");
  const double known_age_ms = json_number_or(object, "known_age_ms", 0);
  auto report = said && said->is_object() ? provider_from(said->get_object()) : std::nullopt;
  const int64_t seq = json_integer_or(object, "seq", 0);
  ProviderSummary provider{.gateway = json_string_or(object, "gateway", ""), .known = {}};
  if (!at_ms || !report || seq < 0 || provider.gateway.empty() || provider.gateway.size() > name_max ||
      !is_within(known_age_ms, known_age_ms_max))
    return std::nullopt;
  const auto number = [&](std::string_view key) { return static_cast<float>(json_number_or(object, key, 0)); };
  provider.name = std::move(report->name);
  provider.prefixes = std::move(report->prefixes);
  provider.facts = report->facts;
  provider.seq = static_cast<uint64_t>(seq);
  provider.at_ms = *at_ms;
  provider.known = {.attempts = number("attempts"),
                    .failed = number("failed"),
                    .answered = number("answered"),
                    .delays = number("delays"),
                    .delay_ms = number("delay_ms"),
                    .scores = number("scores"),
                    .score = number("score"),
                    .run_attempts = number("run_attempts"),
                    .run_failed = number("run_failed"),
                    .doubt = number("doubt"),
                    .proven = number("proven"),
                    .is_suspect = json_bool_or(object, "suspect", false),
                    .at_ms = now_ms - static_cast<int64_t>(known_age_ms)};
  if (!ProviderEvidence::is_possible(provider.known)) return std::nullopt;
  return provider;
}

json::object told(const ProviderSummary& provider, int64_t now_ms) {
  const ProviderReport said{provider.name, provider.prefixes, provider.facts, {}};
  const ProviderEvidence::State& known = provider.known;
  return {{"gateway", provider.gateway},
          {"seq", provider.seq},
          {"age_ms", now_ms - provider.at_ms},
          {"said", to_json(said)},
          {"known_age_ms", std::clamp<int64_t>(now_ms - known.at_ms, 0, static_cast<int64_t>(known_age_ms_max))},
          {"attempts", known.attempts},
          {"failed", known.failed},
          {"answered", known.answered},
          {"delays", known.delays},
          {"delay_ms", known.delay_ms},
          {"scores", known.scores},
          {"score", known.score},
          {"run_attempts", known.run_attempts},
          {"run_failed", known.run_failed},
          {"doubt", known.doubt},
          {"proven", known.proven},
          {"suspect", known.is_suspect}};
}

/// Each element that makes sense, to `all`.
template <class Each, class Read>
void take_list(const json::object& object, std::string_view key, size_t most, std::vector<Each>& all, size_t& left_out,
               Read read) {
  const json::value* list = object.if_contains(key);
  if (!list || !list->is_array()) return;
  for (const json::value& element : list->get_array()) {
    auto one = element.is_object() && all.size() < most ? read(element.get_object()) : std::nullopt;
    if (one)
      all.push_back(std::move(*one));
    else
      ++left_out;
  }
}

}  // namespace

Result<Summary> summary_from(const json::value& value, int64_t now_ms) {
  if (!value.is_object())
    return fail(Error::Kind::invalid, "a summary must be an object with instance, seq, loads, segments");
  const json::object& object = value.get_object();
  Summary summary;
  summary.instance = json_string_or(object, "instance", "");
  const int64_t seq = json_integer_or(object, "seq", 0);
  if (summary.instance.empty() || summary.instance.size() > name_max || seq <= 0)
    return fail(Error::Kind::invalid, "'instance' must be a name and 'seq' a whole number above 0");
  summary.seq = static_cast<uint64_t>(seq);
  take_list(object, "loads", loads_max, summary.loads, summary.left_out,
            [&](const json::object& one) { return load_from(one, now_ms); });
  take_list(object, "segments", segments_max, summary.segments, summary.left_out,
            [&](const json::object& one) { return segment_from(one, now_ms); });
  if (const json::value* moves = object.if_contains("moves")) {
    if (moves->is_object()) summary.moves = moves_from(moves->get_object());
    summary.left_out += !summary.moves;
  }
  take_list(object, "providers", summarized_providers_max, summary.providers, summary.left_out,
            [&](const json::object& one) { return provider_summary_from(one, now_ms); });
  return summary;
}

json::object to_json(const Summary& summary, int64_t now_ms) {
  json::array loads, segments;
  for (const LoadSummary& load : summary.loads)
    loads.push_back(json::object{{"name", load.name},
                                 {"seq", load.load.seq},
                                 {"age_ms", now_ms - load.at_ms},
                                 {"used", load.load.used},
                                 {"capacity", load.load.capacity},
                                 {"draining", load.load.is_draining}});
  for (const auto& [area, a, region, known] : summary.segments) {
    json::object entry{{"region", region},
                       {"age_ms", now_ms - known.at_ms},
                       {"packets", known.packets},
                       {"lost", known.lost},
                       {"delay_ms", known.delay_ms},
                       {"deviation_ms", known.deviation_ms},
                       {"delay_weight", known.delay_weight},
                       {"jitter_ms", known.jitter_ms},
                       {"jitter_weight", known.jitter_weight},
                       {"usual_ms", known.usual_ms},
                       {"usual_weight", known.usual_weight},
                       {"reports", known.reports}};
    entry[area.empty() ? "a" : "area"] = area.empty() ? a : area;
    segments.push_back(std::move(entry));
  }
  json::object object{{"instance", summary.instance},
                      {"seq", summary.seq},
                      {"loads", std::move(loads)},
                      {"segments", std::move(segments)}};
  if (const auto& moves = summary.moves)
    object["moves"] = json::object{
        {"since_ms", moves->since_ms}, {"calls", moves->calls}, {"granted", moves->moves}, {"rescued", moves->rescues}};
  if (summary.providers.empty()) return object;
  json::array providers;
  for (const ProviderSummary& provider : summary.providers) providers.push_back(told(provider, now_ms));
  object["providers"] = std::move(providers);
  return object;
}

}  // namespace nearend::policy
