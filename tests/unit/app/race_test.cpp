#include "app/race.hpp"

#include <doctest/doctest.h>

#include "io/async.hpp"
#include "sim/world.hpp"
#include "sip/stack.hpp"

using namespace nearend;
using namespace nearend::app;
using namespace std::chrono_literals;

namespace {

/// Answers probes as a gateway does, from a region so far away.
class Answering final : public sip::Stack::Listener {
 public:
  Answering(sim::World& world, std::string region, io::Duration rtt, int status = 200, bool answers_probes = true)
      : host_(world.add_host(region, region)), transport_(host_.loop(), host_.net(), {}) {
    world.paths().set_rtt("client", region, rtt);
    for (const auto protocol : {sip::Protocol::udp, sip::Protocol::tcp})
      (void)transport_.listen({.protocol = protocol,
                               .local = host_.endpoint(5060),
                               .is_admitted = [](const IpAddress&) { return false; },
                               .answers_probes = answers_probes});
    sip::StackSettings settings;
    settings.answer_options = [region, status] {
      return sip::OptionsAnswer{status, {{"Server", region + "-gw (" + region + "/1)"}}};
    };
    stack_.emplace(host_.loop(), transport_, settings, *this);
  }
  RaceCandidate candidate(sip::Protocol protocol = sip::Protocol::udp) {
    RaceCandidate made{.sip = {protocol, host_.endpoint(5060), {}, 0}};
    if (protocol == sip::Protocol::udp) made.stun = host_.endpoint(5060);
    return made;
  }
  void on_dialog_event(sip::DialogId, sip::DialogEvent) override {}
  void on_request(sip::ServerTransactionId, sip::Message, const sip::Flow&) override {}

 private:
  sim::Host& host_;
  sip::Transport transport_;
  std::optional<sip::Stack> stack_;
};

Task<void> keep(io::World world, std::vector<RaceCandidate> candidates, std::vector<RaceResult>& out) {
  auto results = co_await race(world, std::move(candidates), {});
  out = std::move(results);
}

std::vector<RaceResult> raced(sim::World& world, std::vector<RaceCandidate> candidates) {
  sim::Host& client = world.add_host("client", "client");
  std::vector<RaceResult> results;
  io::Scope scope(client.loop());
  scope.spawn(keep(client.world(), std::move(candidates), results));
  world.run_for(12s);
  return results;
}

}  // namespace

TEST_CASE("the nearest gateway that takes calls wins the race, by what is measured") {
  sim::World world(1);
  Answering far(world, "sa", 180ms), near(world, "eu", 30ms), full(world, "de", 4ms, 503);
  Answering closed(world, "us", 10ms, 200, false), middle(world, "as", 70ms);
  const auto results = raced(world, {far.candidate(), full.candidate(), near.candidate(), closed.candidate(),
                                     middle.candidate(sip::Protocol::tcp)});
  REQUIRE(results.size() == 5);
  const std::vector<double> expected{180, 4, 30, 0, 70};
  for (size_t i = 0; i < results.size(); ++i) {
    CAPTURE(i);
    CHECK(results[i].is_chosen == (i == 2));
    CHECK(results[i].median_ms().has_value() == (i != 3));
    CHECK(results[i].median_ms().value_or(0) == doctest::Approx(expected[i]).epsilon(0.1));
    CHECK(results[i].loss() == (i == 3 ? 1 : 0));
  }
  CHECK(results[0].candidate.gateway == "sa-gw");
  CHECK(results[0].candidate.region == "sa/1");
  CHECK(results[0].seen);
  CHECK_FALSE(results[4].seen);
  CHECK(results[1].status == 503);
  CHECK(results[3].status == 0);
  const std::string table = race_table(results);
  CHECK(table.find("* eu-gw") != std::string::npos);
  CHECK(table.find("no answer") != std::string::npos);
}

TEST_CASE("the first candidate stands against one that is hardly nearer") {
  sim::World world(1);
  Answering first(world, "eu", 30ms), second(world, "fr", 24ms);
  CHECK(raced(world, {first.candidate(), second.candidate()})[0].is_chosen);
  sim::World other(1);
  Answering slow(other, "eu", 50ms), quick(other, "fr", 24ms);
  CHECK(raced(other, {slow.candidate(), quick.candidate()})[1].is_chosen);
}

TEST_CASE("candidates are read from what a policy server lists, and nonsense is named") {
  const auto candidates = candidates_of(
      R"({"ttl_s":20,"candidates":[{"gateway":"eu-gw1","region":"eu/de1","stun":["stun:198.51.100.1:5060"],)"
      R"("sip":["sip:eu-gw1.gw.v.example:5061;transport=tls","sip:198.51.100.1:5070;transport=tcp"]},)"
      R"({"gateway":"us-gw1","region":"us/va1","sip":["sip:203.0.113.1:5060;transport=udp"]}]})");
  REQUIRE(candidates);
  REQUIRE(candidates->size() == 2);
  CHECK((*candidates)[0].stun->to_string() == "198.51.100.1:5060");
  CHECK((*candidates)[0].sip.protocol == sip::Protocol::tcp);
  CHECK((*candidates)[0].sip.address.to_string() == "198.51.100.1:5070");
  CHECK_FALSE((*candidates)[1].stun);
  CHECK((*candidates)[1].region == "us/va1");
  for (const char* wrong :
       {"", "[]", "{}", R"({"candidates":[1]})", R"({"candidates":[{}]})",
        R"({"candidates":[{"sip":["sip:a.example"]}]})", R"({"candidates":[{"sip":["sip:192.0.2.1"],"stun":["x"]}]})"})
    CHECK_FALSE(candidates_of(wrong));
}
