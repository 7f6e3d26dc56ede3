#include "policy/summary.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <deque>
#include <random>

#include "policy/advisor.hpp"

namespace nearend::policy {
namespace {

Topology topology() {
  Topology all;
  for (const char* region : {"eu", "us", "as"})
    for (const char* number : {"1", "2"}) {
      GatewayEntry entry;
      entry.name = std::string(region) + "-gw" + number;
      entry.region = region;
      entry.link_uri = "sip:" + entry.name + ".example:5070";
      entry.prefixes = {""};
      entry.capacity = 100;
      all.gateways.push_back(std::move(entry));
    }
  all.rtts = {{"eu", "us", 90}, {"eu", "as", 180}, {"us", "as", 150}};
  return all;
}

Advisor instance(const std::string& name) {
  AdvisorSettings settings;
  settings.name = name;
  return Advisor(topology(), std::move(settings));
}

/// A second of one gateway, as chance has it.
GatewayReport report_of(const std::string& region, int number, uint64_t seq, std::mt19937& chance) {
  const auto any = [&](uint32_t most) { return static_cast<uint32_t>(chance() % most); };
  GatewayReport report{fmt::format("{}-gw{}", region, number), seq, 0, LoadReport{double(any(100)), 100}, {}};
  for (const char* area : {"eu-mobile", "us-mobile", "as-mobile"})
    if (any(3) == 0)
      report.segments.push_back(
          {area, "", {.packets = 500, .lost = any(20), .jitter_ms = 1.0 + any(9), .rtt_ms = 20.0 + any(60)}});
  for (const char* other : {"eu", "us", "as"})
    if (other != region)
      report.segments.push_back({"", other, {.packets = 50, .lost = any(3), .rtt_ms = 90.0 + any(40)}});
  return report;
}

/// All that is believed, to the last bit.
std::string believed(const Advisor& advisor, int64_t now_ms) {
  std::string text;
  const Places& places = advisor.places();
  const auto add = [&](const Segment::State& one) {
    text += fmt::format("{} {} {} {} {} {} {} {} {};", one.packets, one.lost, one.delay_ms, one.deviation_ms,
                        one.delay_weight, one.jitter_ms, one.jitter_weight, one.reports, one.at_ms) +
            fmt::format("{} {};", one.usual_ms, one.usual_weight);
  };
  for (RegionId a = 0; a < places.regions(); ++a)
    for (RegionId b = a; b < places.regions(); ++b) add(advisor.paths().segment(a, b).state());
  std::vector<std::string> areas;
  for (const char* name : {"eu-mobile", "us-mobile", "as-mobile"}) {
    const AreaId area = places.find_area(name);
    for (RegionId region = 0; region < places.regions(); ++region) {
      if (area == no_area) continue;
      add(advisor.paths().segment(area, region).state());
      text += fmt::format("{};", advisor.paths().access(area, region, now_ms).delay_ms);
    }
  }
  for (GatewayId gateway = 0; gateway < places.gateways(); ++gateway)
    text += fmt::format("{} {} {};", advisor.loads().share(gateway, now_ms), advisor.loads().is_open(gateway, now_ms),
                        advisor.loads().heard_ms(gateway));
  return text;
}

void tell(Advisor& to, const std::string& letter, int64_t now_ms) {
  auto summary = summary_from(*parse_json(letter), now_ms);
  REQUIRE(summary);
  REQUIRE(to.take(*summary, now_ms));
}

constexpr std::string_view good_segment =
    R"({"area":"us-mobile","region":"us","age_ms":100,"packets":500,"lost":5,"delay_ms":40,"delay_weight":2,)"
    R"("deviation_ms":1,"jitter_ms":3,"jitter_weight":2,"reports":2})";

std::string letter(std::string_view loads, std::string_view segments, uint64_t seq = 7, std::string_view from = "us") {
  return fmt::format(R"({{"instance":"{}","seq":{},"loads":[{}],"segments":[{}]}})", from, seq, loads, segments);
}

}  // namespace

TEST_CASE("summaries in any order, some twice and some lost, lead to the same beliefs to the last bit") {
  std::mt19937 chance(4711);
  for (int round = 0; round < 40; ++round) {
    Advisor us = instance("us-policy"), as = instance("as-policy");
    std::vector<std::string> letters;
    constexpr int seconds = 20;
    constexpr int64_t end_ms = seconds * 1000;
    for (int second = 1; second <= seconds; ++second) {
      for (const int number : {1, 2}) {
        us.take(report_of("us", number, static_cast<uint64_t>(second), chance), second * 1000);
        as.take(report_of("as", number, static_cast<uint64_t>(second), chance), second * 1000);
      }
      // All are heard at the end: letters that lay about are older by as much.
      for (Advisor* each : {&us, &as})
        letters.push_back(nearend::to_json(to_json(each->summary(second * 1000), end_ms)));
    }
    Advisor in_order = instance("eu-policy");
    for (const std::string& each : letters) tell(in_order, each, end_ms);
    const std::string expected = believed(in_order, end_ms);

    std::vector<std::string> mixed = letters;
    for (int i = 0; i < 30; ++i) mixed.push_back(letters[chance() % letters.size()]);
    std::ranges::shuffle(mixed, chance);
    Advisor out_of_order = instance("eu-policy");
    for (const std::string& each : mixed) tell(out_of_order, each, end_ms);
    CHECK(believed(out_of_order, end_ms) == expected);

    // Each tells all that it has heard lately: the last letter makes up for those before.
    Advisor bereft = instance("eu-policy");
    for (size_t i = 0; i + 2 < letters.size(); ++i)
      if (chance() % 10 < 3) tell(bereft, letters[i], end_ms);
    for (size_t i = letters.size() - 2; i < letters.size(); ++i) tell(bereft, letters[i], end_ms);
    CHECK(believed(bereft, end_ms) == expected);
  }
}

TEST_CASE("instances that have told each other all believe the same, each of them with gateways of its own") {
  std::mt19937 chance(42);
  std::vector<std::string> names{"us", "as", "eu"};
  std::deque<Advisor> all;
  for (const auto& name : names) all.emplace_back(topology(), AdvisorSettings{.name = name});
  constexpr int64_t end_ms = 30'000;
  for (int second = 1; second <= 30; ++second)
    for (size_t i = 0; i < all.size(); ++i)
      for (const int number : {1, 2})
        all[i].take(report_of(names[i], number, static_cast<uint64_t>(second), chance), second * 1000);
  std::vector<std::string> letters;
  for (Advisor& each : all) letters.push_back(nearend::to_json(to_json(each.summary(end_ms), end_ms)));
  for (size_t from = 0; from < all.size(); ++from)
    for (size_t to = 0; to < all.size(); ++to)
      if (from != to) tell(all[to], letters[from], end_ms);
  CHECK(believed(all[0], end_ms) == believed(all[1], end_ms));
  CHECK(believed(all[0], end_ms) == believed(all[2], end_ms));
  CHECK(all[0].live_instances(end_ms) == 2);
}

TEST_CASE("absurd values and unknown names are left out and counted, the rest counts") {
  Advisor eu = instance("eu");
  const auto left_out = [&](std::string_view loads, std::string_view segments, uint64_t seq) {
    auto summary = summary_from(*parse_json(letter(loads, segments, seq)), 1000);
    REQUIRE(summary);
    REQUIRE(eu.take(*summary, 1000));
    return summary->left_out;
  };
  CHECK(left_out("", good_segment, 1) == 0);
  const std::string before = believed(eu, 1000);
  uint64_t seq = 1;
  for (const auto& [key, value] :
       std::vector<std::pair<std::string, std::string>>{{R"("lost":5)", R"("lost":-3)"},
                                                        {R"("lost":5)", R"("lost":501)"},
                                                        {R"("packets":500)", R"("packets":1e30)"},
                                                        {R"("jitter_ms":3)", R"("jitter_ms":31536000000)"},
                                                        {R"("delay_ms":40)", R"("delay_ms":1e308)"},
                                                        {R"("delay_weight":2)", R"("delay_weight":-1)"},
                                                        {R"("age_ms":100)", R"("age_ms":-5)"},
                                                        {R"("age_ms":100)", R"("age_ms":7200000)"},
                                                        {R"("region":"us")", R"("region":"mars")"},
                                                        {R"("area":"us-mobile")", R"("a":"mars")"},
                                                        {R"("reports":2)", R"("reports":0)"}}) {
    std::string segment(good_segment);
    segment.replace(segment.find(key), key.size(), value);
    CAPTURE(segment);
    CHECK(left_out("", segment, ++seq) == 1);
    CHECK(believed(eu, 1000) == before);
  }
  CHECK(left_out(R"({"name":"nobody","age_ms":0,"used":1,"capacity":10})", "", ++seq) == 1);
  CHECK(left_out(R"({"name":"us-gw1","age_ms":0,"used":-1,"capacity":10})", "", ++seq) == 1);
  CHECK(left_out(R"({"name":"us-gw1","age_ms":0,"used":1,"capacity":1e300})", "", ++seq) == 1);
  CHECK(believed(eu, 1000) == before);
  // A load above any capacity counts as twice full.
  CHECK(left_out(R"({"name":"us-gw1","age_ms":0,"used":5000,"capacity":100})", "", ++seq) == 0);
  CHECK(eu.loads().share(eu.places().gateway("us-gw1"), 1000) == 2);
  for (const char* wrong :
       {"[]", "{}", R"({"instance":"","seq":1})", R"({"instance":"us","seq":0})", R"({"instance":"us","seq":-4})"})
    CHECK_FALSE(summary_from(*parse_json(wrong), 1000));
}

TEST_CASE("an instance that calls itself as we do is refused") {
  Advisor eu = instance("eu");
  auto summary = summary_from(*parse_json(letter("", good_segment, 7, "eu")), 1000);
  REQUIRE(summary);
  CHECK_FALSE(eu.take(*summary, 1000));
}

TEST_CASE("an instance that is started anew with its clock set back is believed again after ten seconds") {
  Advisor eu = instance("eu");
  tell(eu, letter("", good_segment, 7'200'000), 1000);
  std::string other(good_segment);
  other.replace(other.find(R"("delay_ms":40)"), 13, R"("delay_ms":90)");
  const AreaId area = eu.places().find_area("us-mobile");
  const RegionId us = eu.places().region("us");
  tell(eu, letter("", other, 5), 2000);
  CHECK(eu.paths().segment(area, us).delay_ms() == 40);
  tell(eu, letter("", other, 6), 12'000);
  CHECK(eu.paths().segment(area, us).delay_ms() == 90);
}

TEST_CASE("gateways of an instance that has fallen silent stay open, one that is silent among others does not") {
  Advisor eu = instance("eu");
  const auto load = [](int number, int seq) {
    return fmt::format(R"({{"name":"us-gw{}","seq":{},"age_ms":0,"used":10,"capacity":100}})", number, seq);
  };
  const GatewayId first = eu.places().gateway("us-gw1"), second = eu.places().gateway("us-gw2");
  tell(eu, letter(load(1, 1) + "," + load(2, 1), "", 1), 1000);
  eu.take(GatewayReport{"eu-gw1", 1, 0, LoadReport{1, 100}, {}}, 1000);
  for (int at_s = 2; at_s < 20; ++at_s)
    eu.take(GatewayReport{"eu-gw1", uint64_t(at_s), 0, LoadReport{1, 100}, {}}, at_s * 1000);
  CHECK(eu.loads().is_open(first, 19'000));
  CHECK(eu.live_instances(19'000) == 0);
  for (int at_s = 20; at_s < 30; ++at_s) tell(eu, letter(load(1, at_s), "", static_cast<uint64_t>(at_s)), at_s * 1000);
  CHECK(eu.loads().is_open(first, 29'000));
  CHECK_FALSE(eu.loads().is_open(second, 29'000));
  CHECK(eu.live_instances(29'000) == 1);
}

TEST_CASE("of what is far from here and above 80 % full an instance gives away its part alone") {
  Advisor eu = instance("eu");
  const GatewayId near = eu.places().gateway("eu-gw1"), far = eu.places().gateway("us-gw1");
  eu.take(GatewayReport{"eu-gw1", 1, 0, LoadReport{82, 100}, {}}, 1000);
  tell(eu, letter(R"({"name":"us-gw1","seq":1,"age_ms":0,"used":82,"capacity":100})", "", 1, "us"), 1000);
  tell(eu, letter("", "", 1, "as"), 1000);
  for (int i = 0; i < 2; ++i)
    for (const GatewayId gateway : {near, far}) {
      RouteQuery query;
      query.call = fmt::format("CA{}{}", i, gateway);
      query.a.gateway = query.b.gateway = eu.places().entry(gateway).name;
      CHECK(eu.route(query, 1000).hops.size() == 1);
    }
  CHECK(eu.loads().share(near, 1000) == doctest::Approx(0.84));
  CHECK(eu.loads().share(far, 1000) == doctest::Approx(0.88));
}

TEST_CASE("a gateway that was started anew is heard again after three seconds though it counts from one") {
  Advisor eu = instance("eu");
  const auto take = [&](uint64_t seq, int64_t at_ms) {
    return eu.take(GatewayReport{"eu-gw1", seq, 0, LoadReport{1, 100}, {}}, at_ms);
  };
  CHECK(take(500, 1000) == 1);
  CHECK(take(1, 2000) == 0);
  CHECK(take(2, 3000) == 0);
  CHECK(take(3, 4000) == 0);
  CHECK(take(4, 5000) == 1);
  CHECK(take(5, 6000) == 1);
  CHECK(eu.refused().repeated == 3);
}

}  // namespace nearend::policy
