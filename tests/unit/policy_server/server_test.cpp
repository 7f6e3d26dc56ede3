#include "policy_server/server.hpp"

#include <doctest/doctest.h>

#include "http/peer_signature.hpp"
#include "policy/wire.hpp"
#include "policy_server/exchange.hpp"
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

TEST_CASE("an account stays at its router until another is clearly nearer, by what is measured") {
  sim::World world(1);
  sim::Host& host = world.add_host("policy", "us");
  Server server(host.loop(), host.http_servers(), {},
                {.gateways = {{"eu1", "eu/de1", "sip:192.0.2.1:5070", {}, {""}}},
                 .routers = {{"a", "us/va1", "sip:192.0.2.9:5071", ""}, {"b", "us/oh1", "sip:192.0.2.8:5071", ""}},
                 .rtts = {{"eu/de1", "us/va1", 90}, {"eu/de1", "us/oh1", 100}}});
  uint64_t seq = 0;
  const auto measured = [&](std::string_view region, int rtt_ms) {
    for (int i = 0; i < 60; ++i) {
      ++seq;
      (void)server.respond(
          {.method = "POST",
           .target = "/v1/reports",
           .path = "/v1/reports",
           .body = fmt::format(
               R"({{"reports":[{{"gateway":"eu1","seq":{},"segments":[{{"region":"{}","packets":1,"rtt_ms":{}}}]}}]}})",
               seq, region, rtt_ms)},
          1'000'000 + static_cast<int64_t>(seq) * 1000);
    }
  };
  const auto first = [&] {
    const auto response = server.respond({.method = "POST",
                                          .target = "/v1/routers",
                                          .path = "/v1/routers",
                                          .body = R"({"region":"eu/de1","account":"AC1"})"},
                                         1'000'000 + static_cast<int64_t>(seq) * 1000);
    return policy::router_answer_from(*parse_json(response.body))->routers.front().name;
  };
  CHECK(first() == "a");
  measured("us/va1", 115);
  CHECK(first() == "a");
  measured("us/va1", 160);
  CHECK(first() == "b");
  measured("us/va1", 90);
  CHECK(first() == "b");
}

TEST_CASE("a resource's answer says at whose node, for how long, and what else there is") {
  sim::World world(1);
  sim::Host& host = world.add_host("policy", "us");
  Server server(host.loop(), host.http_servers(), {},
                {.gateways = {{"de-gw", "eu/de1", "sip:192.0.2.1:5070", {"play", "record/wav"}, {""}},
                              {"fr-gw", "eu/fr1", "sip:192.0.2.2:5070", {"play", "record/mp3", "record/wav"}, {""}},
                              {"nl-gw", "eu/nl1", "sip:192.0.2.3:5070", {"record"}, {""}}},
                 .routers = {{"a", "us/va1", "sip:192.0.2.9:5071", ""}},
                 .rtts = {{"eu/de1", "us/va1", 90}, {"eu/de1", "eu/fr1", 10}, {"eu/de1", "eu/nl1", 14}}});
  const auto ask = [&](std::string_view rest, std::string_view near = R"("gateway":"de-gw")") {
    return server.respond(
        {.method = "POST",
         .target = "/v1/media-resources",
         .path = "/v1/media-resources",
         .body = fmt::format(R"({{"kind":"record","near":{{{}}},"router_region":"us/va1"{}}})", near, rest)},
        1000);
  };
  CHECK(json_bool_or(parse_json(ask("").body)->get_object(), "local", false));
  CHECK(ask(R"(,"codec":"WAV")").body.contains(R"("gateway":"de-gw")"));
  const json::value told = *parse_json(ask(R"(,"codec":"mp3")").body);
  const json::object& mp3 = told.get_object();
  CHECK(json_string_or(mp3, "gateway", "") == "fr-gw");
  CHECK(json_string_or(mp3, "uri", "") == "sip:192.0.2.2:5070");
  CHECK(json_number_or(mp3, "added_ms", 0) == doctest::Approx(10));
  CHECK(json_integer_or(mp3, "lease_ms", 0) > 0);
  REQUIRE(mp3.at("alternatives").get_array().size() == 2);
  CHECK(json_string_or(mp3.at("alternatives").get_array()[0].get_object(), "region", "") == "eu/nl1");
  CHECK(json_string_or(mp3.at("alternatives").get_array()[1].get_object(), "region", "") == "us/va1");
  CHECK(ask(R"(,"codec":"mp3","units":2000)").body.contains("eu/fr1 has no room") == false);
  CHECK(ask(R"(,"codec":"mp3","units":2000)").body.contains(R"("region":"us/va1","local":false)"));
  CHECK(ask(R"(,"codec":"mp3","accept_remote":false)").body.contains(R"("region":"","local":false)"));
  CHECK(ask("", R"("country":"de")").body.contains("'near' must name a region or a gateway"));
  CHECK(ask(R"(,"units":-1)").body.contains("'units' must be above 0"));
}

