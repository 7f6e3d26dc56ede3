#include "policy/http_client.hpp"

#include <doctest/doctest.h>

#include "sim/world.hpp"

namespace nearend::policy {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view answer_of_server =
    R"({"routers":[{"name":"us-r2","region":"us/va1","uri":"sip:198.51.100.8:5070;transport=tcp"}],"reason":"asked"})";

Topology topology() {
  Topology all;
  all.routers = {{.name = "us-r1", .region = "us/va1", .link_uri = "sip:198.51.100.9:5070;transport=tcp"},
                 {.name = "us-r2", .region = "us/va1", .link_uri = "sip:198.51.100.8:5070;transport=tcp"}};
  all.gateways = {{.name = "eu-gw1", .region = "eu/de1", .link_uri = "sip:198.51.100.7:5070", .prefixes = {""}}};
  return all;
}

/// A policy server that answers after a while, or not at all.
class SlowServer final : public http::Client {
 public:
  explicit SlowServer(io::Loop& loop) : loop_(loop) {}
  Task<Result<http::Response>> send(http::Request request) override {
    asked.push_back(request.url);
    co_await io::sleep_for(loop_, delay);
    if (error) co_return std::unexpected(*error);
    co_return http::Response{.status = status, .headers = {}, .body = body};
  }

  std::vector<std::string> asked;
  io::Duration delay = 1ms;
  std::optional<Error> error;
  int status = 200;
  std::string body{answer_of_server};

 private:
  io::Loop& loop_;
};

struct Asking {
  /// The router that is chosen; `took` is how long that needed.
  std::string router() {
    RouterAnswer got;
    const io::Instant begun = host.loop().now();
    io::Scope scope(host.loop());
    scope.spawn(pick(*this, got, took, begun));
    world.run_for(1s);
    is_fallback = got.is_fallback;
    return got.routers.empty() ? "" : got.routers.front().name;
  }
  static Task<void> pick(Asking& asking, RouterAnswer& got, io::Duration& took, io::Instant begun) {
    RouterQuery query{.call = "CA1", .account = "AC1", .region = "eu/de1", .gateway = "eu-gw1"};
    got = co_await asking.client.pick_routers(std::move(query));
    took = asking.host.loop().now() - begun;
  }

  sim::World world{1};
  sim::Host& host = world.add_host("gateway", "lab", {*parse_ip("192.0.2.1")});
  SlowServer server{host.loop()};
  HttpPolicyClient client{host.loop(), server, {.url = "http://198.51.100.5:8090"}, topology()};
  io::Duration took{};
  bool is_fallback = false;
};

}  // namespace

TEST_CASE("the policy server's answer is taken when it comes within 20 ms") {
  Asking asking;
  asking.server.delay = 19ms;
  CHECK(asking.router() == "us-r2");
  CHECK_FALSE(asking.is_fallback);
  CHECK(asking.server.asked == std::vector<std::string>{"http://198.51.100.5:8090/v1/routers"});
}

TEST_CASE("after 20 ms the static rules decide, a late answer changes nothing, and the server is asked again") {
  Asking asking;
  asking.server.delay = 25ms;
  CHECK(asking.router() == "us-r1");
  CHECK(asking.is_fallback);
  CHECK(asking.took == 20ms);
  asking.server.delay = 1ms;
  CHECK(asking.router() == "us-r2");
}

TEST_CASE("a policy server that is late three times in a row is left alone, then one question tries it") {
  Asking asking;
  asking.server.delay = 5s;
  for (int i = 0; i < 3; ++i) {
    CHECK(asking.router() == "us-r1");
    CHECK(asking.took == 20ms);
  }
  CHECK(asking.server.asked.size() == 3);
  CHECK(asking.router() == "us-r1");
  CHECK(asking.took < 1ms);
  CHECK(asking.server.asked.size() == 3);
  asking.world.run_for(2s);
  CHECK(asking.router() == "us-r1");
  CHECK(asking.took == 20ms);
  CHECK(asking.server.asked.size() == 4);
  CHECK(asking.router() == "us-r1");
  CHECK(asking.took < 1ms);
  asking.server.delay = 1ms;
  asking.world.run_for(2s);
  CHECK(asking.router() == "us-r2");
  CHECK(asking.router() == "us-r2");
}

TEST_CASE("a policy server that refuses or talks nonsense is left alone for a while") {
  for (const int fault : {0, 1, 2}) {
    CAPTURE(fault);
    Asking asking;
    if (fault == 0) asking.server.error = Error{Error::Kind::unavailable, "refused"};
    if (fault == 1) asking.server.status = 500;
    if (fault == 2) asking.server.body = "{";
    CHECK(asking.router() == "us-r1");
    CHECK(asking.took < 20ms);
    const size_t asked = asking.server.asked.size();
    CHECK(asking.router() == "us-r1");
    CHECK(asking.took < 1ms);
    CHECK(asking.server.asked.size() == asked);
    asking.server.error.reset();
    asking.server.status = 200;
    asking.server.body = answer_of_server;
    asking.world.run_for(2s);
    CHECK(asking.router() == "us-r2");
  }
}

TEST_CASE("an answer that names strangers, or known names at strange addresses, is nonsense") {
  for (const char* body :
       {R"({"routers":[{"name":"nobody","region":"us/va1","uri":"sip:198.51.100.8:5070;transport=tcp"}]})",
        R"({"routers":[{"name":"us-r2","region":"us/va1","uri":"sip:203.0.113.1:5070;transport=tcp"}]})",
        R"({"routers":7})", "[]"}) {
    CAPTURE(body);
    Asking asking;
    asking.server.body = body;
    CHECK(asking.router() == "us-r1");
    CHECK(asking.is_fallback);
    CHECK(asking.router() == "us-r1");
    CHECK(asking.server.asked.size() == 1);
  }
}

TEST_CASE("an answer that names nobody, and no server at all, leave it to the static rules") {
  Asking asking;
  asking.server.body = R"({"routers":[],"reason":"all full"})";
  CHECK(asking.router() == "us-r1");
  CHECK(asking.is_fallback);
  HttpPolicyClient alone(asking.host.loop(), asking.server, {}, topology());
  RouteAnswer got;
  io::Scope scope(asking.host.loop());
  const size_t asked = asking.server.asked.size();
  scope.spawn([](HttpPolicyClient& client, RouteAnswer& got) -> Task<void> {
    RouteQuery query{.a = {.gateway = "eu-gw1", .region = "eu/de1"}, .b = {.address = "+4930123"}};
    got = co_await client.pick_route(std::move(query));
  }(alone, got));
  asking.world.run_for(1ms);
  REQUIRE(got.hops.size() == 1);
  CHECK(got.hops.front().gateway == "eu-gw1");
  CHECK(asking.server.asked.size() == asked);
}

}  // namespace nearend::policy
