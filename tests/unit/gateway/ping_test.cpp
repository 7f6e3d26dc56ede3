#include "gateway/ping_server.hpp"

#include "unit/gateway/region.hpp"

namespace nearend::gateway::test {

TEST_CASE("a ping is answered with nothing but that the gateway takes calls, to any page, and not too often") {
  World world;
  sim::Host& host = world.host(at("192.0.2.10:80"));
  Settings settings;
  settings.probe_answers_most = 10;
  settings.ping.listen = host.endpoint(8081);
  bool is_open = true;
  PingServer server(host.loop(), host.net(), settings, [&] { return is_open; });
  REQUIRE(server.start());
  const auto ask = [&](std::string method, std::string path, std::string_view from = "192.0.2.66:1") {
    return server.respond({.method = std::move(method), .path = std::move(path), .peer = at(from)});
  };
  http::Response answer = ask("GET", "/ping");
  CHECK(answer.status == 204);
  CHECK(answer.body.empty());
  CHECK(http::find_header(answer.headers, "Access-Control-Allow-Origin") == "*");
  CHECK(http::find_header(answer.headers, "Cache-Control") == "no-store");
  CHECK(ask("GET", "/metrics").status == 404);
  CHECK(ask("POST", "/ping").status == 405);
  is_open = false;
  answer = ask("GET", "/ping");
  CHECK(answer.status == 503);
  CHECK(http::find_header(answer.headers, "Access-Control-Allow-Origin") == "*");
  for (int i = 0; i < 6; ++i) ask("GET", "/ping");
  CHECK(ask("GET", "/ping").status == 429);
  CHECK(ask("GET", "/ping", "198.51.100.1:1").status == 503);
}

}  // namespace nearend::gateway::test