TEST_CASE("a resource is used in the callers' region while it has room, else where it adds least delay") {
  sim::World world(1);
  sim::Host& host = world.add_host("policy", "us");
  Server server(host.loop(), host.http_servers(), {},
                {.gateways = {{"eu1", "eu/de1", "sip:192.0.2.1:5070", {"play"}, {""}},
                              {"fr1", "eu/fr1", "sip:192.0.2.2:5070", {"play", "record"}, {""}}},
                 .routers = {{"a", "us/va1", "sip:192.0.2.9:5071", ""}},
                 .rtts = {{"eu/de1", "us/va1", 90}, {"eu/de1", "eu/fr1", 10}, {"eu/fr1", "us/va1", 80}}});
  const auto answer = [&](std::string_view kind) {
    const auto response = server.respond(
        {.method = "POST",
         .target = "/v1/media-resources",
         .path = "/v1/media-resources",
         .body = fmt::format(R"({{"kind":"{}","near":{{"region":"eu/de1"}},"router_region":"us/va1"}})", kind)},
        1000);
    const auto told = policy::resource_answer_from(*parse_json(response.body));
    return told->region + (told->is_local ? " local" : "");
  };
  const auto report = [&](std::string_view gateway, int used) {
    (void)server.respond(
        {.method = "POST",
         .target = "/v1/reports",
         .path = "/v1/reports",
         .body = fmt::format(R"({{"loads":[{{"name":"{}","used":{},"capacity":100}}]}})", gateway, used)},
        1000);
  };
  CHECK(answer("play") == "eu/de1 local");
  CHECK(answer("record") == "eu/fr1");
  CHECK(answer("transcode") == "us/va1");
  report("eu1", 96);
  CHECK(answer("play") == "eu/fr1");
  report("fr1", 96);
  CHECK(answer("play") == "us/va1");
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

TEST_CASE("reports and summaries must be signed where there is a key; questions need not") {
  sim::World world(1);
  sim::Host& host = world.add_host("policy", "us");
  Server server(host.loop(), host.http_servers(), {.link_key = "k"},
                {.gateways = {{"eu1", "eu/de1", "sip:192.0.2.1", {}, {""}}}});
  const auto send = [&](std::string path, std::string body, std::string signature) {
    std::optional<http::Response> out;
    io::Scope scope(host.loop());
    http::ServerRequest request{.method = "POST", .target = path, .path = path, .body = std::move(body)};
    if (!signature.empty()) request.headers.emplace_back(http::peer_signature_header, std::move(signature));
    scope.spawn(handle(server, std::move(request), out));
    REQUIRE(out);
    return out->status;
  };
  const std::string report = R"({"loads":[{"name":"eu1","used":1,"capacity":2}]})";
  const std::string summary = R"({"instance":"eu","seq":1})";
  const int64_t now_s = host.loop().wall_ms() / 1000;
  const auto signature = [&](std::string_view key, std::string_view path, std::string_view body, int64_t at_s) {
    return http::sign_for_peer(key, "POST", path, body, at_s);
  };
  CHECK(send("/v1/reports", report, "") == 403);
  CHECK(send("/v1/exchange", summary, "") == 403);
  CHECK(send("/v1/reports", report, signature("another", "/v1/reports", report, now_s)) == 403);
  CHECK(send("/v1/reports", report, signature("k", "/v1/exchange", report, now_s)) == 403);
  CHECK(send("/v1/reports", report, signature("k", "/v1/reports", report, now_s - 7200)) == 403);
  CHECK(send("/v1/reports", report, signature("k", "/v1/reports", report, now_s)) == 200);
  CHECK(send("/v1/exchange", summary, signature("k", "/v1/exchange", summary, now_s)) == 200);
  CHECK(send("/v1/routers", R"({"region":"eu/de1"})", "") == 200);
}

namespace {

/// Two instances on hosts of their own that tell each other.
struct Pair {
  static policy::Topology topology() {
    return {.gateways = {{"eu1", "eu/de1", "sip:192.0.2.1:5070", {"play"}, {""}},
                         {"us1", "us/va1", "sip:192.0.2.2:5070", {"play"}, {""}}},
            .routers = {{"r", "us/va1", "sip:192.0.2.9:5071", ""}, {"s", "us/va1", "sip:192.0.2.10:5071", ""}},
            .rtts = {{"eu/de1", "us/va1", 90}}};
  }
  struct Instance {
    Instance(sim::World& world, const std::string& name, const std::string& address, const std::string& peer)
        : settings{.name = name,
                   .listen = {*parse_ip(address), 8090},
                   .link_key = "k",
                   .peers = {fmt::format("http://{}:8090", peer)}},
          host(world.add_host(name, name, {*parse_ip(address)})),
          server(host.loop(), host.http_servers(), settings, topology()),
          exchange(host.loop(), host.http_client(), server, settings) {
      REQUIRE(server.start());
      exchange.start();
    }
    void report(std::string_view body) {
      (void)server.respond({.method = "POST",
                            .target = "/v1/reports",
                            .path = "/v1/reports",
                            .body = fmt::format(R"({{"reports":[{}]}})", body)},
                           host.loop().wall_ms());
    }
    json::object state() {
      const auto response =
          server.respond({.method = "GET", .target = "/v1/state", .path = "/v1/state"}, host.loop().wall_ms());
      return parse_json(response.body)->as_object();
    }
    Settings settings;
    sim::Host& host;
    Server server;
    Exchange exchange;
  };
  sim::World world{1};
  Instance eu{world, "eu", "192.0.2.101", "192.0.2.102"}, us{world, "us", "192.0.2.102", "192.0.2.101"};
};

}  // namespace

TEST_CASE("an instance tells the others what its gateways and routers report") {
  Pair pair;
  pair.eu.report(R"({"gateway":"eu1","seq":1,"load":{"used":70,"capacity":100},
                     "segments":[{"region":"us/va1","packets":500,"lost":50,"jitter_ms":4,"rtt_ms":300}]})");
  (void)pair.eu.server.respond({.method = "POST",
                                .target = "/v1/reports",
                                .path = "/v1/reports",
                                .body = R"({"loads":[{"name":"r","used":97,"capacity":100}]})"},
                               pair.eu.host.loop().wall_ms());
  pair.world.run_for(2500ms);
  const json::object state = pair.us.state();
  REQUIRE(state.at("instances").as_array().size() == 1);
  CHECK(state.at("instances").at(0).at("name").as_string() == "eu");
  CHECK(state.at("instances").at(0).at("live").as_bool());
  CHECK(state.at("gateways").at(0).at("load").as_double() == doctest::Approx(0.7));
  CHECK(state.at("gateways").at(0).at("heard_by").as_string() == "eu");
  CHECK(state.at("routers").at(0).at("load").as_double() == doctest::Approx(0.97));
  REQUIRE(state.at("segments").as_array().size() == 1);
  CHECK(state.at("segments").at(0).at("loss_percent").to_number<double>() > 5);
  // It is told on by nobody else: what one has by hearsay, it does not tell again.
  CHECK_FALSE(pair.us.server.summary(pair.us.host.loop().wall_ms()).contains("eu1"));
}

