#include "policy/segment.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "policy/advisor.hpp"
#include "policy/numbering.hpp"

using namespace nearend;
using namespace nearend::policy;

namespace {

constexpr Estimate prior{50, 5, 0.001, 0};

}  // namespace

TEST_CASE("a segment without measurements is what is known without measuring") {
  const Segment segment;
  CHECK(segment.estimate(prior, 1000).delay_ms == 50);
  CHECK(segment.estimate(prior, 1000).confidence == 0);
}

TEST_CASE("measurements take over from the prior, and fade back to it") {
  Segment segment;
  for (int64_t at_ms = 1000; at_ms <= 30'000; at_ms += 1000)
    segment.take({.packets = 500, .lost = 10, .jitter_ms = 9, .rtt_ms = 80}, at_ms);
  const Estimate now = segment.estimate(prior, 30'000);
  CHECK(now.delay_ms == doctest::Approx(40).epsilon(0.02));
  CHECK(now.loss == doctest::Approx(0.02).epsilon(0.1));
  CHECK(now.jitter_ms == doctest::Approx(9).epsilon(0.05));
  CHECK(now.confidence > 0.9);
  const Estimate later = segment.estimate(prior, 30'000 + 240'000);
  CHECK(later.confidence == doctest::Approx(now.confidence / std::exp(1.0)).epsilon(0.01));
  CHECK(later.delay_ms > now.delay_ms);
}

TEST_CASE("a loss that chance does not explain is believed at once, a single lost packet is not") {
  Segment segment;
  for (int64_t at_ms = 1000; at_ms <= 20'000; at_ms += 1000) segment.take({.packets = 500, .rtt_ms = 80}, at_ms);
  segment.take({.packets = 500, .lost = 50, .rtt_ms = 80}, 21'000);
  CHECK(segment.estimate(prior, 21'000).loss > 0.04);
  Segment quiet;
  for (int64_t at_ms = 1000; at_ms <= 20'000; at_ms += 1000) quiet.take({.packets = 1, .rtt_ms = 80}, at_ms);
  quiet.take({.packets = 1, .lost = 1}, 21'000);
  CHECK(quiet.estimate(prior, 21'000).loss < 0.02);
}

TEST_CASE("a delay that jumps is believed with the second report, an outlier is not") {
  Segment segment;
  for (int64_t at_ms = 1000; at_ms <= 20'000; at_ms += 1000) segment.take({.packets = 500, .rtt_ms = 80}, at_ms);
  segment.take({.packets = 500, .rtt_ms = 280}, 21'000);
  CHECK(segment.estimate(prior, 21'000).delay_ms < 55);
  segment.take({.packets = 500, .rtt_ms = 280}, 22'000);
  CHECK(segment.estimate(prior, 22'000).delay_ms > 90);
}

TEST_CASE("reports may come in another order") {
  Segment in_order, mixed;
  const Measurement some{.packets = 400, .lost = 4, .jitter_ms = 3, .rtt_ms = 60},
      more{.packets = 600, .lost = 6, .jitter_ms = 5, .rtt_ms = 64};
  for (const int64_t at_ms : {1000, 2000, 3000, 4000}) in_order.take(at_ms % 2000 ? some : more, at_ms);
  for (const int64_t at_ms : {1000, 3000, 2000, 4000}) mixed.take(at_ms % 2000 ? some : more, at_ms);
  const Estimate a = in_order.estimate(prior, 5000), b = mixed.estimate(prior, 5000);
  CHECK(a.loss == doctest::Approx(b.loss).epsilon(0.02));
  CHECK(a.delay_ms == doctest::Approx(b.delay_ms).epsilon(0.02));
  CHECK(sizeof(Segment) < 200);
}

TEST_CASE("a report that was heard before, or of a stranger, is not taken; a clock that is far off counts as now") {
  Topology topology;
  topology.gateways = {{.name = "gw", .region = "de1", .link_uri = "sip:gw.example", .features = {}, .prefixes = {""}}};
  Advisor advisor(topology, {});
  const GatewayReport report{"gw", 7, 5000, LoadReport{3, 10}, {{"de1-x", "", {.packets = 50, .rtt_ms = 20}}}};
  CHECK(advisor.take(report, 5000) == 2);
  CHECK(advisor.take(report, 5100) == 0);
  GatewayReport early = report;
  early.seq = 6;
  CHECK(advisor.take(early, 5200) == 1);  // its load is older than what is known
  early.gateway = "stranger";
  CHECK(advisor.take(early, 5200) == 0);
  GatewayReport lying = report;
  lying.seq = 8;
  lying.at_ms = 900'000'000;
  CHECK(advisor.take(lying, 6000) == 2);
  CHECK(advisor.paths().segment(0u, RegionId{0}).at_ms() == 6000);
}

TEST_CASE("absurd figures in a report are left out, the rest is taken") {
  size_t left_out = 0;
  const auto report = report_from(*parse_json(R"({"gateway":"gw","load":{"used":-3,"capacity":10},"segments":[
      {"area":"x","packets":10,"lost":11}, {"area":"x","packets":10,"lost":1,"rtt_ms":1e12}, {"packets":1}, 7,
      {"area":"x","packets":10,"lost":1,"late":1,"rtt_ms":30}]})"),
                                  left_out);
  REQUIRE(report);
  CHECK(left_out == 5);
  CHECK(report->segments.size() == 1);
  CHECK_FALSE(report->load);
  size_t none = 0;
  CHECK(report_from(to_json(*report), none)->segments[0].measured.late == 1);
  CHECK_FALSE(report_from(json::array{}, none));
}

TEST_CASE("calls that ended are told with a report, and those that cannot be are left out") {
  size_t left_out = 0;
  const auto report = report_from(*parse_json(R"({"gateway":"gw","calls":[
      {"provider":"a","area":"+49","inbound":true,"answered":true,"status":200,"duration_ms":9000,"packets":450,"lost":9,
       "late":1,"jitter_ms":2.5,"rtt_ms":40,"mos":4.1},
      {"provider":"a","packets":10,"lost":11},{"provider":"a","mos":9},{"status":1000},{"duration_ms":-1},7]})"),
                                  left_out);
  REQUIRE(report);
  CHECK(left_out == 5);
  REQUIRE(report->calls.size() == 1);
  CHECK(report->calls[0].lost == 9);
  CHECK(report->calls[0].score == doctest::Approx(4.1));
  CHECK(report_from(to_json(*report), left_out)->calls == report->calls);
}

TEST_CASE("numbers and addresses belong to areas: those of the topology first, else to country and network") {
  Topology topology;
  topology.gateways = {{.name = "gw", .region = "de1", .link_uri = "sip:gw.example", .features = {}, .prefixes = {""}}};
  topology.areas = {{"german-mobile", "de1", 50, {"+4915", "+4917"}, {"203.0.113.0/24"}}};
  Places places(topology);
  CHECK(places.area_name(places.area_of_address("sip:+4915112345@x;transport=tcp")) == "german-mobile");
  CHECK(places.area_name(places.area_of_address("+4930123")) == "+49");
  CHECK(places.area_name(places.area_of_address("+12125550100")) == "+1212");
  CHECK(places.area_name(places.area_of_address("+35812345")) == "+358");
  CHECK(places.area_name(places.area_of_address("203.0.113.9")) == "german-mobile");
  CHECK(places.area_name(places.area_of_address("198.51.100.9")) == "198.51.0.0/16");
  CHECK(places.area_of_address("sip:alice@example.com") == no_area);
  CHECK(places.prior_ms(places.area("german-mobile"), places.region("de1")) == doctest::Approx(26));
  CHECK(country_code("+49a3") == "");
}
