#include <doctest/doctest.h>

#include "http/beast_server.hpp"
#include "http/curl_client.hpp"
#include "io/asio_world.hpp"
#include "io/tls_context.hpp"
#include "media/http_control.hpp"
#include "media/loop_control.hpp"
#include "media_server/server.hpp"
#include "support/certificates.hpp"
#include "unit/media/virtual_world.hpp"

using namespace nearend;
using namespace nearend::media;
using namespace std::chrono_literals;

namespace {

/// A node that serves only whom its authority knows, and clients of it over real TLS.
struct Guarded {
  explicit Guarded(std::vector<std::string> peers = {}) {
    for (const char* name : {"node", "gateway", "stranger"}) ours.issue(name);
    others.issue("gateway");
    settings.certificate_file = ours.certificate_file("node");
    settings.key_file = ours.key_file("node");
    settings.trust_file = ours.authority_file();
    settings.peers = std::move(peers);
    settings.listen = {IpAddress::loopback(), 0};
    REQUIRE(checked(settings));
    servers.emplace(world.loop, world.net, settings.tls());
    server.emplace(settings, world.world(), *servers, node);
    REQUIRE(server->start());
  }
  Result<NodeState> ask(const nearend::test::TestAuthority& trusted, const nearend::test::TestAuthority& of,
                        const std::string& name) {
    http::CurlSettings tls{.ca_file = trusted.authority_file()};
    if (!name.empty()) {
      tls.certificate_file = of.certificate_file(name);
      tls.key_file = of.key_file(name);
    }
    http::CurlClient client(world.loop, world.dns, tls);
    HttpControl control(world.loop, client, {.url = fmt::format("https://127.0.0.1:{}", server->local().port)});
    std::optional<Result<NodeState>> state;
    io::Scope scope(world.loop);
    scope.spawn(keep(control, state));
    const auto end = world.loop.now() + 5s;
    while (!state && world.loop.now() < end) world.loop.run_for(5ms);
    REQUIRE(state);
    return *state;
  }
  static Task<void> keep(HttpControl& control, std::optional<Result<NodeState>>& out) {
    auto state = co_await control.state();
    out.emplace(std::move(state));
  }

  nearend::test::TestAuthority ours, others;
  io::AsioWorld world;
  LoopWorker worker{world.loop};
  ClipLoader loader{world.loop, nullptr, worker, {}};
  LoopControl node{world.loop, world.net, {.port_first = 31400, .port_last = 31499}, loader};
  media_server::Settings settings;
  std::optional<http::BeastServers> servers;
  std::optional<media_server::Server> server;
};

}  // namespace

TEST_CASE("over mutual TLS a node serves whom its authority knows, and a client asks only a node that it knows") {
  Guarded node;
  CHECK(node.ask(node.ours, node.ours, "gateway"));
  CHECK_FALSE(node.ask(node.ours, node.others, "gateway"));  // signed by another
  CHECK_FALSE(node.ask(node.ours, node.ours, ""));           // shows none
  CHECK_FALSE(node.ask(node.others, node.ours, "gateway"));  // the client does not know who signed the node's
}

TEST_CASE("of those with a good certificate only the named peers are served, where peers are named") {
  Guarded node({"gateway"});
  CHECK(node.ask(node.ours, node.ours, "gateway"));
  const auto refused = node.ask(node.ours, node.ours, "stranger");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Error::Kind::refused);
  CHECK(refused.error().text.contains("media_server.peers"));
}

TEST_CASE("a file that cannot be used is named with its key") {
  nearend::test::TestAuthority ours;
  ours.issue("node");
  ours.issue("other");
  media_server::Settings settings;
  settings.trust_file = ours.authority_file();
  CHECK(checked(settings).error().text.starts_with("trust_file: certificate_file"));
  settings.certificate_file = "/nowhere.pem";
  settings.key_file = ours.key_file("node");
  CHECK(checked(settings).error().text.starts_with("certificate_file: certificate file '/nowhere.pem'"));
  settings.certificate_file = ours.certificate_file("node");
  settings.key_file = ours.key_file("other");  // of another certificate
  CHECK(checked(settings).error().text.starts_with("key_file: key file"));
  settings.key_file = ours.key_file("node");
  CHECK(checked(settings));
  settings.trust_file = "/nowhere.pem";
  CHECK(checked(settings).error().text.starts_with("trust_file: trust file '/nowhere.pem'"));
  settings.trust_file = {};
  settings.peers = {"gateway"};
  CHECK(checked(settings).error().text.starts_with("peers:"));
}