TEST_CASE("what is counted and how old it is stands in the metrics") {
  Pair pair;
  pair.eu.report(R"({"gateway":"eu1","seq":1,"load":{"used":70,"capacity":100}})");
  pair.eu.report(R"({"gateway":"stranger","seq":1,"load":{"used":70,"capacity":100}})");
  pair.world.run_for(2500ms);
  (void)pair.us.server.respond({.method = "POST",
                                .target = "/v1/routes",
                                .path = "/v1/routes",
                                .body = R"({"a":{"gateway":"eu1"},"b":{"gateway":"us1"}})"},
                               pair.us.host.loop().wall_ms());
  const auto text =
      pair.us.server.respond({.method = "GET", .target = "/metrics", .path = "/metrics"}, pair.us.host.loop().wall_ms())
          .body;
  for (const char* line :
       {"nearend_policy_decisions_total{mode=\"quality\",reason=\"best\"}",
        "nearend_policy_answer_us_bucket{path=\"/v1/routes\"", "nearend_policy_reports_total{source=\"eu1\"}",
        "nearend_policy_reports_refused_total{why=\"stranger\"}", "nearend_policy_report_age_ms{gateway=\"eu1\"} 2",
        "nearend_policy_moves_total{outcome=\"granted\"}", "nearend_policy_exchange_age_ms{instance=\"eu\"}",
        "nearend_policy_instances 2",
        "nearend_policy_exchange_told_total{peer=\"http://192.0.2.101:8090/v1/exchange\"}"}) {
    CAPTURE(line);
    CHECK(text.contains(line));
  }
}
