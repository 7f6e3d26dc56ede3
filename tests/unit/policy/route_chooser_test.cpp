#include "policy/route_chooser.hpp"

#include <doctest/doctest.h>

#include "policy/advisor.hpp"

using namespace nearend;
using namespace nearend::policy;

namespace {

/// Two near regions and a far one, two gateways each.
Topology three_regions() {
  Topology topology;
  for (const std::string region : {"de1", "fr1", "us1"})
    for (const std::string number : {"1", "2"}) {
      GatewayEntry entry;
      entry.name = region + "-gw" + number;
      entry.region = region;
      entry.link_uri = "sip:" + entry.name + ".example:5070";
      entry.features = {"bridge"};
      entry.prefixes = {""};
      entry.capacity = 100;
      topology.gateways.push_back(entry);
    }
  topology.rtts = {{"de1", "fr1", 12}, {"de1", "us1", 92}, {"fr1", "us1", 84}};
  return topology;
}

RouteQuery question(std::string call, std::string a, std::string b) {
  RouteQuery query;
  query.call = std::move(call);
  query.a.area = std::move(a);
  query.b.area = std::move(b);
  query.may_relay = true;
  return query;
}

GatewayReport told(std::string gateway, uint64_t seq, int64_t at_ms, double used,
                   std::vector<SegmentReport> segments = {}) {
  return {std::move(gateway), seq, at_ms, LoadReport{used, 100}, std::move(segments)};
}

/// Bad news for `seconds`: that area's packets get lost on the way to that gateway's region.
void lose(Advisor& advisor, const std::string& gateway, const std::string& area, uint32_t lost, int seconds,
          int64_t& now_ms) {
  for (int i = 0; i < seconds; ++i) {
    now_ms += 1000;
    const Measurement measured{.packets = 500, .lost = lost, .jitter_ms = 3, .rtt_ms = 8};
    advisor.take(told(gateway, static_cast<uint64_t>(now_ms / 1000), now_ms, 5, {{area, "", measured}}), now_ms);
  }
}

}  // namespace

TEST_CASE("without a measurement a call takes the nearest region, and one gateway where one is enough") {
  Advisor advisor(three_regions(), {});
  const RouteAnswer local = advisor.route(question("CA1", "de1-mobile", "de1-fixed"), 1000);
  REQUIRE(local.hops.size() == 1);
  CHECK(local.hops[0].region == "de1");
  CHECK(local.estimate.confidence == 0);
  CHECK(local.estimate.score > 4.2);
  const RouteAnswer far = advisor.route(question("CA2", "de1-fixed", "us1-fixed"), 1000);
  CHECK(far.estimate.m2e_ms > 100);
  CHECK(far.alternatives.size() == 2);
  CHECK(far.mode == "quality");
}

TEST_CASE("a way that loses packets is left for one that does not, within two reports") {
  Advisor advisor(three_regions(), {});
  int64_t now_ms = 100'000;
  lose(advisor, "de1-gw1", "de1-mobile", 1, 3, now_ms);
  CHECK(advisor.route(question("CA1", "de1-mobile", "de1-mobile"), now_ms).hops[0].region == "de1");
  lose(advisor, "de1-gw1", "de1-mobile", 40, 2, now_ms);
  const RouteAnswer answer = advisor.route(question("CA2", "de1-mobile", "de1-mobile"), now_ms);
  CHECK(answer.hops[0].region == "fr1");
  CHECK(answer.reason.contains("fr1 best"));
}

TEST_CASE("what was believed returns to what is known without measuring, once nobody measures") {
  Advisor advisor(three_regions(), {});
  int64_t now_ms = 100'000;
  lose(advisor, "de1-gw1", "de1-mobile", 40, 3, now_ms);
  CHECK(advisor.route(question("CA1", "de1-mobile", "de1-mobile"), now_ms).hops[0].region == "fr1");
  CHECK(advisor.route(question("CA2", "de1-mobile", "de1-mobile"), now_ms + 1'200'000).hops[0].region == "de1");
}

TEST_CASE("the last route stays until another is clearly better") {
  Advisor advisor(three_regions(), {});
  int64_t now_ms = 100'000;
  lose(advisor, "de1-gw1", "de1-mobile", 10, 5, now_ms);
  const std::string before = advisor.route(question("CA1", "de1-mobile", "de1-mobile"), now_ms).hops[0].region;
  for (int i = 2; i < 40; ++i) {
    // About as bad as the other is far.
    lose(advisor, "de1-gw1", "de1-mobile", i % 2 ? 9 : 11, 1, now_ms);
    CHECK(advisor.route(question("CA" + std::to_string(i * 7), "de1-mobile", "de1-mobile"), now_ms).hops[0].region ==
          before);
  }
}

TEST_CASE("a full region gives its calls to the next one, by what was given since the last report too") {
  Advisor advisor(three_regions(), {});
  int64_t now_ms = 100'000;
  for (const std::string gateway : {"de1-gw1", "de1-gw2", "fr1-gw1", "fr1-gw2", "us1-gw1", "us1-gw2"})
    advisor.take(told(gateway, 1, now_ms, gateway.starts_with("de1") ? 85 : 10), now_ms);
  std::map<std::string, int> taken;
  for (int i = 0; i < 60; ++i)
    ++taken[advisor.route(question("CA" + std::to_string(i), "de1-fixed", "de1-fixed"), now_ms + i).hops[0].gateway];
  CHECK(taken["de1-gw1"] <= 10);
  CHECK(taken["de1-gw2"] <= 10);
  CHECK(taken["fr1-gw1"] + taken["fr1-gw2"] >= 35);
  CHECK(std::abs(taken["fr1-gw1"] - taken["fr1-gw2"]) <= 20);
}

