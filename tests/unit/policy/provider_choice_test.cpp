#include "policy/provider_choice.hpp"

#include <doctest/doctest.h>

#include <map>

#include "policy/advisor.hpp"

using namespace nearend;
using namespace nearend::policy;

namespace {

Topology two_gateways() {
  Topology topology;
  for (const std::string region : {"de1", "fr1"}) {
    GatewayEntry entry;
    entry.name = region + "-gw";
    entry.region = region;
    entry.link_uri = "sip:" + entry.name + ".example:5070";
    entry.features = {"bridge"};
    entry.prefixes = {""};
    entry.capacity = 100;
    topology.gateways.push_back(entry);
  }
  topology.rtts = {{"de1", "fr1", 12}};
  return topology;
}

ProviderReport provider(std::string name, double cost, ProviderCounts counts = {}) {
  return {
      .name = std::move(name), .prefixes = std::vector<std::string>{"+49"}, .facts = {.cost = cost}, .counts = counts};
}

/// A policy and gateways that report to it once a second.
struct Bench {
  explicit Bench(Mode mode = Mode::quality) : advisor(two_gateways(), settings(mode)) {}
  static AdvisorSettings settings(Mode mode) {
    AdvisorSettings settings;
    settings.mode = mode;
    return settings;
  }
  void tell(std::string gateway, std::vector<ProviderReport> providers) {
    GatewayReport report{.gateway = std::move(gateway), .seq = ++seq, .load = LoadReport{1, 100}, .segments = {}};
    report.providers = std::move(providers);
    advisor.take(report, now_ms);
  }
  /// The gateway at b and the providers that it is given.
  RouteChoice ask() {
    RouteQuery query;
    query.call = fmt::format("CA{}", ++calls);
    query.a.gateway = "de1-gw";
    query.b.address = "+4930123";
    answer = advisor.route(query, now_ms);
    REQUIRE_FALSE(answer.hops.empty());
    return answer.hops.back();
  }
  std::string first() {
    const RouteChoice hop = ask();
    return hop.providers.empty() ? "" : hop.providers.front();
  }
  Advisor advisor;
  RouteAnswer answer;
  int64_t now_ms = 1'000'000;
  uint64_t seq = 0, calls = 0;
};

}  // namespace

TEST_CASE("cost decides between providers that are equally good, and equal ones share") {
  Bench bench;
  bench.tell("de1-gw", {provider("dear", 2), provider("cheap", 1)});
  CHECK(bench.ask().providers == std::vector<std::string>{"cheap", "dear"});
  CHECK(bench.answer.provider_why == "best");
  CHECK(bench.answer.reason.find("by cheap: 97 % delivered") != std::string::npos);
  bench.tell("de1-gw", {provider("dear", 1), provider("cheap", 1)});
  std::map<std::string, int> shares;
  for (int i = 0; i < 200; ++i) ++shares[bench.first()];
  CHECK(shares["cheap"] > 60);
  CHECK(shares["dear"] > 60);
}

TEST_CASE("a longer prefix and a lower priority go before what is cheaper") {
  Bench bench;
  ProviderReport longer = provider("longer", 9), second = provider("second", 0);
  longer.prefixes = {"+4930"};
  second.facts.priority = 1;
  bench.tell("de1-gw", {second, provider("cheap", 1), longer});
  CHECK(bench.ask().providers == std::vector<std::string>{"longer", "cheap", "second"});
}

TEST_CASE("the cheaper provider loses its calls within a few failures and has them again when it is well") {
  Bench bench;
  bool is_cheap_well = true;
  int to_cheap = 0;
  const auto second = [&](int calls) {
    ProviderCounts cheap, dear;
    to_cheap = 0;
    for (int i = 0; i < calls; ++i) {
      const bool is_cheap = bench.first() == "cheap";
      ProviderCounts& counts = is_cheap ? cheap : dear;
      to_cheap += is_cheap;
      ++counts.attempts;
      counts.failed += is_cheap && !is_cheap_well;
    }
    bench.now_ms += 1000;
    bench.tell("de1-gw", {provider("dear", 2, dear), provider("cheap", 1, cheap)});
  };
  ProviderReport elsewhere = provider("elsewhere", 1);
  elsewhere.prefixes = {"+1"};
  bench.tell("fr1-gw", {elsewhere});
  bench.tell("de1-gw", {provider("dear", 2), provider("cheap", 1)});
  for (int i = 0; i < 60; ++i) second(2);
  CHECK(to_cheap == 2);
  is_cheap_well = false;
  int failed = 0;
  for (int i = 0; i < 120; ++i) {
    second(2);
    failed += to_cheap;
  }
  CHECK(failed >= 3);
  CHECK(failed <= 10);  // four, and then one that tries it again after 5, 10, 20, 40 s
  is_cheap_well = true;
  int seconds = 0;
  for (; to_cheap < 2 && seconds < 180; ++seconds) second(2);
  CHECK(seconds < 150);
  second(2);
  CHECK(to_cheap == 2);
}

TEST_CASE("full and resting providers come last, and are still named") {
  Bench bench;
  ProviderReport full = provider("full", 0), resting = provider("resting", 0);
  full.facts.channels = full.facts.channels_max = 10;
  resting.facts.is_healthy = false;
  bench.tell("de1-gw", {full, resting, provider("dear", 5)});
  CHECK(bench.ask().providers == std::vector<std::string>{"dear", "resting", "full"});
  // What was given since the report counts: nobody is overrun before the next.
  ProviderReport small = provider("small", 0);
  small.facts.channels_max = 3;
  bench.now_ms += 1000;
  bench.tell("de1-gw", {small, provider("dear", 5)});
  int given = 0;
  for (int i = 0; i < 20; ++i) given += bench.first() == "small";
  CHECK(given <= 3);
}

