#include <doctest/doctest.h>

#include "policy/policy.hpp"
#include "policy/topology_file.hpp"
#include "policy/wire.hpp"

using namespace nearend;
using namespace nearend::policy;

namespace {

Topology two_continents() {
  return {
      .gateways = {{"eu1", "eu/de1", "sip:192.0.2.1:5070", {"bridge", "play"}, {"+49", ""}, 100},
                   {"eu2", "eu/de1", "sip:192.0.2.2:5070", {"bridge", "play"}, {"+49", ""}, 100},
                   {"us1", "na/us1", "sip:192.0.2.3:5070", {"bridge", "local-tts"}, {"+1", ""}, 100}},
      .routers = {{"r-us", "na/us1", "sip:192.0.2.9:5070", "", 100}, {"r-jp", "as/jp1", "sip:192.0.2.8:5070", "", 100}},
      .rtts = {{"eu/de1", "na/us1", 90}, {"eu/de1", "as/jp1", 230}}};
}

}  // namespace

TEST_CASE("a gateway's nearest router comes first") {
  const RouterAnswer answer = static_routers(two_continents(), {.region = "eu/de1"});
  REQUIRE(answer.routers.size() == 2);
  CHECK(answer.routers[0].name == "r-us");
  CHECK(answer.reason == "nearest router of eu/de1: na/us1 at 90 ms");
  CHECK(static_routers(two_continents(), {.region = "as/jp1"}).routers[0].name == "r-jp");
}

TEST_CASE("a number goes to the longest prefix, then to the nearest gateway, then to the caller's own") {
  const Topology topology = two_continents();
  RouteQuery query{.a = {.gateway = "eu2", .region = "eu/de1"}, .b = {.address = "+4930123"}};
  CHECK(static_route(topology, query).hops.back().gateway == "eu2");
  query.exclude = {"eu2"};
  CHECK(static_route(topology, query).hops.back().gateway == "eu1");
  query.b.address = "sip:+1212@carrier.example";
  query.exclude.clear();
  CHECK(static_route(topology, query).hops.back().gateway == "us1");
  query.b.address = "+33";
  CHECK(static_route(topology, query).hops.back().gateway == "eu2");
}

TEST_CASE("a resource the region lacks is the router's") {
  const Topology topology = two_continents();
  CHECK(static_resource(topology, {.kind = "play", .near_region = "eu/de1", .router_region = "na/us1"}).is_local);
  const ResourceAnswer tts =
      static_resource(topology, {.kind = "local-tts", .near_region = "eu/de1", .router_region = "na/us1"});
  CHECK_FALSE(tts.is_local);
  CHECK(tts.region == "na/us1");
}

TEST_CASE("queries and answers survive the wire") {
  RouteQuery query{.call = "CA1",
                   .account = "AC1",
                   .needs = {"play"},
                   .a = {.gateway = "eu2", .region = "eu/de1"},
                   .b = {.address = "+49"},
                   .exclude = {"x"}};
  auto again = route_query_from(to_json(query));
  REQUIRE(again);
  CHECK(again->b.address == "+49");
  CHECK(again->needs == query.needs);
  CHECK(again->exclude == query.exclude);
  auto answer = route_answer_from(to_json(static_route(two_continents(), query)));
  REQUIRE(answer);
  CHECK(answer->hops.size() == 1);
  CHECK(answer->alternatives.size() == 2);
  CHECK(answer->estimate.m2e_ms > 80);
  CHECK(route_query_from(json::object{{"a", "x"}}).error().text ==
        "'a' must be an object with area, address, gateway or region");
  CHECK_FALSE(router_answer_from(json::object{}));
}

TEST_CASE("a topology with a name twice or a link that is no SIP URI is refused") {
  Topology topology = two_continents();
  CHECK(checked(topology));
  topology.gateways[1].name = "eu1";
  CHECK(checked(topology).error().text == "gateway[1].name: 'eu1' is there twice");
  topology = two_continents();
  topology.routers[0].link_uri = "192.0.2.9";
  CHECK(checked(topology).error().text == "router[0].link_uri: a SIP URI is expected, not '192.0.2.9'");
}
