#include <doctest/doctest.h>

#include "io/async.hpp"
#include "sim/stream_http.hpp"
#include "sim/world.hpp"

using namespace nearend;
using namespace nearend::sim;
using namespace std::chrono_literals;

namespace {

using Outcome = std::optional<Result<http::Response>>;

Task<void> get(http::Client& client, http::Request request, Outcome& out) {
  auto response = co_await client.send(std::move(request));
  out.emplace(std::move(response));
}

Task<http::Response> echo(http::ServerRequest request) {
  co_return http::Response{
      200, {{"Content-Type", "text/plain"}}, request.method + " " + request.path + " " + request.body};
}

Task<http::Response> answer_after(io::Loop& loop, io::Duration wait) {
  co_await io::sleep_for(loop, wait);
  co_return http::Response{200};
}

struct Web {
  Web() : world(3), client(world.add_host("client", "eu")), server(world.add_host("app.example", "us")) {
    world.paths().set_rtt("eu", "us", 100ms);
    world.names().set_delay(0ms);
  }
  http::ServerFactory& servers() { return server.http_servers(); }
  Result<http::Response> fetch(http::Request request) {
    Outcome outcome;
    io::Scope scope(client.loop());
    scope.spawn(get(client.http_client(), std::move(request), outcome));
    REQUIRE(world.run_until([&] { return outcome.has_value(); }, 100s));
    return std::move(*outcome);
  }
  World world;
  Host& client;
  Host& server;
};

}  // namespace

TEST_CASE("a request pays a round trip to connect, one to be answered, and keeps its connection") {
  Web web;
  auto server = web.servers().serve(web.server.endpoint(80), echo);
  REQUIRE(server);
  auto response = web.fetch({.method = "POST", .url = "http://app.example/a%20b?c=d", .body = "hello"});
  REQUIRE(response);
  CHECK(response->body == "POST /a b hello");
  CHECK(web.world.now() == io::Instant(200ms));
  REQUIRE(web.fetch({.url = "http://app.example/"}));
  CHECK(web.world.now() == io::Instant(300ms));
  REQUIRE(web.fetch({.url = "http://app.example/", .pool = "another"}));
  CHECK(web.world.now() == io::Instant(500ms));
  REQUIRE(web.fetch({.url = "https://app.example:80/"}));
  CHECK(web.world.now() == io::Instant(800ms));
}

TEST_CASE("nobody listening, a silent server, a dead one and an internal address fail each in its way") {
  Web web;
  CHECK(web.fetch({.url = "http://app.example/"}).error().kind == Error::Kind::unavailable);
  CHECK(web.fetch({.url = "http://unknown.example/"}).error().kind == Error::Kind::unavailable);
  CHECK(web.fetch({.url = "http://127.0.0.1/", .may_reach_internal = false}).error().kind == Error::Kind::refused);
  auto slow = web.servers().serve(web.server.endpoint(80),
                                  [&](http::ServerRequest) { return answer_after(web.server.loop(), 1h); });
  const io::Instant before = web.world.now();
  CHECK(web.fetch({.url = "http://app.example/", .total_timeout = 2s}).error().kind == Error::Kind::timeout);
  CHECK(web.world.now() - before == 2s);
  web.world.at(web.world.now() + 1s, [&] { web.server.kill(); });
  CHECK(web.fetch({.url = "http://app.example/"}).error().kind == Error::Kind::unavailable);
}

TEST_CASE("a kept connection whose server has gone and come back is replaced without a word") {
  Web web;
  auto server = web.servers().serve(web.server.endpoint(80), echo);
  REQUIRE(web.fetch({.url = "http://app.example/"}));
  web.server.kill();
  server->reset();
  web.server.restart();
  server = web.servers().serve(web.server.endpoint(80), echo);
  CHECK(web.fetch({.url = "http://app.example/"}));
}

TEST_CASE("a body above the limit is refused") {
  Web web;
  auto server = web.servers().serve(web.server.endpoint(80), echo);
  CHECK(web.fetch({.url = "http://app.example/", .body = std::string(2000, 'x'), .body_limit = 1000}).error().kind ==
        Error::Kind::unsupported);
}