TEST_CASE("a gateway whose only provider fails loses against another gateway") {
  Bench bench;
  bench.tell("de1-gw", {provider("here", 1)});
  bench.tell("fr1-gw", {provider("there", 1)});
  CHECK(bench.ask().gateway == "de1-gw");
  bench.now_ms += 1000;
  bench.tell("de1-gw", {provider("here", 1, {.attempts = 4, .failed = 4})});
  CHECK(bench.ask().gateway == "fr1-gw");
  CHECK(bench.ask().providers == std::vector<std::string>{"there"});
  Bench other;
  ProviderReport resting = provider("here", 1);
  resting.facts.is_healthy = false;
  other.tell("de1-gw", {resting});
  other.tell("fr1-gw", {provider("there", 1)});
  CHECK(other.ask().gateway == "fr1-gw");
}

TEST_CASE("in mode static nobody is proposed with a route, and providers are in the gateway's own order") {
  Bench bench(Mode::static_rules);
  bench.tell("de1-gw", {provider("dear", 2), provider("cheap", 1, {.attempts = 9, .failed = 9})});
  CHECK(bench.ask().providers.empty());
  const ProviderAnswer answer =
      bench.advisor.providers({.call = "CA1", .number = "+4930123", .codecs = {}, .exclude = {}}, bench.now_ms);
  REQUIRE(answer.providers.size() == 2);
  CHECK(answer.providers[0].provider == "cheap");
  CHECK(answer.mode == "static");
}

TEST_CASE("providers of all gateways are ranked with the way to them, and what is excluded is left out") {
  Bench bench;
  bench.tell("de1-gw", {provider("here", 1)});
  bench.tell("fr1-gw", {provider("there", 1), provider("cheaper", 0.2)});
  ProviderQuery query{.call = "CA1", .number = "+4930123", .codecs = {}, .near_region = "de1", .exclude = {}};
  ProviderAnswer answer = bench.advisor.providers(query, bench.now_ms);
  REQUIRE(answer.providers.size() == 3);
  CHECK(answer.providers[0].provider == "cheaper");
  CHECK(answer.providers[0].region == "fr1");
  query.exclude = {{"fr1-gw", "cheaper"}};
  answer = bench.advisor.providers(query, bench.now_ms);
  CHECK(answer.providers.size() == 2);
  query.exclude = {{"fr1-gw", ""}};
  CHECK(bench.advisor.providers(query, bench.now_ms).providers.size() == 1);
  query.number = "+1555";
  CHECK(bench.advisor.providers(query, bench.now_ms).providers.empty());
}

TEST_CASE("what one instance has heard of providers another one knows, in whatever order it is told") {
  Bench near, far;
  near.tell("de1-gw", {provider("dear", 2), provider("cheap", 1, {.attempts = 4, .failed = 4})});
  Summary summary = near.advisor.summary(near.now_ms);
  summary.instance = "other";
  const auto told = parse_json(to_json(to_json(summary, near.now_ms)));
  REQUIRE(told);
  for (int i = 0; i < 2; ++i) {
    auto heard = summary_from(*told, far.now_ms);
    REQUIRE(heard);
    CHECK(heard->left_out == 0);
    REQUIRE(far.advisor.take(*heard, far.now_ms));
  }
  CHECK(far.ask().providers == std::vector<std::string>{"dear", "cheap"});
}

TEST_CASE("absurd words about providers are left out and counted") {
  const auto report = [](std::string_view provider) {
    size_t left_out = 0;
    const auto value = parse_json(fmt::format(R"({{"gateway":"de1-gw","providers":[{}]}})", provider));
    REQUIRE(value);
    const auto read = report_from(*value, left_out);
    REQUIRE(read);
    CHECK(read->providers.size() + left_out == 1);
    return left_out == 0;
  };
  CHECK(report(R"({"name":"a","prefixes":["+49"],"attempts":3,"failed":1})"));
  CHECK_FALSE(report(R"({"name":"a","attempts":3,"failed":4})"));
  CHECK_FALSE(report(R"({"name":"a","attempts":-3})"));
  CHECK_FALSE(report(R"({"name":"","attempts":3})"));
  CHECK_FALSE(report(R"({"name":"a","cost":-1})"));
  CHECK_FALSE(report(R"({"name":"a","delays":1,"delay_ms":1e9})"));
  CHECK_FALSE(report(R"({"name":"a","prefixes":[1]})"));
  CHECK_FALSE(report("1"));
}

TEST_CASE("talks that were heard badly count against their provider, and against no way") {
  Bench bench;
  const auto end_calls = [&](std::string name, double score) {
    GatewayReport report{.gateway = "de1-gw", .seq = ++bench.seq, .load = LoadReport{1, 100}, .segments = {}};
    for (int i = 0; i < 20; ++i)
      report.calls.push_back({.provider = name,
                              .area = "+49",
                              .is_answered = true,
                              .duration_ms = 60'000,
                              .packets = 3000,
                              .score = score});
    bench.advisor.take(report, bench.now_ms);
  };
  bench.tell("de1-gw", {provider("a", 1), provider("b", 1)});
  end_calls("a", 2.4);
  end_calls("b", 4.3);
  end_calls("nobody", 1.0);
  const RouteChoice chosen = bench.ask();
  REQUIRE(chosen.providers.size() == 2);
  CHECK(chosen.providers[0] == "b");
}
