#include <doctest/doctest.h>
#include <signal.h>

#include <string>
#include <thread>

#include "io/asio_loop.hpp"
#include "io/asio_net.hpp"
#include "support/certificates.hpp"

using namespace nearend;
using namespace nearend::io;
using namespace std::chrono_literals;

namespace {

const Endpoint loopback{IpAddress::loopback(), 0};

/// Works until `is_done`, at most 10 s.
template <class Condition>
bool run_until(AsioLoop& loop, Condition is_done) {
  const Instant limit = loop.now() + 10s;
  while (!is_done() && loop.now() < limit) loop.run_for(5ms);
  return is_done();
}

Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
std::string text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Both ends of one connection and what they saw.
struct End {
  std::unique_ptr<Stream> stream;
  std::string received;
  std::optional<Error> closed;
  bool is_open = false;
  Stream::Handlers handlers() {
    return {.on_open = [this] { is_open = true; },
            .on_data = [this](std::string_view data) { received += data; },
            .on_close = [this](const Error& error) { closed = error; }};
  }
};

}  // namespace

TEST_CASE("timers of the loop fire in order and a cancelled one does not") {
  AsioLoop loop;
  const Instant begun = loop.now();
  std::string order;
  loop.start_timer(begun + 3ms, [&] {
    order += "c";
    loop.stop();
  });
  loop.start_timer(begun + 1ms, [&] { order += "a"; });
  loop.start_timer(begun + 2ms, [&] { order += "b"; });
  const TimerId doomed = loop.start_timer(begun, [&] { order += "x"; });
  loop.cancel_timer(doomed);
  loop.run();
  CHECK(order == "abc");
}

TEST_CASE("a timer that sets itself again for now lets other work through") {
  AsioLoop loop;
  std::function<void()> again = [&] { loop.start_timer(loop.now() - 1s, [&] { again(); }); };
  again();
  loop.start_timer(loop.now() + 2ms, [&] { loop.post([&] { loop.stop(); }); });
  loop.run();
}

TEST_CASE("the end of a turn comes after all that was ready, also after what that posted") {
  AsioLoop loop;
  std::string order;
  loop.post([&] {
    order += "a";
    loop.at_turn_end([&] {
      order += "d";
      loop.at_turn_end([&] { order += "e"; });
      loop.post([&] { loop.stop(); });
    });
    loop.post([&] {
      order += "b";
      loop.post([&] { order += "c"; });
    });
  });
  loop.run();
  CHECK(order == "abcde");
}

TEST_CASE("the end of a turn comes even when work never ends") {
  AsioLoop loop;
  std::function<void()> again = [&] { loop.post([&] { again(); }); };
  again();
  loop.post([&] { loop.at_turn_end([&] { loop.stop(); }); });
  loop.run();
}

TEST_CASE("posts from another thread run on the loop in their order") {
  AsioLoop loop;
  std::vector<int> seen;
  std::thread other([&] {
    for (int i = 0; i < 1000; ++i) loop.post([&, i] { seen.push_back(i); });
    loop.post([&] { loop.stop(); });
  });
  loop.run();
  other.join();
  REQUIRE(seen.size() == 1000);
  CHECK(std::is_sorted(seen.begin(), seen.end()));
}

TEST_CASE("a signal is reported on the loop") {
  AsioLoop loop;
  int seen = 0;
  loop.on_signals({SIGUSR1}, [&](int signal) {
    seen = signal;
    loop.stop();
  });
  loop.post([] { raise(SIGUSR1); });
  loop.run();
  CHECK(seen == SIGUSR1);
}

TEST_CASE("work left on a loop may cancel its timers while the loop ends") {
  struct Holder {
    AsioLoop& loop;
    std::unique_ptr<Timer> timer;
    explicit Holder(AsioLoop& on) : loop(on), timer(std::make_unique<Timer>(on)) {
      timer->start(1h, [] {});
    }
  };
  AsioLoop loop;
  loop.post([held = std::make_shared<Holder>(loop)] {});
  loop.start_timer(loop.now() + 1h, [held = std::make_shared<Holder>(loop)] {});
}

