#include <doctest/doctest.h>

#include "io/asio_loop.hpp"
#include "io/asio_net.hpp"
#include "sip/transport.hpp"
#include "support/certificates.hpp"

using namespace nearend;
using namespace nearend::sip;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view ping =
    "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/TLS h;branch=z9hG4bK1\r\nContent-Length: 0\r\n\r\n";

/// One end with a TLS listener on loopback: what it heard, and what failed.
struct End {
  End(io::AsioLoop& loop, io::Net& net, io::TlsSettings settings, uint16_t port = 0)
      : tls(std::move(settings)), transport(loop, net, {}) {
    transport.set_handlers(
        [this](const Flow& flow, std::string_view text) {
          heard.emplace_back(text);
          heard_on = flow;
        },
        [this](const Flow&, const Error& error) { failures.push_back(error); });
    const auto bound =
        transport.listen({.protocol = Protocol::tls, .local = {IpAddress::loopback(), port}, .tls = &tls, .tag = 1});
    REQUIRE(bound);
    address = *bound;
  }
  void send(const Endpoint& to, std::string name) {
    const auto flow = transport.open({Protocol::tls, to, std::move(name), 1}, ping.size());
    REQUIRE(flow);
    transport.send(*flow, std::string(ping));
  }

  io::TlsSettings tls;
  Transport transport;
  Endpoint address;
  std::vector<std::string> heard;
  Flow heard_on;
  std::vector<Error> failures;
};

struct Pair {
  Pair() {
    for (const char* name : {"gateway.example", "carrier.example"}) authority.issue(name);
  }
  io::TlsSettings settings(const std::string& name, bool is_peer_required = false) const {
    return {.certificate_file = authority.certificate_file(name),
            .key_file = authority.key_file(name),
            .trust_file = authority.authority_file(),
            .is_peer_required = is_peer_required};
  }
  template <class Condition>
  bool run_until(Condition is_done) {
    const io::Instant limit = loop.now() + 10s;
    while (!is_done() && loop.now() < limit) loop.run_for(5ms);
    return is_done();
  }

  io::AsioLoop loop;
  io::AsioNet net{loop};
  test::TestAuthority authority;
};

}  // namespace

TEST_CASE("SIP over TLS: both ends show certificates, and answers come back on the same connection") {
  Pair pair;
  End carrier(pair.loop, pair.net, pair.settings("carrier.example", true));
  End gateway(pair.loop, pair.net, pair.settings("gateway.example"));
  gateway.send(carrier.address, "carrier.example");
  REQUIRE(pair.run_until([&] { return carrier.heard.size() == 1; }));
  CHECK(carrier.heard_on.protocol == Protocol::tls);
  carrier.transport.send(carrier.heard_on, "SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n");
  REQUIRE(pair.run_until([&] { return gateway.heard.size() == 1; }));
  CHECK(gateway.transport.connections() == 1);
  gateway.send(carrier.address, "");  // within a dialog only the address is known: the connection is used again
  REQUIRE(pair.run_until([&] { return carrier.heard.size() == 2; }));
  CHECK(gateway.transport.connections() == 1);
}

TEST_CASE("SIP over TLS: a server of another name and a client without a certificate are refused") {
  Pair pair;
  End carrier(pair.loop, pair.net, pair.settings("carrier.example", true));
  End gateway(pair.loop, pair.net, pair.settings("gateway.example"));
  gateway.send(carrier.address, "other.example");
  REQUIRE(pair.run_until([&] { return gateway.failures.size() == 1; }));
  CHECK(gateway.failures.front().text.find("ostname mismatch") != std::string::npos);

  io::TlsSettings bare = pair.settings("gateway.example");
  bare.certificate_file = bare.key_file = {};
  Transport nameless(pair.loop, pair.net, {});  // calls without a listener, and so without a certificate of its own
  size_t failed = 0;
  nameless.set_handlers([](const Flow&, std::string_view) {}, [&](const Flow&, const Error&) { ++failed; });
  const auto flow = nameless.open({Protocol::tls, carrier.address, "carrier.example", 0}, 1);
  REQUIRE(flow);
  nameless.send(*flow, std::string(ping));
  REQUIRE(pair.run_until([&] { return failed == 1; }));
  CHECK(carrier.heard.empty());
}

TEST_CASE("SIP over TLS: a connection that is made again expects the name that was expected before") {
  Pair pair;
  auto carrier = std::make_unique<End>(pair.loop, pair.net, pair.settings("carrier.example"));
  End gateway(pair.loop, pair.net, pair.settings("gateway.example"));
  const Endpoint place = carrier->address;
  gateway.send(place, "carrier.example");
  REQUIRE(pair.run_until([&] { return carrier->heard.size() == 1; }));
  carrier.reset();
  REQUIRE(pair.run_until([&] { return gateway.transport.connections() == 0; }));
  // Somebody else whom the same authority knows has taken the place.
  End impostor(pair.loop, pair.net, pair.settings("gateway.example"), place.port);
  gateway.send(place, "");
  REQUIRE(pair.run_until([&] { return gateway.failures.size() == 2; }));
  CHECK(gateway.failures.back().text.find("ostname mismatch") != std::string::npos);
  CHECK(impostor.heard.empty());
}

TEST_CASE("SIP over TLS: an address that nobody named is checked by the listener's settings") {
  Pair pair;
  End carrier(pair.loop, pair.net, pair.settings("carrier.example"));
  const auto call = [&](std::string server_name) {
    io::TlsSettings settings = pair.settings("gateway.example");
    settings.server_name = std::move(server_name);
    End gateway(pair.loop, pair.net, settings);
    const size_t heard = carrier.heard.size();
    gateway.send(carrier.address, "");
    REQUIRE(pair.run_until([&] { return carrier.heard.size() > heard || !gateway.failures.empty(); }));
    return carrier.heard.size() > heard;
  };
  CHECK(call(""));  // signed by the authority of our own trust file
  CHECK(call("carrier.example"));
  CHECK_FALSE(call("platform.example"));
}

TEST_CASE("SIP over TLS: who is not admitted gets no handshake") {
  Pair pair;
  io::TlsSettings serving = pair.settings("carrier.example");
  Transport carrier(pair.loop, pair.net, {});
  size_t asked = 0;
  const auto bound = carrier.listen({.protocol = Protocol::tls,
                                     .local = {IpAddress::loopback(), 0},
                                     .tls = &serving,
                                     .is_admitted = [&](const IpAddress&) { return ++asked > 1; }});
  REQUIRE(bound);
  size_t heard = 0;
  carrier.set_handlers([&](const Flow&, std::string_view) { ++heard; }, [](const Flow&, const Error&) {});
  const io::TlsSettings calling = pair.settings("gateway.example");
  bool is_open = false, is_closed = false;
  std::string received;
  const auto handlers = [&] {
    return io::Stream::Handlers{.on_open = [&] { is_open = true; },
                                .on_data = [&](std::string_view data) { received += data; },
                                .on_close = [&](const Error&) { is_closed = true; }};
  };
  auto stranger = pair.net.connect(*bound, &calling, handlers());
  REQUIRE(pair.run_until([&] { return is_closed; }));
  CHECK_FALSE(is_open);
  CHECK(received.empty());
  auto friendly = pair.net.connect(*bound, &calling, handlers());
  friendly->write(std::string(ping));
  CHECK(pair.run_until([&] { return heard == 1; }));
}
