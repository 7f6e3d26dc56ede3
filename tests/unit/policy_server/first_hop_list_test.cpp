#include "policy_server/first_hop_list.hpp"

#include <doctest/doctest.h>

#include <boost/json/array.hpp>
#include <set>

#include "policy/report.hpp"
#include "sim/world.hpp"

using namespace nearend;
using namespace nearend::policy_server;
using namespace std::chrono_literals;

namespace {

constexpr int64_t now_ms = 1'000'000;

struct Listed {
  Listed() : server(host.loop(), host.net(), settings, zone, advisor) {}

  http::Response ask(std::string query = {}, std::string path = "/v1/first-hops", const char* from = "100.64.1.1",
                     std::string method = "GET", io::Instant now = io::Instant(1s)) {
    return server.respond(
        {.method = std::move(method), .path = std::move(path), .query = std::move(query), .peer = {*parse_ip(from), 1}},
        now, now_ms, ++random);
  }
  json::array candidates(std::string query = {}, const char* from = "100.64.1.1") {
    const auto response = ask(std::move(query), "/v1/first-hops", from);
    REQUIRE(response.status == 200);
    return parse_json(response.body)->as_object().at("candidates").as_array();
  }
  std::vector<std::string> regions(std::string query = {}, const char* from = "100.64.1.1") {
    std::vector<std::string> all;
    for (const auto& each : candidates(std::move(query), from))
      all.emplace_back(json_string_or(each.as_object(), "region", ""));
    return all;
  }

  policy::Topology topology{
      .gateways = {{"eu-gw1", "eu/de1", "sip:192.0.2.1:5070", {}, {""}},
                   {"eu-gw2", "eu/de1", "sip:192.0.2.2:5070", {}, {""}},
                   {"eu-gw3", "eu/de1", "sip:192.0.2.3:5070", {}, {""}},
                   {"us-gw1", "us/va1", "sip:192.0.2.4:5070", {}, {""}},
                   {"us-gw2", "us/or1", "sip:192.0.2.6:5070", {}, {""}},
                   {"inner", "us/va1", "sip:192.0.2.5:5070", {}, {""}}},
      .rtts = {{"eu/de1", "us/va1", 90}, {"eu/de1", "us/or1", 140}, {"us/or1", "us/va1", 60}},
      .areas = {{"isp-de", "eu/de1", 10, {}, {"100.64.0.0/10"}}, {"isp-us", "us/va1", 10, {}, {"100.127.8.0/24"}}}};
  policy::Advisor advisor{topology, {}};
  DnsSettings zone{.zone = "Voice.example.com",
                   .gateways = {{.name = "eu-gw1",
                                 .sip = {"udp:198.51.100.1:5060", "tcp:198.51.100.1:5060", "tls:[2001:db8::1]:5061"},
                                 .answers_probes = true,
                                 .ping = "https://eu-gw1.example.com/ping"},
                                {.name = "eu-gw2", .sip = {"udp:198.51.100.2:5060"}},
                                {.name = "eu-gw3", .sip = {"udp:198.51.100.3:5060"}},
                                {.name = "us-gw1", .sip = {"udp:203.0.113.1:5060"}, .answers_probes = true},
                                {.name = "us-gw2", .sip = {"udp:203.0.113.2:5060"}},
                                {.name = "nobody's", .sip = {"udp:203.0.113.9:5060"}}}};
  FirstHopSettings settings{.answers_most = 100};
  sim::World world{1};
  sim::Host& host = world.add_host("policy", "eu");
  FirstHopServer server;
  uint64_t random = 0;
};

}  // namespace

TEST_CASE("a client is told the gateways to race between, the nearest region's first, few of each") {
  Listed listed;
  using Regions = std::vector<std::string>;
  CHECK(listed.regions() == Regions{"eu/de1", "eu/de1", "us/va1", "us/or1"});
  CHECK(listed.regions({}, "100.127.8.9") == Regions{"us/va1", "us/or1", "eu/de1", "eu/de1"});
  CHECK(listed.regions("address=100.127.8.9") == listed.regions({}, "100.127.8.9"));
  CHECK(listed.regions("area=isp-us") == listed.regions({}, "100.127.8.9"));
  std::set<std::string> seen;  // all of a region have their turn
  for (int i = 0; i < 50; ++i)
    for (const auto& each : listed.candidates()) seen.emplace(json_string_or(each.as_object(), "gateway", ""));
  CHECK(seen == std::set<std::string>{"eu-gw1", "eu-gw2", "eu-gw3", "us-gw1", "us-gw2"});
}

TEST_CASE("a candidate has its names, where to call, and where to measure, of public addresses alone") {
  Listed listed;
  json::object eu, us;
  for (int i = 0; i < 50; ++i)
    for (const auto& each : listed.candidates()) {
      const std::string name = json_string_or(each.as_object(), "gateway", "");
      if (name == "eu-gw1") eu = each.as_object();
      if (name == "us-gw1") us = each.as_object();
    }
  CHECK(to_json(eu) == R"({"gateway":"eu-gw1","region":"eu/de1","sip":["sip:198.51.100.1:5060;transport=udp",)"
                       R"("sip:198.51.100.1:5060;transport=tcp","sip:eu-gw1.gw.voice.example.com:5061;transport=tls"],)"
                       R"("host":"eu-de1.voice.example.com","gateway_host":"eu-gw1.gw.voice.example.com",)"
                       R"("stun":["stun:198.51.100.1:5060"],"ping":"https://eu-gw1.example.com/ping"})");
  CHECK_FALSE(us.contains("ping"));
  CHECK(listed.ask().body.find("192.0.2.") == std::string::npos);
}

TEST_CASE("a gateway that drains is not told while others are there") {
  Listed listed;
  listed.advisor.take_load(listed.advisor.places().gateway("eu-gw1"), {.used = 1, .capacity = 100, .is_draining = true},
                           now_ms);
  for (int i = 0; i < 15; ++i) {
    const auto response = listed.ask();
    CHECK(response.status == 200);
    CHECK(response.body.find("eu-gw1") == std::string::npos);
  }
}

TEST_CASE("any page may ask for the list and the module, for a while and not too often, and for nothing else") {
  Listed listed;
  const auto list = listed.ask();
  CHECK(http::find_header(list.headers, "Access-Control-Allow-Origin") == "*");
  CHECK(http::find_header(list.headers, "Cache-Control") == "private, max-age=20");
  const auto module = listed.ask({}, "/race.js");
  CHECK(module.status == 200);
  CHECK(http::find_header(module.headers, "Content-Type") == "text/javascript");
  CHECK(module.body.find("export async function fastestGateway") != std::string::npos);
  CHECK(listed.ask({}, "/v1/state").status == 404);
  CHECK(listed.ask({}, "/metrics").status == 404);
  CHECK(listed.ask({}, "/v1/first-hops", "100.64.1.1", "POST").status == 405);
  CHECK(listed.ask("address=nowhere").status == 400);
  int limited = 0;
  for (int i = 0; i < 110; ++i) limited += listed.ask().status == 429;
  CHECK(limited == 16);
  CHECK(listed.ask({}, "/v1/first-hops", "100.64.2.1").status == 200);
  CHECK(listed.ask({}, "/v1/first-hops", "100.64.1.1", "GET", io::Instant(2s)).status == 200);
}