TEST_CASE("a gateway that has fallen silent or drains gets nothing; if all are silent, it is us who are cut off") {
  Advisor advisor(three_regions(), {});
  for (int64_t at_ms = 1000; at_ms <= 20'000; at_ms += 1000) {
    for (const std::string gateway : {"de1-gw2", "fr1-gw1", "us1-gw1"})
      advisor.take(told(gateway, static_cast<uint64_t>(at_ms), at_ms, 1), at_ms);
    if (at_ms < 10'000) advisor.take(told("de1-gw1", static_cast<uint64_t>(at_ms), at_ms, 1), at_ms);
  }
  for (int i = 0; i < 20; ++i)
    CHECK(advisor.route(question("CA" + std::to_string(i), "de1-fixed", "de1-fixed"), 20'000).hops[0].gateway ==
          "de1-gw2");
  auto draining = told("de1-gw2", 99'999, 20'000, 1);
  draining.load->is_draining = true;
  advisor.take(draining, 20'000);
  CHECK(advisor.route(question("CA90", "de1-fixed", "de1-fixed"), 20'000).hops[0].region == "fr1");
  CHECK(advisor.route(question("CA91", "us1-fixed", "us1-fixed"), 90'000).hops[0].region == "us1");
}

TEST_CASE("media does not leave the account's residency, whatever is better outside") {
  AdvisorSettings settings;
  settings.accounts = {{.account = "AC1", .mode = Mode::quality, .residency = {"us1"}}};
  Advisor advisor(three_regions(), settings);
  RouteQuery query = question("CA1", "de1-fixed", "fr1-fixed");
  query.account = "AC1";
  const RouteAnswer answer = advisor.route(query, 1000);
  REQUIRE(answer.hops.size() == 1);
  CHECK(answer.hops[0].region == "us1");
  query.residency = {"as"};
  CHECK(advisor.route(query, 1000).hops.empty());
}

TEST_CASE("a relay region is used where it is clearly the better way") {
  Advisor advisor(three_regions(), {});
  int64_t now_ms = 10'000;
  for (int i = 0; i < 30; ++i) {
    now_ms += 1000;
    const auto seq = static_cast<uint64_t>(now_ms);
    const Measurement bad{.packets = 500, .lost = 50, .jitter_ms = 20, .rtt_ms = 260},
        good{.packets = 500, .rtt_ms = 12}, fine{.packets = 500, .rtt_ms = 84};
    // Neither side's own network reaches another region well.
    std::vector<SegmentReport> from_de{{"", "us1", bad}, {"", "fr1", good}},
        from_fr{{"", "us1", fine}, {"de1-x", "", bad}, {"us1-x", "", bad}};
    advisor.take(told("de1-gw1", seq, now_ms, 1, from_de), now_ms);
    advisor.take(told("fr1-gw1", seq, now_ms, 1, from_fr), now_ms);
    advisor.take(told("us1-gw1", seq, now_ms, 1, {{"de1-x", "", bad}}), now_ms);
  }
  RouteQuery query = question("CA5", "de1-x", "us1-x");
  query.b.area.clear();
  query.b.gateway = "us1-gw2";
  const RouteAnswer answer = advisor.route(query, now_ms);
  REQUIRE(answer.hops.size() == 3);
  CHECK(answer.hops[1].region == "fr1");
  query.may_relay = false;
  CHECK(advisor.route(query, now_ms).hops.size() <= 2);
}

TEST_CASE("a leg that is there keeps its gateway, and a number goes where its prefix is taken") {
  Topology topology = three_regions();
  topology.gateways[0].prefixes = {"+1"};
  topology.gateways[1].prefixes = {"+49"};
  Advisor advisor(topology, {});
  RouteQuery query;
  query.call = "CA1";
  query.a = {.gateway = "de1-gw1", .region = "de1"};
  query.b.address = "+4930123";
  const RouteAnswer answer = advisor.route(query, 1000);
  REQUIRE(answer.hops.size() == 2);
  CHECK(answer.hops[0].gateway == "de1-gw1");
  CHECK(answer.hops[1].gateway == "de1-gw2");
  query.exclude = {"de1-gw2"};
  CHECK(advisor.route(query, 1000).hops.back().region == "fr1");
}

TEST_CASE("the medium decides what counts: text does not mind a delay, the media-blind mode knows no codecs") {
  const Scale scale;
  const Estimate far{200, 2, 0.001, 1}, lossy{40, 2, 0.05, 1};
  const auto points = [&](const Estimate& path, MediaKind media, Mode mode) {
    return scale.worth(path, media, rtp::g711_concealed, mode).points;
  };
  CHECK(points(far, MediaKind::text, Mode::quality) > points(far, MediaKind::audio, Mode::quality));
  CHECK(points(far, MediaKind::video, Mode::quality) > points(lossy, MediaKind::video, Mode::quality));
  CHECK(points(far, MediaKind::audio, Mode::generic) == points(far, MediaKind::video, Mode::generic));
  CHECK(scale.rating(150, 0, rtp::g711_concealed) == doctest::Approx(rtp::rating({.delay_ms = 150})).epsilon(0.001));
  CHECK(scale.rating(5000, 0.5, rtp::g711_bare) == 0);
}
