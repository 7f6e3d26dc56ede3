// What gateways measure of their ways reaches the policy server, and what it believes then.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "sim/flows.hpp"

namespace nearend::sim::test {
namespace {

Plan far_call() {
  Plan plan;
  plan.is_callee_far = true;
  plan.documents["/start"] = fmt::format("<Response><Dial><Number>{}</Number></Dial></Response>", callee_number);
  return plan;
}

/// The segment between two regions, or of an area and a region; null when nothing is known of it.
json::value segment_of(Platform& platform, std::string_view first, std::string_view second) {
  const json::object state = platform.policy_state();
  for (const json::value& each : state.at("segments").get_array()) {
    const json::object& one = each.get_object();
    const std::string a = json_string_or(one, "area", json_string_or(one, "a", ""));
    const std::string b = json_string_or(one, "region", json_string_or(one, "b", ""));
    if ((a == first && b == second) || (a == second && b == first)) return each;
  }
  return nullptr;
}

double number(const json::value& segment, std::string_view key) {
  return segment.is_object() ? json_number_or(segment.get_object(), key, -1) : -1;
}

bool begin(Platform& platform) {
  platform.call();
  return platform.wait([&] { return platform.caller().is_talking() && platform.callee().is_talking(); }, 60s,
                       "no talk");
}

TEST_SUITE("ways") {
  TEST_CASE("the round trip between regions is known from echoes before any call") {
    Platform platform(7, far_call(), {});
    platform.run(20s);
    const json::value between = segment_of(platform, "eu/de1", "as/jp1");
    CHECK(number(between, "reports") >= 30);
    CHECK(number(between, "delay_ms") == doctest::Approx(platform.between_ms / 2).epsilon(0.05));
    CHECK(number(between, "loss_percent") < 0.5);
    CHECK(segment_of(platform, "+1555", "eu/de1").is_null());
  }

  TEST_CASE("a way that loses is learned while a talk goes over it, and so is the access that does not") {
    for (const uint64_t seed : {1, 2, 3, 4}) {
      Platform platform(seed, far_call(), {});
      REQUIRE(begin(platform));
      platform.run(20s);
      CHECK(number(segment_of(platform, "eu/de1", "as/jp1"), "loss_percent") < 0.7);
      CHECK(number(segment_of(platform, "eu/de1", "as/jp1"), "confidence") > 0.9);
      for (const auto& [from, to] : {std::pair("eu", "as"), std::pair("as", "eu")})
        platform.world.paths().set_quality(from, to, {.loss = 0.06});
      platform.run(20s);
      const double lost = number(segment_of(platform, "eu/de1", "as/jp1"), "loss_percent");
      CHECK(lost > 3);
      CHECK(lost < 9);
      platform.caller().hang_up();
      platform.check_end(2);
      for (const std::string& failure : platform.failures) FAIL_CHECK(failure);
    }
  }

  TEST_CASE("how a provider's call went is known once it has ended, and which provider was proposed before it began") {
    Platform platform(6, far_call(), {});
    platform.run(3s);
    REQUIRE(begin(platform));
    platform.run(10s);
    platform.caller().hang_up();
    platform.check_end(2);
    platform.run(3s);
    const json::object state = platform.policy_state();
    const json::object* callee = nullptr;
    for (const json::value& each : state.at("providers").get_array())
      if (json_string_or(each.get_object(), "name", "") == "callee") callee = &each.get_object();
    REQUIRE(callee != nullptr);
    CHECK(json_number_or(*callee, "asr", 0) > 0.9);
    CHECK(json_number_or(*callee, "mos", 0) > 4.2);  // which is what is expected of one that nothing is known of
    CHECK(to_json(state.at("decisions")).contains("; by callee: "));
    for (const std::string& failure : platform.failures) FAIL_CHECK(failure);
  }

  TEST_CASE("what is lost at the callee's access is not held against the way between the regions") {
    Platform platform(5, far_call(), {});
    REQUIRE(begin(platform));
    platform.run(5s);
    Host& callee = platform.callee().host();
    platform.world.paths().set_quality(callee.id(), platform.far().host.id(), {.loss = 0.08});
    platform.run(30s);
    CHECK(number(segment_of(platform, "+1555", "as/jp1"), "loss_percent") > 2);
    CHECK(number(segment_of(platform, "eu/de1", "as/jp1"), "loss_percent") < 1);
    CHECK(number(segment_of(platform, "+1555", "eu/de1"), "reports") >= 30);
    CHECK(number(segment_of(platform, "+1555", "eu/de1"), "loss_percent") < 1);
  }

  TEST_CASE("talks whose way has become bad go by a relay within five seconds, stay there, and lose nothing by it") {
    for (uint64_t seed = 1; seed <= 12; ++seed) {
      CAPTURE(seed);
      Plan plan = far_call();
      plan.has_relay = true;
      Platform platform(seed, std::move(plan), {});
      REQUIRE(begin(platform));
      platform.run(20s);
      CHECK(platform.relay().anchors() == 0);
      for (const auto& [from, to] : {std::pair("eu", "as"), std::pair("as", "eu")})
        platform.world.paths().set_quality(from, to, {.loss = 0.05});
      const io::Instant begun = platform.world.now();
      while (platform.relay().anchors() != 2 && platform.world.now() - begun < 10s) platform.run(50ms);
      CHECK(platform.world.now() - begun <= 5s);
      const std::string decisions = to_json(platform.policy_state().at("decisions"));
      CAPTURE(decisions);
      platform.run(10s);
      CHECK(platform.events("reroute").size() >= 1);
      CHECK(platform.events("rerouted").size() >= 1);
      const io::Instant after = platform.world.now();
      platform.run(60s);
      for (Phone* phone : {&platform.caller(), &platform.callee()}) {
        const Flaws flaws = phone->flaws(phone->party() == 1 ? 2 : 1, after, platform.world.now());
        CHECK(flaws.heard > 2900);
        CHECK(flaws.lost + flaws.doubled == 0);
      }
      CHECK(platform.relay().anchors() == 2);
      CHECK(platform.events("reroute").size() <= 2);  // each gateway's, of the one move
      platform.callee().hang_up();
      platform.check_end(2);
      for (const std::string& failure : platform.failures) FAIL_CHECK(failure);
    }
  }
}

}  // namespace
}  // namespace nearend::sim::test
