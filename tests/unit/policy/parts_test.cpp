// Areas whose parts differ: each has what is believed of it, and routes of its own.
#include <doctest/doctest.h>

#include <random>

#include "policy/advisor.hpp"
#include "policy/network_table.hpp"

using namespace nearend;
using namespace nearend::policy;

namespace {

Topology two_regions() {
  Topology topology;
  for (const std::string region : {"de1", "fr1"}) {
    GatewayEntry entry;
    entry.name = region + "-gw";
    entry.region = region;
    entry.link_uri = "sip:" + entry.name + ".example:5070";
    entry.prefixes = {""};
    entry.capacity = 1000;
    topology.gateways.push_back(entry);
  }
  topology.rtts = {{"de1", "fr1", 12}};
  topology.regions = {{"de1", 50.1, 8.7}, {"fr1", 48.9, 2.3}};
  return topology;
}

std::string region_for(Advisor& advisor, const std::string& number, int64_t now_ms) {
  static int calls = 0;
  RouteQuery query;
  query.call = fmt::format("CA{}", ++calls);
  query.a.address = query.b.address = number;
  const RouteAnswer answer = advisor.route(query, now_ms);
  return answer.hops.empty() ? "none" : answer.hops[0].region;
}

Estimate believed(Advisor& advisor, std::string_view area, const char* region, int64_t now_ms) {
  const AreaId id = advisor.places().find_area(area);
  REQUIRE(id != no_area);
  return advisor.paths().access(id, advisor.places().region(region), now_ms);
}

constexpr Measurement good{.packets = 1000, .lost = 2, .jitter_ms = 3, .rtt_ms = 40},
    lossy{.packets = 1000, .lost = 60, .jitter_ms = 3, .rtt_ms = 40},
    farther{.packets = 1000, .lost = 2, .jitter_ms = 3, .rtt_ms = 80},
    far{.packets = 1000, .lost = 2, .jitter_ms = 3, .rtt_ms = 280};

void tell(Advisor& advisor, const char* gateway, int64_t now_ms, std::vector<SegmentReport> segments) {
  advisor.take({gateway, static_cast<uint64_t>(now_ms), now_ms, LoadReport{1, 1000}, std::move(segments)}, now_ms);
}

}  // namespace

TEST_CASE("two halves of an area are one bad estimate, and two good ones once their gateway tells them apart") {
  Advisor advisor(two_regions(), {});
  int64_t now_ms = 100'000;
  // Mobiles are lossy towards de1, and de1 alone; half of what is counted there is theirs.
  for (int i = 0; i < 20; ++i) {
    now_ms += 1000;
    tell(advisor, "de1-gw", now_ms, {{"+49", "", {.packets = 2000, .lost = 62, .jitter_ms = 3, .rtt_ms = 40}}});
    tell(advisor, "fr1-gw", now_ms, {{"+49", "", farther}});
  }
  CHECK(believed(advisor, "+49", "de1", now_ms).loss > 0.025);
  CHECK(region_for(advisor, "+493012345", now_ms) == "fr1");
  CHECK(region_for(advisor, "+493012345", now_ms) == region_for(advisor, "+491512345", now_ms));
  for (int i = 0; i < 10; ++i) {
    now_ms += 1000;
    tell(advisor, "de1-gw", now_ms, {{"+49", "", good}, {"+491", "", lossy}});
    tell(advisor, "fr1-gw", now_ms, {{"+49", "", farther}});
  }
  CHECK(believed(advisor, "+49", "de1", now_ms).loss < 0.01);
  CHECK(believed(advisor, "+491", "de1", now_ms).loss > 0.04);
  // Of its ways elsewhere it has what is believed of the whole.
  CHECK(believed(advisor, "+491", "fr1", now_ms).loss == believed(advisor, "+49", "fr1", now_ms).loss);
  CHECK(believed(advisor, "+491", "fr1", now_ms).confidence > 0.5);
  CHECK(region_for(advisor, "+491512345", now_ms) == "fr1");
  now_ms += 60'000;  // what was chosen last is chosen no more
  for (int i = 0; i < 5; ++i) {
    now_ms += 1000;
    tell(advisor, "de1-gw", now_ms, {{"+49", "", good}, {"+491", "", lossy}});
    tell(advisor, "fr1-gw", now_ms, {{"+49", "", farther}});
  }
  CHECK(region_for(advisor, "+493012345", now_ms) == "de1");
  CHECK(region_for(advisor, "+491512345", now_ms) == "fr1");
  // Put back: what is believed of the part returns to what is believed of the whole.
  for (int i = 0; i < 900; ++i) {
    now_ms += 1000;
    tell(advisor, "de1-gw", now_ms, {{"+49", "", good}});
    tell(advisor, "fr1-gw", now_ms, {{"+49", "", farther}});
  }
  CHECK(believed(advisor, "+491", "de1", now_ms).loss < 0.01);
  CHECK(region_for(advisor, "+491512345", now_ms) == "de1");
}

TEST_CASE("what a part adds to its area's ways is seen on those that were never measured") {
  Advisor advisor(two_regions(), {});
  int64_t now_ms = 100'000;
  for (int i = 0; i < 20; ++i) {
    now_ms += 1000;
    tell(advisor, "fr1-gw", now_ms, {{"+49", "", good}});
    tell(advisor, "de1-gw", now_ms, {{"+49", "", good}, {"+491", "", far}});
  }
  CHECK(believed(advisor, "+49", "de1", now_ms).delay_ms == doctest::Approx(20).epsilon(0.05));
  CHECK(believed(advisor, "+491", "de1", now_ms).delay_ms == doctest::Approx(140).epsilon(0.05));
  CHECK(believed(advisor, "+491", "fr1", now_ms).delay_ms == doctest::Approx(140).epsilon(0.05));
}

