#include <doctest/doctest.h>

#include "gateway/echo.hpp"
#include "gateway/leg_tally.hpp"
#include "gateway/way_sums.hpp"
#include "sim/world.hpp"

using namespace nearend;
using namespace nearend::gateway;
using namespace std::chrono_literals;

namespace {

policy::Measurement only(WaySums& sums, int64_t now_ms = 1000) {
  const auto reports = sums.take(now_ms);
  REQUIRE(reports.size() == 1);
  return reports.front().measured;
}

/// Two gateways that ask each other.
struct Pair {
  explicit Pair(std::string key_of_b = "secret") {
    world.paths().set_rtt("eu", "as", 80ms);
    begin(a, eu, "as/jp1", as, "secret");
    begin(b, as, "eu/de1", eu, std::move(key_of_b));
  }
  void begin(std::unique_ptr<Echo>& echo, sim::Host& host, std::string region, sim::Host& other, std::string key) {
    auto& heard = &echo == &a ? heard_a : heard_b;
    Echo::Settings settings{.listen = host.endpoint(5075),
                            .key = std::move(key),
                            .peers = {{std::move(region), other.endpoint(5075)}},
                            .is_peer = [this](const IpAddress& from) { return from != stranger.address(); }};
    echo = std::make_unique<Echo>(host.loop(), host.net(), std::move(settings),
                                  [&heard](const std::string&, std::optional<double> rtt) { heard.push_back(rtt); });
    REQUIRE(echo->start());
  }
  sim::World world{1};
  sim::Host& eu = world.add_host("a", "eu");
  sim::Host& as = world.add_host("b", "as");
  sim::Host& stranger = world.add_host("x", "eu");
  std::vector<std::optional<double>> heard_a, heard_b;
  std::unique_ptr<Echo> a, b;
};

}  // namespace

TEST_CASE("an access way has the holes of what came and the far end's word on what it was sent") {
  WaySums sums;
  const WayId way = sums.area("+49");
  sums.add_access(way, {.packets = 50, .lost = 2, .jitter_ms = 4});
  sums.add_access(way, {.packets = 50, .lost = 0, .jitter_ms = 8, .rtt_ms = 30, .far_packets = 250, .far_lost = 5});
  const policy::Measurement measured = only(sums);
  CHECK(measured.packets == 350);
  CHECK(measured.lost == 7);
  CHECK(measured.streams == 2);
  CHECK(measured.jitter_ms == 6);
  CHECK(measured.rtt_ms == 30);
  CHECK(sums.take(2000).empty());
}

TEST_CASE("a way between regions counts what its sender sent, whatever holes the talker's stream has") {
  WaySums sums;
  const WayId way = sums.region("us/va1");
  const auto count = [&](uint32_t packets, int32_t missing) {
    sums.add_between(way, {.packets = 50, .lost = 10, .jitter_ms = 2}, {.now = {packets, missing}});
    return only(sums).lost;
  };
  CHECK(count(250, -1) == 0);
  CHECK(count(250, 1) == 0);  // what came before its report in the last second
  CHECK(count(250, 13) == 13);
  sums.add_between(way, {.packets = 50}, {});
  CHECK(sums.take(4000).empty());
}

TEST_CASE("a way that has begun to lose tells what came before that on its own") {
  WaySums sums;
  sums.add_between(sums.region("us/va1"), {.packets = 50}, {.earlier = {150, 1}, .now = {100, 5}, .is_guilty = true});
  const auto told = sums.take(1000);
  REQUIRE(told.size() == 2);
  CHECK(told[0].measured.packets == 150);
  CHECK(told[0].measured.lost == 1);
  CHECK(told[0].measured.streams == 0);
  CHECK(told[1].measured.packets == 100);
  CHECK(told[1].measured.lost == 5);
  CHECK(told[1].measured.streams == 1);
}

/// Seconds of one leg, one after the other.
struct Hearing {
  WayBlame blame;
  io::Instant now{100s};
  WayVerdict hear(uint32_t lost, uint32_t sent = 0, int32_t missing = 0) {
    now += 1s;
    return blame.hear({.packets = 50, .lost = lost, .sent = sent, .missing = missing}, now);
  }
};

TEST_CASE("holes are the way's when its sender's count says so, from the first of them on") {
  Hearing leg;
  CHECK(leg.hear(0).now.packets == 0);
  CHECK(leg.hear(0, 100, 0).now.packets == 100);
  leg.hear(0);
  leg.hear(0);
  CHECK(leg.hear(3).now.packets == 0);  // nobody knows yet whose they are
  const WayVerdict shown = leg.hear(2, 200, 4);
  CHECK(shown.is_guilty);
  CHECK(shown.now.packets == 100);
  CHECK(shown.now.missing == 5);
  CHECK(shown.earlier.packets == 100);
  CHECK(shown.earlier.missing == 0);
  const WayVerdict next = leg.hear(4);
  CHECK(next.now.packets == 50);
  CHECK(next.now.missing == 4);
  for (int i = 0; i < 3; ++i) leg.hear(0);
  CHECK(leg.hear(0).now.packets == 0);  // the count is old
}

