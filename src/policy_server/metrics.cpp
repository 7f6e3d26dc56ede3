#include "policy_server/metrics.hpp"

#include <fmt/format.h>

#include "policy_server/server.hpp"

namespace nearend::policy_server {
namespace {

constexpr std::array<double, 14> bounds_us{5, 10, 20, 30, 50, 75, 100, 200, 500, 1000, 2000, 5000, 10'000, 20'000};
constexpr std::string_view paths[] = {"/v1/routes",  "/v1/routes/reroute", "/v1/routers",  "/v1/media-resources",
                                      "/v1/reports", "/v1/exchange",       "/v1/providers"};

}  // namespace

telemetry::Counter& Metrics::Family::of(std::string_view value, std::string_view other) {
  key_.assign(value);
  key_ += '\n';
  key_ += other;
  const auto found = known_.find(key_);
  if (found != known_.end()) return *found->second;
  std::string labels = fmt::format("{}=\"{}\"", label_, value);
  if (!other_.empty()) labels += fmt::format(",{}=\"{}\"", other_, other);
  telemetry::Counter& made = telemetry::counter(name_, labels);
  known_.emplace(key_, &made);
  return made;
}

Metrics::Metrics(const policy::Topology& topology) {
  for (const std::string_view path : paths)
    times_.emplace(path,
                   &telemetry::histogram("nearend_policy_answer_us", bounds_us, fmt::format("path=\"{}\"", path)));
  // Those that may never be are there from the start, so that a graph shows zero and not nothing.
  for (const std::string_view why : {"signature", "absurd", "stranger", "repeated", "clock", "unknown", "exchange"})
    refused(why);
  for (const std::string_view outcome : {"granted", "good_enough", "no_better", "dwells", "too_many", "nothing"})
    moves_.of(outcome);
  for (const std::string_view why : {"best", "shared", "probe", "last_resort", "rules", "nothing"}) providers_.of(why);
  for (const auto& gateway : topology.gateways) heard(gateway.name);
}

void Metrics::took(std::string_view path, double us) {
  if (const auto found = times_.find(path); found != times_.end()) found->second->note(us);
}

void Metrics::refused(const policy::Refused& before, const policy::Refused& after) {
  const auto add = [this](std::string_view why, uint64_t more) {
    if (more > 0) refused(why).add(more);
  };
  add("stranger", after.strangers - before.strangers);
  add("repeated", after.repeated - before.repeated);
  add("clock", after.clocks - before.clocks);
  add("unknown", after.unknown - before.unknown);
}

std::string Server::metrics_text(int64_t now_ms) {
  const policy::GatewayLoads& loads = advisor_.loads();
  for (size_t i = 0; i < advisor_.places().gateways(); ++i) {
    const auto id = static_cast<policy::GatewayId>(i);
    if (!loads.has_reported(id)) continue;
    const std::string label = fmt::format("gateway=\"{}\"", advisor_.places().entry(id).name);
    telemetry::gauge("nearend_policy_report_age_ms", label).set(now_ms - loads.heard_ms(id));
  }
  const auto& instances = advisor_.instances();
  for (size_t i = 1; i < instances.size(); ++i) {
    const std::string label = fmt::format("instance=\"{}\"", instances[i].name);
    telemetry::gauge("nearend_policy_exchange_age_ms", label).set(now_ms - instances[i].heard_ms);
  }
  telemetry::gauge("nearend_policy_instances").set(static_cast<int64_t>(1 + advisor_.live_instances(now_ms)));
  std::array<int64_t, 4> providers{};
  for (size_t i = 0; i < advisor_.places().gateways(); ++i)
    for (const policy::KnownProvider& each : advisor_.provider_book().of(static_cast<policy::GatewayId>(i)))
      if (each.is_current(now_ms)) ++providers[static_cast<size_t>(each.standing(now_ms))];
  for (size_t i = 0; i < providers.size(); ++i)
    telemetry::gauge("nearend_policy_providers",
                     fmt::format("standing=\"{}\"", to_string(static_cast<policy::KnownProvider::Standing>(i))))
        .set(providers[i]);
  return telemetry::prometheus_text();
}

}  // namespace nearend::policy_server
