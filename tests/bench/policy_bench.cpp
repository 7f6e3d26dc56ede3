// links: policy_server sim
// What a decision and a report cost the policy server's process: the library's call alone with its 99th percentile, the
// same with its JSON both ways, and reports of 200 gateways with 50 segments each.
#include <benchmark/benchmark.h>
#include <boost/json/array.hpp>

#include <algorithm>
#include <chrono>

#include "policy/advisor.hpp"
#include "policy_server/server.hpp"
#include "sim/world.hpp"

namespace {

using namespace nearend;
using namespace nearend::policy;

constexpr int regions = 20, gateways_per_region = 10, areas_per_region = 5;

std::string region_name(int region) {
  return "r" + std::to_string(region);
}
std::string area_name(int area) {
  return region_name(area / areas_per_region) + "-a" + std::to_string(area % areas_per_region);
}

Topology fleet() {
  Topology topology;
  for (int region = 0; region < regions; ++region) {
    for (int i = 0; i < gateways_per_region; ++i) {
      GatewayEntry entry;
      entry.name = region_name(region) + "-gw" + std::to_string(i);
      entry.region = region_name(region);
      entry.link_uri = "sip:" + entry.name + ".example:5070;transport=tcp";
      entry.prefixes = {""};
      topology.gateways.push_back(entry);
    }
    for (int other = 0; other < region; ++other)
      topology.rtts.push_back({region_name(region), region_name(other), 10.0 + 13 * std::abs(region - other)});
  }
  return topology;
}

GatewayReport report_of(int gateway, uint64_t seq, int64_t at_ms) {
  const int region = gateway / gateways_per_region;
  GatewayReport report{region_name(region) + "-gw" + std::to_string(gateway % gateways_per_region),
                       seq,
                       at_ms,
                       LoadReport{300, 1000},
                       {}};
  for (int i = 0; i < 31; ++i)
    report.segments.push_back(
        {area_name((region * areas_per_region + i) % (regions * areas_per_region)),
         "",
         {.packets = 500, .lost = static_cast<uint32_t>((gateway + i + seq) % 5), .jitter_ms = 3, .rtt_ms = 20.0 + i}});
  for (int other = 0; other < regions; ++other)
    if (other != region)
      report.segments.push_back(
          {"", region_name(other), {.packets = 1, .rtt_ms = 10.0 + 13 * std::abs(region - other)}});
  return report;
}

RouteQuery question(uint64_t number) {
  RouteQuery query;
  query.call = "CA" + std::to_string(number);
  query.codecs = {"PCMU"};
  query.a.area = area_name(static_cast<int>(number * 7 % (regions * areas_per_region)));
  query.b.area = area_name(static_cast<int>(number * 31 % (regions * areas_per_region)));
  query.may_relay = true;
  return query;
}

/// Calls come at the pace of the measurement, a report of everybody each second, so that loads stay as reported.
void report_all(Advisor& advisor, int64_t second) {
  for (int gateway = 0; gateway < regions * gateways_per_region; ++gateway)
    advisor.take(report_of(gateway, static_cast<uint64_t>(second), second * 1000), second * 1000);
}

void decide(benchmark::State& state) {
  Advisor advisor(fleet(), {});
  for (int64_t second = 1; second < 5; ++second) report_all(advisor, second);
  std::vector<RouteQuery> questions;
  for (uint64_t i = 0; i < 4096; ++i) questions.push_back(question(i));
  std::vector<float> took_us;
  took_us.reserve(4'000'000);
  uint64_t number = 0;
  for (auto _ : state) {
    const auto begin = std::chrono::steady_clock::now();
    benchmark::DoNotOptimize(
        advisor.route(questions[number % questions.size()], 5000 + static_cast<int64_t>(number / 50)));
    ++number;
    const auto end = std::chrono::steady_clock::now();
    if (took_us.size() < took_us.capacity())
      took_us.push_back(std::chrono::duration<float, std::micro>(end - begin).count());
  }
  std::ranges::sort(took_us);
  state.counters["p50_us"] = took_us[took_us.size() / 2];
  state.counters["p99_us"] = took_us[took_us.size() * 99 / 100];
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(decide);

void answer_over_json(benchmark::State& state) {
  sim::World world(1);
  sim::Host& host = world.add_host("policy", "here");
  policy_server::Server server(host.loop(), host.http_servers(), {}, fleet());
  http::ServerRequest request{
      .method = "POST",
      .target = "/v1/routes",
      .path = "/v1/routes",
      .body = R"({"call":"CA1","media":"audio","codecs":["PCMU"],"a":{"area":"r3-a1"},"b":{"area":"r9-a2"}})"};
  for (auto _ : state) benchmark::DoNotOptimize(server.respond(request, 1000));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(answer_over_json);

/// One second's reports of 200 gateways x 50 segments, as JSON over the server: 10,000 segment updates.
void take_reports(benchmark::State& state) {
  sim::World world(1);
  sim::Host& host = world.add_host("policy", "here");
  policy_server::Server server(host.loop(), host.http_servers(), {}, fleet());
  std::vector<http::ServerRequest> requests;
  for (int gateway = 0; gateway < regions * gateways_per_region; ++gateway) {
    const json::object body{{"reports", json::array{to_json(report_of(gateway, 0, 0))}}};
    requests.push_back(
        {.method = "POST", .target = "/v1/reports", .path = "/v1/reports", .body = nearend::to_json(body)});
  }
  int64_t now_ms = 1000;
  for (auto _ : state) {
    for (const auto& request : requests) benchmark::DoNotOptimize(server.respond(request, now_ms));
    now_ms += 1000;
  }
  state.SetItemsProcessed(state.iterations() * 10'000);
}
BENCHMARK(take_reports)->Unit(benchmark::kMillisecond);

}  // namespace
