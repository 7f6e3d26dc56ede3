#include "policy_server/server.hpp"

#include <doctest/doctest.h>

#include "policy/wire.hpp"
#include "sim/world.hpp"

using namespace nearend;
using namespace nearend::policy_server;
using namespace std::chrono_literals;

namespace {

Task<void> handle(Server& server, http::ServerRequest request, std::optional<http::Response>& out) {
  auto response = co_await server.handle(std::move(request));
  out = std::move(response);
}

struct Bench {
  Bench()
      : world(1),
        host(world.add_host("policy", "us")),
        server(host.loop(), host.http_servers(), {},
               {.gateways = {{"eu1", "eu/de1", "sip:192.0.2.1:5070", {"play"}, {""}},
                             {"eu2", "eu/de1", "sip:192.0.2.2:5070", {"play"}, {""}}},
                .routers = {{"near", "us/va1", "sip:192.0.2.9:5071", ""}, {"far", "as/jp1", "sip:192.0.2.8:5071", ""}},
                .rtts = {{"eu/de1", "us/va1", 90}, {"eu/de1", "as/jp1", 230}}}) {}
  http::Response send(std::string method, std::string path, std::string body = {}) {
    std::optional<http::Response> out;
    io::Scope scope(host.loop());
    scope.spawn(
        handle(server, {.method = std::move(method), .target = path, .path = path, .body = std::move(body)}, out));
    REQUIRE(out);
    return *out;
  }
  void report(std::string_view name, int used) {
    const auto response = send("POST", "/v1/reports",
                               fmt::format(R"({{"loads":[{{"name":"{}","used":{},"capacity":100}}]}})", name, used));
    CHECK(response.status == 200);
  }
  std::vector<std::string> routers() {
    const auto response = send("POST", "/v1/routers", R"({"region":"eu/de1"})");
    REQUIRE(response.status == 200);
    const auto answer = policy::router_answer_from(*parse_json(response.body));
    REQUIRE(answer);
    std::vector<std::string> names;
    for (const auto& router : answer->routers) names.push_back(router.name);
    return names;
  }
  using Names = std::vector<std::string>;

  sim::World world;
  sim::Host& host;
  Server server;
};

}  // namespace

TEST_CASE("the nearest router comes first, unless it is loaded; a full one is left out while others are there") {
  Bench bench;
  CHECK(bench.routers() == Bench::Names{"near", "far"});
  bench.report("near", 80);
  CHECK(bench.routers() == Bench::Names{"far", "near"});
  bench.report("near", 97);
  CHECK(bench.routers() == Bench::Names{"far"});
  bench.report("far", 99);
  CHECK(bench.routers() == Bench::Names{"near", "far"});
}

TEST_CASE("a load report counts for its lifetime only") {
  Bench bench;
  bench.report("near", 97);
  CHECK(bench.routers() == Bench::Names{"far"});
  bench.world.run_for(11s);
  CHECK(bench.routers() == Bench::Names{"near", "far"});
}

TEST_CASE("reports about nobody, or that make no sense, are left out") {
  Bench bench;
  const auto response = bench.send("POST", "/v1/reports",
                                   R"({"loads":[{"name":"stranger","used":1,"capacity":2},
                                                {"name":"near","used":-1,"capacity":2},
                                                {"name":"near","used":5,"capacity":0},
                                                {"name":"far","used":5,"capacity":100}]})");
  CHECK(response.status == 200);
  CHECK(response.body == R"({"taken":1})");
  CHECK(bench.send("POST", "/v1/reports", R"({"loads":7})").status == 400);
}

TEST_CASE("what is asked wrongly is told what would be right") {
  Bench bench;
  CHECK(bench.send("GET", "/v1/routers").status == 405);
  const auto unknown = bench.send("POST", "/v1/router", "{}");
  CHECK(unknown.status == 404);
  CHECK(unknown.body.contains("/v1/routers"));
  CHECK(bench.send("POST", "/v1/routers", "{").status == 400);
  const auto incomplete = bench.send("POST", "/v1/routers", "{}");
  CHECK(incomplete.status == 400);
  CHECK(incomplete.body.contains("region"));
}

TEST_CASE("the state tells topology, loads and the last decisions with their reasons") {
  Bench bench;
  bench.report("eu2", 40);
  (void)bench.routers();
  const auto state = bench.send("GET", "/v1/state");
  REQUIRE(state.status == 200);
  const auto value = parse_json(state.body);
  REQUIRE(value);
  const json::object& object = value->as_object();
  CHECK(object.at("gateways").as_array().size() == 2);
  CHECK(object.at("gateways").at(1).at("load").as_double() == doctest::Approx(0.4));
  CHECK(object.at("decisions").at(0).at("question").as_string() == "router for eu/de1");
}