TEST_CASE("parts within parts, in whatever order they are heard of, lie in each other") {
  std::vector<std::string> names{"+49",  "+491",         "+4915",         "+49151",
                                 "+493", "203.0.0.0/16", "203.0.16.0/20", "203.0.17.0/24"};
  std::mt19937 chance(3);
  for (int round = 0; round < 50; ++round) {
    std::ranges::shuffle(names, chance);
    Places places(two_regions());
    for (const std::string& name : names) places.area(name);
    const auto whole = [&](std::string_view name) {
      const AreaId id = places.whole_of(places.find_area(name));
      return id == no_area ? std::string() : places.area_name(id);
    };
    CHECK(whole("+49") == "");
    CHECK(whole("+491") == "+49");
    CHECK(whole("+4915") == "+491");
    CHECK(whole("+49151") == "+4915");
    CHECK(whole("+493") == "+49");
    CHECK(whole("203.0.17.0/24") == "203.0.16.0/20");
    CHECK(whole("203.0.16.0/20") == "203.0.0.0/16");
    CHECK(whole("203.0.0.0/16") == "");
    CHECK(places.area_name(places.area_of_address("+4915112345")) == "+49151");
    CHECK(places.area_name(places.area_of_address("+4915212345")) == "+4915");
    CHECK(places.area_name(places.area_of_address("+498912345")) == "+49");
    CHECK(places.area_name(places.area_of_address("203.0.17.9")) == "203.0.17.0/24");
    CHECK(places.area_name(places.area_of_address("203.0.18.9")) == "203.0.16.0/20");
    CHECK(places.area_name(places.area_of_address("203.0.32.9")) == "203.0.0.0/16");
    CHECK(places.region_name(places.home_of(places.find_area("+49151"))) == "de1");
    // Name servers are told for how much of an address it is true.
    const auto network = [&](const char* address, uint8_t known) {
      return places.network_of(*parse_ip(address), known);
    };
    CHECK(places.area_name(network("203.0.17.0", 24).area) == "203.0.17.0/24");
    CHECK(network("203.0.17.0", 24).prefix == 24);
    CHECK(places.area_name(network("203.0.16.0", 24).area) == "203.0.16.0/20");
    CHECK(network("203.0.16.0", 24).prefix == 24);
    CHECK(network("203.0.24.0", 24).prefix == 21);
    CHECK(places.area_name(network("203.0.17.0", 20).area) == "203.0.16.0/20");
    CHECK(network("203.0.17.0", 20).prefix == 24);
    CHECK(network("203.0.128.0", 24).prefix == 17);
  }
}

TEST_CASE("parts are few, and those that nobody measures make room") {
  Topology topology = two_regions();
  topology.areas = {{"office", "fr1", 0, {"+4989"}, {}}};
  Places places(topology);
  const AreaId germany = places.area("+49");
  for (int i = 0; i < 100; ++i) places.heard(places.area(fmt::format("+493{:03}", i)), i < 50 ? 1000 : 2000);
  CHECK(places.parts_of(germany).size() == Places::parts_max);
  const size_t before = places.areas();
  const std::vector<AreaId> forgotten = places.forget_parts(1500);
  CHECK(forgotten.size() == 50);
  CHECK(places.find_area("+493000") == no_area);
  CHECK(places.area_name(places.area_of_address("+4930001234")) == "+49");
  for (int i = 0; i < 50; ++i) places.area(fmt::format("+494{:03}", i));
  CHECK(places.areas() == before);
  CHECK(places.area_name(places.area_of_address("+494001234")) == "+494001");
  // What the topology names is no part, and has its own.
  CHECK(places.whole_of(places.find_area("office")) == no_area);
  CHECK(places.whole_of(places.area("+49891")) == places.find_area("office"));
  CHECK(places.region_name(places.home_of(places.find_area("+49891"))) == "fr1");
}

TEST_CASE("instances that hear of parts from each other believe the same, in whatever order") {
  Advisor us(two_regions(), {.name = "us"});
  std::vector<std::string> letters;
  int64_t now_ms = 100'000;
  std::mt19937 chance(8);
  for (int i = 0; i < 20; ++i) {
    now_ms += 1000;
    std::vector<SegmentReport> segments;
    for (const char* name : {"+49", "+491", "+4915"})
      if (chance() % 3) segments.push_back({name, "", chance() % 2 ? far : good});
    tell(us, chance() % 2 ? "de1-gw" : "fr1-gw", now_ms, std::move(segments));
    letters.push_back(nearend::to_json(to_json(us.summary(now_ms), 120'000)));
  }
  std::optional<std::string> first;
  for (int round = 0; round < 20; ++round) {
    std::ranges::shuffle(letters, chance);
    Advisor eu(two_regions(), {.name = "eu"});
    for (const std::string& letter : letters) {
      auto summary = summary_from(*parse_json(letter), 120'000);
      REQUIRE(summary);
      REQUIRE(eu.take(*summary, 120'000));
    }
    std::string all;
    for (const char* name : {"+49", "+491", "+4915"})
      for (const char* region : {"de1", "fr1"}) {
        const Estimate one = believed(eu, name, region, 120'000);
        all += fmt::format("{} {} {} {};", one.delay_ms, one.loss, one.jitter_ms, one.confidence);
      }
    if (!first) first = all;
    CHECK(all == *first);
  }
}
