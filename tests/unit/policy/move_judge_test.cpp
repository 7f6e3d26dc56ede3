#include <doctest/doctest.h>

#include "policy/advisor.hpp"

using namespace nearend;
using namespace nearend::policy;

namespace {

struct Fleet {
  Fleet() {
    for (const std::string name : {"de1", "fr1"}) {
      GatewayEntry entry;
      entry.name = name + "-gw";
      entry.region = name;
      entry.link_uri = "sip:" + entry.name;
      entry.prefixes = {""};
      topology.gateways.push_back(entry);
    }
    topology.rtts = {{"de1", "fr1", 12}};
  }
  RerouteAnswer ask(Advisor& advisor, const std::string& call, int64_t now_ms, double loss,
                    std::optional<int64_t> moved_ms_ago = {}) {
    RerouteQuery query;
    query.route.call = call;
    query.route.a.area = "de1-x";
    query.route.b.area = "de1-y";
    query.current = {"de1-gw"};
    query.observed = {.rtt_ms = 10, .loss = loss, .jitter_ms = 3};
    query.moved_ms_ago = moved_ms_ago;
    return advisor.reroute(query, now_ms);
  }
  Topology topology;
};

}  // namespace

TEST_CASE("a call that is well stays; one that is bad moves, and not again soon") {
  Fleet fleet;
  Advisor advisor(fleet.topology, {});
  CHECK(fleet.ask(advisor, "CA1", 1000, 0.001).route.reason.starts_with("good enough"));
  const RerouteAnswer moved = fleet.ask(advisor, "CA1", 2000, 0.12);
  REQUIRE_FALSE(moved.stays);
  CHECK(moved.route.hops[0].gateway == "fr1-gw");
  CHECK(moved.gain > 8);
  CHECK(fleet.ask(advisor, "CA1", 20'000, 0.12).route.reason == "moved a moment ago");
  CHECK_FALSE(fleet.ask(advisor, "CA1", 50'000, 0.12).stays);
}

TEST_CASE("a call that another instance has moved a moment ago stays") {
  Fleet fleet;
  Advisor advisor(fleet.topology, {});
  CHECK(fleet.ask(advisor, "CA1", 50'000, 0.12, 300).route.reason == "moved a moment ago");
  CHECK_FALSE(fleet.ask(advisor, "CA1", 50'000, 0.12, 45'000).stays);
}

TEST_CASE("the fleet moves only so many calls at once, but rescues those that hear nothing") {
  Fleet fleet;
  Advisor advisor(fleet.topology, {});
  int moved = 0, rescued = 0;
  for (int i = 0; i < 300; ++i) moved += !fleet.ask(advisor, "CA" + std::to_string(i), 1000, 0.12).stays;
  CHECK(moved <= 60);
  CHECK(moved >= 10);
  for (int i = 0; i < 100; ++i) rescued += !fleet.ask(advisor, "CB" + std::to_string(i), 1000, 1).stays;
  CHECK(rescued == 100);
}

TEST_CASE("a call whose gateway is unknown stays and is told why") {
  Fleet fleet;
  Advisor advisor(fleet.topology, {});
  RerouteQuery query;
  query.route.a.area = query.route.b.area = "de1-x";
  query.current = {"nobody"};
  CHECK(advisor.reroute(query, 1000).stays);
  CHECK(advisor.reroute(query, 1000).route.reason.contains("nobody"));
}

TEST_CASE("what is shown to be lost between the gateways is not held against their accesses") {
  Topology topology;
  for (const std::string name : {"de1", "jp1", "za1"}) {
    GatewayEntry entry;
    entry.name = name + "-gw";
    entry.region = name;
    entry.link_uri = "sip:" + entry.name;
    entry.prefixes = {""};
    topology.gateways.push_back(entry);
  }
  topology.rtts = {{"de1", "jp1", 150}, {"de1", "za1", 85}, {"za1", "jp1", 85}};
  Advisor advisor(topology, {});
  RerouteQuery query;
  query.route.call = "CA1";
  query.route.may_relay = true;
  query.route.a.gateway = "de1-gw";
  query.route.b.gateway = "jp1-gw";
  query.current = {"de1-gw", "jp1-gw"};
  query.observed = {.rtt_ms = 150, .loss = 0.05};
  CHECK(advisor.reroute(query, 1000).stays);
  query.observed.is_between = true;
  const RerouteAnswer answer = advisor.reroute(query, 1000);
  REQUIRE_FALSE(answer.stays);
  CHECK(answer.route.hops.size() == 3);
}