TEST_CASE("a burst of datagrams arrives whole, over IPv4 and IPv6") {
  for (const auto family : {IpAddress::Family::v4, IpAddress::Family::v6}) {
    AsioLoop loop;
    AsioNet net(loop);
    const Endpoint any{IpAddress::loopback(family), 0};
    std::vector<std::string> seen;
    Endpoint from;
    auto receiver = net.open_udp(any, [&](const Endpoint& source, Bytes datagram) {
      seen.push_back(text_of(datagram));
      from = source;
    });
    auto sender = net.open_udp(any, [](const Endpoint&, Bytes) {});
    REQUIRE(receiver);
    REQUIRE(sender);
    for (int i = 0; i < 100; ++i) (*sender)->send((*receiver)->local(), bytes_of(std::to_string(i)));
    CHECK(run_until(loop, [&] { return seen.size() == 100; }));
    CHECK(seen.back() == "99");
    CHECK(from == (*sender)->local());
    (*sender)->send((*receiver)->local(), bytes_of(std::string(60'000, 'x')));
    CHECK(run_until(loop, [&] { return seen.back().size() == 60'000; }));
  }
}

TEST_CASE("datagrams of one turn leave at its end, in order, also those of a socket that is closed meanwhile") {
  AsioLoop loop;
  AsioNet net(loop);
  std::vector<std::string> seen;
  auto receiver = net.open_udp(loopback, [&](const Endpoint&, Bytes datagram) { seen.push_back(text_of(datagram)); });
  auto sender = net.open_udp(loopback, [](const Endpoint&, Bytes) {});
  auto doomed = net.open_udp(loopback, [](const Endpoint&, Bytes) {});
  REQUIRE((receiver && sender && doomed));
  const Endpoint to = (*receiver)->local();
  const std::string large(3000, 'x');
  std::vector<std::string> sent;
  loop.post([&] {
    (*doomed)->send(to, bytes_of("last words"));
    doomed->reset();
    sent.emplace_back("last words");
    for (int i = 0; i < 150; ++i) {
      sent.push_back(std::to_string(i) + large);
      (*sender)->send(to, bytes_of(sent.back()));
    }
  });
  CHECK(run_until(loop, [&] { return seen.size() >= sent.size(); }));
  CHECK(seen == sent);
  CHECK(net.dropped_datagrams() == 0);
}

TEST_CASE("a datagram's handler may close its socket") {
  AsioLoop loop;
  AsioNet net(loop);
  std::unique_ptr<UdpSocket> receiver;
  int count = 0;
  auto opened = net.open_udp(loopback, [&, held = std::make_shared<int>(1)](const Endpoint&, Bytes) {
    receiver.reset();
    count += *held;
  });
  REQUIRE(opened);
  receiver = std::move(*opened);
  auto sender = net.open_udp(loopback, [](const Endpoint&, Bytes) {});
  const Endpoint to = receiver->local();
  for (int i = 0; i < 3; ++i) (*sender)->send(to, bytes_of("x"));
  CHECK(run_until(loop, [&] { return count > 0; }));
  loop.run_for(10ms);
  CHECK(count == 1);
}

TEST_CASE("binding a taken port is an error that names it") {
  AsioLoop loop;
  AsioNet net(loop);
  auto first = net.open_udp(loopback, [](const Endpoint&, Bytes) {});
  auto second = net.open_udp((*first)->local(), [](const Endpoint&, Bytes) {});
  REQUIRE_FALSE(second);
  CHECK(second.error().text.find((*first)->local().to_string()) != std::string::npos);
}

TEST_CASE("bytes written before the connection is open arrive, and a close is seen by both ends") {
  AsioLoop loop;
  AsioNet net(loop);
  End server, client;
  auto listener = net.listen(loopback, nullptr, [&](std::unique_ptr<Stream> stream) {
    server.stream = std::move(stream);
    server.stream->set_handlers(server.handlers());
  });
  REQUIRE(listener);
  client.stream = net.connect((*listener)->local(), nullptr, client.handlers());
  client.stream->write("hello");
  REQUIRE(run_until(loop, [&] { return server.received == "hello"; }));
  CHECK(client.is_open);
  CHECK(server.stream->peer() == client.stream->local());
  const std::string large(700'000, 'z');
  server.stream->write(large);
  server.stream->close();
  REQUIRE(run_until(loop, [&] { return client.closed.has_value() && server.closed.has_value(); }));
  CHECK(client.received == large);
}

TEST_CASE("what was written leaves even when the stream is destroyed at once") {
  AsioLoop loop;
  AsioNet net(loop);
  End client;
  auto listener = net.listen(loopback, nullptr, [&](std::unique_ptr<Stream> stream) { stream->write("goodbye"); });
  client.stream = net.connect((*listener)->local(), nullptr, client.handlers());
  REQUIRE(run_until(loop, [&] { return client.closed.has_value(); }));
  CHECK(client.received == "goodbye");
}

TEST_CASE("a refused connection is reported once, later") {
  AsioLoop loop;
  AsioNet net(loop);
  Endpoint nobody;
  {
    auto listener = net.listen(loopback, nullptr, [](std::unique_ptr<Stream>) {});
    nobody = (*listener)->local();
  }
  End client;
  client.stream = net.connect(nobody, nullptr, client.handlers());
  CHECK_FALSE(client.closed);
  REQUIRE(run_until(loop, [&] { return client.closed.has_value(); }));
  CHECK(client.closed->kind == Error::Kind::unavailable);
}

TEST_CASE("a peer that does not read has its stream closed at 1 MiB of unsent bytes") {
  AsioLoop loop;
  AsioNet net(loop);
  End client;
  std::unique_ptr<Stream> accepted;
  auto listener = net.listen(loopback, nullptr, [&](std::unique_ptr<Stream> stream) { accepted = std::move(stream); });
  client.stream = net.connect((*listener)->local(), nullptr, client.handlers());
  REQUIRE(run_until(loop, [&] { return client.is_open && accepted; }));
  for (int i = 0; i < 200 && !client.closed; ++i) {
    client.stream->write(std::string(100'000, 'x'));
    loop.run_for(1ms);
  }
  REQUIRE(client.closed);
  CHECK(client.closed->text.find("1 MiB") != std::string::npos);
}

TEST_CASE("a stream may be destroyed by any of its handlers") {
  AsioLoop loop;
  AsioNet net(loop);
  std::unique_ptr<Stream> accepted;
  auto listener = net.listen(loopback, nullptr, [&](std::unique_ptr<Stream> stream) {
    accepted = std::move(stream);
    accepted->set_handlers({.on_data =
                                [&, held = std::make_shared<int>(1)](std::string_view) {
                                  accepted.reset();
                                  CHECK(*held == 1);
                                },
                            .on_close = [](const Error&) { FAIL("told after it was destroyed"); }});
  });
  std::unique_ptr<Stream> client;
  bool is_closed = false;
  client = net.connect((*listener)->local(), nullptr,
                       {.on_open = [&] { client->write("x"); },
                        .on_close =
                            [&, held = std::make_shared<int>(1)](const Error&) {
                              client.reset();
                              is_closed = *held == 1;
                            }});
  CHECK(run_until(loop, [&] { return is_closed && !accepted; }));
}

TEST_CASE("TLS: both ends prove who they are") {
  AsioLoop loop;
  AsioNet net(loop);
  test::TestAuthority authority;
  authority.issue("gateway.example");
  authority.issue("router.example");
  const TlsSettings serving{.certificate_file = authority.certificate_file("router.example"),
                            .key_file = authority.key_file("router.example"),
                            .trust_file = authority.authority_file(),
                            .is_peer_required = true};
  End server, client;
  std::vector<std::string> names;
  auto listener = net.listen(loopback, &serving, [&](std::unique_ptr<Stream> stream) {
    server.stream = std::move(stream);
    names = server.stream->peer_names();
    server.stream->set_handlers(server.handlers());
  });
  REQUIRE(listener);
  TlsSettings calling{.certificate_file = authority.certificate_file("gateway.example"),
                      .key_file = authority.key_file("gateway.example"),
                      .trust_file = authority.authority_file(),
                      .server_name = "router.example"};
  SUBCASE("and bytes go through") {
    client.stream = net.connect((*listener)->local(), &calling, client.handlers());
    client.stream->write("hello");
    REQUIRE(run_until(loop, [&] { return server.received == "hello"; }));
    CHECK(client.stream->is_secure());
    CHECK(std::count(names.begin(), names.end(), "gateway.example") == 2);
    server.stream->write(std::string(500'000, 'y'));
    server.stream->close();
    REQUIRE(run_until(loop, [&] { return client.closed.has_value(); }));
    CHECK(client.received.size() == 500'000);
  }
  SUBCASE("a server of another name is refused") {
    calling.server_name = "other.example";
    client.stream = net.connect((*listener)->local(), &calling, client.handlers());
    REQUIRE(run_until(loop, [&] { return client.closed.has_value(); }));
    CHECK(client.closed->kind == Error::Kind::refused);
    CHECK(client.closed->text.find("ostname mismatch") != std::string::npos);
    CHECK_FALSE(server.stream);
  }
  SUBCASE("a server that nobody we trust signed is refused") {
    test::TestAuthority stranger;
    calling.trust_file = stranger.authority_file();
    client.stream = net.connect((*listener)->local(), &calling, client.handlers());
    REQUIRE(run_until(loop, [&] { return client.closed.has_value(); }));
    CHECK_FALSE(client.is_open);
  }
  SUBCASE("a client without a certificate is refused") {
    calling.certificate_file = calling.key_file = "";
    client.stream = net.connect((*listener)->local(), &calling, client.handlers());
    REQUIRE(run_until(loop, [&] { return client.closed.has_value(); }));
    CHECK_FALSE(server.stream);
  }
  SUBCASE("a certificate that cannot be read is named") {
    calling.certificate_file = "/nonexistent.pem";
    client.stream = net.connect((*listener)->local(), &calling, client.handlers());
    REQUIRE(run_until(loop, [&] { return client.closed.has_value(); }));
    CHECK(client.closed->text.find("/nonexistent.pem") != std::string::npos);
  }
}