TEST_CASE("holes are not the way's when its sender's count does not have them") {
  Hearing leg;
  leg.hear(0, 50, 0);
  leg.hear(4);
  leg.hear(3);
  const WayVerdict shown = leg.hear(3, 100, 0);
  CHECK(shown.is_clean);
  CHECK_FALSE(shown.is_guilty);
  CHECK(shown.now.packets == 100);
  CHECK(shown.now.missing == 0);
  // The way loses now, and later the talker's access does.
  leg.hear(4);
  CHECK(leg.hear(3, 100, 5).is_guilty);
  leg.hear(5);
  CHECK(leg.hear(3, 100, 1).is_clean);
  CHECK_FALSE(leg.hear(5).is_guilty);
}

TEST_CASE("what an endpoint was heard like is known when its leg ends") {
  LegTally tally;
  CHECK(tally.score() == 0);
  for (int i = 0; i < 10; ++i)
    tally.add({.packets = 50, .lost = 5, .late = 1, .jitter_ms = 4, .rtt_ms = i % 2 ? 60.0F : 0.0F});
  CHECK(tally.packets() == 500);
  CHECK(tally.lost() == 50);
  CHECK(tally.late() == 10);
  CHECK(tally.jitter_ms() == doctest::Approx(4));
  CHECK(tally.rtt_ms() == doctest::Approx(60));
  CHECK(tally.score() > 1);
  CHECK(tally.score() < 4);
}

TEST_CASE("where far ends send no RTCP the round trip of SIP stands for theirs, as long as it is fresh") {
  WaySums sums;
  const WayId way = sums.area("carrier");
  const auto second = [&](int64_t now_ms, double rtt_ms = 0) {
    sums.add_access(way, {.packets = 50, .rtt_ms = static_cast<float>(rtt_ms)});
    return only(sums, now_ms).rtt_ms;
  };
  CHECK(second(100'000) == 0);
  sums.set_signalling_trip(way, 44, 100'500);
  CHECK(second(101'000) == 44);
  CHECK(second(102'000, 12) == 12);
  CHECK(second(103'000) == 0);
  CHECK(second(131'000) == 0);
  CHECK(second(133'000) == 44);
  CHECK(second(300'000) == 0);
}

TEST_CASE("gateways of two regions know the round trip by an echo a second") {
  Pair pair;
  pair.world.run_for(10s);
  REQUIRE(pair.heard_a.size() >= 9);
  CHECK(pair.heard_b.size() >= 9);
  for (const auto& rtt : pair.heard_a) CHECK(rtt.value_or(0) == doctest::Approx(80).epsilon(0.01));
  CHECK_FALSE(pair.a->is_silent("as/jp1"));
}

TEST_CASE("an echo that does not come is a loss once others have come, and the way is gone after two") {
  Pair pair;
  pair.world.paths().set_cut("eu", "as", true);
  pair.world.run_for(10s);
  CHECK(pair.heard_a.empty());  // as far as anybody knows its port is closed
  pair.world.paths().set_cut("eu", "as", false);
  pair.world.run_for(5s);
  CHECK(pair.heard_a.size() >= 4);
  pair.heard_a.clear();
  pair.world.paths().set_cut("eu", "as", true);
  pair.world.run_for(4s);
  REQUIRE(pair.heard_a.size() >= 3);
  CHECK_FALSE(pair.heard_a.back().has_value());
  CHECK(pair.a->is_silent("as/jp1"));
  pair.world.run_for(100s);
  CHECK(pair.heard_a.size() < 70);
}

TEST_CASE("nobody gets an echo who has not the key or is no peer, and nobody gets more than he sent") {
  Pair pair("another key");
  pair.world.run_for(5s);
  CHECK(pair.heard_a.empty());
  CHECK(pair.heard_b.empty());
  Pair open;
  size_t answers = 0, longest = 0;
  std::vector<uint8_t> seen;
  open.world.network().observe([&](const sim::PacketSeen& packet) {
    if (packet.from_host == open.eu.id() && seen.empty()) seen.assign(packet.bytes.begin(), packet.bytes.end());
    longest = std::max(longest, packet.bytes.size());
  });
  open.world.run_for(2s);
  CHECK(longest == 40);
  auto socket = open.stranger.net().open_udp(open.stranger.endpoint(9), [&](const Endpoint&, io::Bytes) { ++answers; });
  REQUIRE(socket);
  REQUIRE(seen.size() == 40);
  (*socket)->send(open.as.endpoint(5075), seen);  // a request of a peer, sent again by somebody else
  open.world.run_for(2s);
  CHECK(answers == 0);
}
