#include <doctest/doctest.h>

#include <algorithm>

#include "lab/demo_phase.hpp"
#include "lab/flow_runner.hpp"
#include "lab/svg.hpp"

using namespace nearend;
using namespace nearend::lab;

TEST_CASE("the demo's table has five regions, two of them with routers, and all distances between them") {
  const auto regions = demo_regions();
  REQUIRE_MESSAGE(regions, regions.error().text);
  CHECK(regions->size() == 5);
  CHECK(std::ranges::count(*regions, true, &DemoRegion::has_router) == 2);
  for (const auto& a : *regions) {
    for (const auto& b : *regions) {
      CAPTURE(a.name + b.name);
      CHECK(a.rtt_ms.at(b.name) == b.rtt_ms.at(a.name));
      CHECK((a.name == b.name) == (a.rtt_ms.at(b.name) == 0));
    }
  }
}

TEST_CASE("a table with a missing cell is refused with its line") {
  const auto regions = read_regions("# comment\nname,zone,place,lat,lon,router,a\na,a/b,A,1,2,yes\n");
  REQUIRE_FALSE(regions);
  CHECK(regions.error().text.find("regions.csv:3") != std::string::npos);
}

TEST_CASE("every call of the demo has its document, its number and its access networks") {
  const PlatformPlan plan = demo_plan(*demo_regions());
  for (const DemoCall& call : demo_calls()) {
    CHECK(demo_documents().contains(call.id));
    CHECK(std::ranges::find(plan.numbers, call.number, &NumberPlan::number) != plan.numbers.end());
    const auto caller = std::ranges::find(plan.accesses, call.caller, &AccessPlan::name);
    const auto callee = std::ranges::find(plan.accesses, call.callee, &AccessPlan::name);
    REQUIRE(caller != plan.accesses.end());
    REQUIRE(callee != plan.accesses.end());
    CHECK(caller->region == call.caller_region);
    CHECK(demo_documents().at(call.id).find(callee->prefix) != std::string::npos);
  }
  CHECK(plan.rtts.size() == 10);
}

TEST_CASE("pictures escape what they are given") {
  Svg svg(10, 10);
  svg.text({1, 1}, "<a&b>");
  CHECK(svg.str().find("&lt;a&amp;b&gt;") != std::string::npos);
}

TEST_CASE("flows have unique ids, and what a flow dials is in its documents") {
  const auto flows = all_flows();
  for (size_t i = 0; i < flows.size(); ++i) {
    for (size_t k = i + 1; k < flows.size(); ++k) CHECK(flows[i].id != flows[k].id);
    CAPTURE(flows[i].id);
    CHECK(flows[i].run);
    CHECK((flows[i].plan.numbers.front().document.empty() || flows[i].documents.contains("start")));
  }
}

TEST_CASE("mouth-to-ear that grows with the distance to the router is a failure") {
  std::vector<FlowResult> results{
      {.flow = "f1", .phones = "exact", .rtt_ms = 0, .passed = true, .metrics = {{"m2e_ms", 12}}},
      {.flow = "f1", .phones = "exact", .rtt_ms = 300, .passed = true, .metrics = {{"m2e_ms", 12.4}}},
      {.flow = "f1", .phones = "exact", .rtt_ms = 100, .passed = true, .metrics = {{"m2e_ms", 62}}}};
  add_media_independence(results);
  CHECK(results[1].passed);
  CHECK(results[1].metrics.at("m1_ms") == doctest::Approx(0.4));
  CHECK_FALSE(results[2].passed);
}
