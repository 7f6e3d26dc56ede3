#include "sim/world.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>

#include "io/async.hpp"

using namespace nearend;
using namespace nearend::sim;
using namespace std::chrono_literals;

namespace {

io::Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
std::string text_of(io::Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Two hosts, 100 ms of round trip apart.
struct Pair {
  explicit Pair(uint64_t seed = 1)
      : world(seed), a(world.add_host("a.example", "eu")), b(world.add_host("b.example", "us")) {
    world.paths().set_rtt("eu", "us", 100ms);
  }
  World world;
  Host& a;
  Host& b;
};

struct End {
  std::unique_ptr<io::Stream> stream;
  std::string received;
  std::optional<Error> closed;
  bool is_open = false;
  io::Stream::Handlers handlers() {
    return {.on_open = [this] { is_open = true; },
            .on_data = [this](std::string_view data) { received += data; },
            .on_close = [this](const Error& error) { closed = error; }};
  }
};

std::unique_ptr<io::Listener> listen(Host& host, uint16_t port, End& end) {
  auto listener = host.net().listen(host.endpoint(port), nullptr, [&end](std::unique_ptr<io::Stream> stream) {
    end.stream = std::move(stream);
    end.stream->set_handlers(end.handlers());
  });
  REQUIRE(listener);
  return std::move(*listener);
}

}  // namespace

TEST_CASE("a datagram takes half the round trip and carries the sender's address") {
  Pair pair;
  io::Instant arrived{};
  Endpoint from;
  auto receiver = pair.b.net().open_udp(pair.b.endpoint(5060), [&](const Endpoint& source, io::Bytes datagram) {
    arrived = pair.world.now();
    from = source;
    CHECK(text_of(datagram) == "hello");
  });
  auto sender = pair.a.net().open_udp({IpAddress{}, 0}, [](const Endpoint&, io::Bytes) {});
  (*sender)->send(pair.b.endpoint(5060), bytes_of("hello"));
  pair.world.run_for(1s);
  CHECK(arrived == io::Instant(50ms));
  CHECK(from == pair.a.endpoint((*sender)->local().port));
  CHECK(pair.world.paths().counts(pair.a.id(), pair.b.id()).packets == 1);
  CHECK(pair.world.paths().counts("eu", "us").bytes == 5);
  CHECK(pair.world.paths().counts_across_regions().packets == 1);
}

TEST_CASE("loss, doubling and order follow the path's quality, and change while the world runs") {
  Pair pair;
  std::vector<int> seen;
  auto receiver = pair.b.net().open_udp(
      pair.b.endpoint(9), [&](const Endpoint&, io::Bytes datagram) { seen.push_back(std::stoi(text_of(datagram))); });
  auto sender = pair.a.net().open_udp(pair.a.endpoint(9), [](const Endpoint&, io::Bytes) {});
  const auto send_thousand = [&] {
    seen.clear();
    for (int i = 0; i < 1000; ++i) {
      (*sender)->send(pair.b.endpoint(9), bytes_of(std::to_string(i)));
      pair.world.run_for(1ms);
    }
    pair.world.run_for(1s);
    return seen.size();
  };
  CHECK(send_thousand() == 1000);
  CHECK(std::is_sorted(seen.begin(), seen.end()));
  pair.world.paths().set_default_quality({.loss = 0.1});
  const size_t survived = send_thousand();
  CHECK(survived > 850);
  CHECK(survived < 950);
  pair.world.paths().set_quality("eu", "us", {.duplicate = 0.5});
  CHECK(send_thousand() > 1400);
  pair.world.paths().set_quality(pair.a.id(), pair.b.id(), {.reorder = 0.1});
  CHECK(send_thousand() == 1000);
  CHECK_FALSE(std::is_sorted(seen.begin(), seen.end()));
  pair.world.paths().set_cut("us", "eu", true);
  CHECK(send_thousand() == 0);
  pair.world.paths().set_cut("us", "eu", false);
  pair.world.paths().set_isolated(pair.b.id(), true);
  CHECK(send_thousand() == 0);
}

TEST_CASE("a test sees every datagram and may decide its fate") {
  Pair pair;
  int arrived = 0, observed = 0, lost = 0;
  auto receiver = pair.b.net().open_udp(pair.b.endpoint(9), [&](const Endpoint&, io::Bytes) { ++arrived; });
  auto sender = pair.a.net().open_udp(pair.a.endpoint(9), [](const Endpoint&, io::Bytes) {});
  pair.world.network().set_fault([](const PacketSeen& seen) {
    const std::string text = text_of(seen.bytes);
    return Fate{.is_lost = text == "drop", .copies = text == "twice" ? 2u : 1u};
  });
  pair.world.network().observe([&](const PacketSeen& seen) {
    ++observed;
    lost += seen.is_lost;
  });
  for (const auto* text : {"drop", "twice", "once"}) (*sender)->send(pair.b.endpoint(9), bytes_of(text));
  (*sender)->send({IpAddress::v4(0x01010101), 9}, bytes_of("nobody"));
  pair.world.run_for(1s);
  CHECK(arrived == 3);
  CHECK(observed == 4);
  CHECK(lost == 2);
}

TEST_CASE("RTP is counted apart from what only travels beside it") {
  Pair pair;
  auto sender = pair.a.net().open_udp(pair.a.endpoint(9), [](const Endpoint&, io::Bytes) {});
  (*sender)->send(pair.b.endpoint(9), bytes_of(std::string("\x80\x00", 2) + std::string(170, 'x')));
  (*sender)->send(pair.b.endpoint(9), bytes_of(std::string("\x80\xc8", 2) + std::string(26, 'x')));
  (*sender)->send(pair.b.endpoint(9), bytes_of("OPTIONS sip:b.example SIP/2.0\r\n"));
  CHECK(pair.world.paths().counts_across_regions().rtp_packets == 1);
  CHECK(pair.world.paths().counts_across_regions().packets == 3);
}

TEST_CASE("a stream opens after one round trip and is whole and in order under loss") {
  Pair pair;
  End client, server;
  auto listener = listen(pair.b, 80, server);
  client.stream = pair.a.net().connect(pair.b.endpoint(80), nullptr, client.handlers());
  client.stream->write("early ");
  REQUIRE(pair.world.run_until([&] { return client.is_open; }, 1s));
  CHECK(pair.world.now() == io::Instant(100ms));
  pair.world.paths().set_default_quality({.jitter = 30ms, .loss = 0.2});
  std::string sent = "early ";
  for (int i = 0; i < 200; ++i) {
    client.stream->write(std::to_string(i) + " ");
    sent += std::to_string(i) + " ";
  }
  client.stream->close();
  REQUIRE(pair.world.run_until([&] { return server.closed.has_value(); }, 60s));
  CHECK(server.received == sent);
  CHECK(client.closed);
}

TEST_CASE("connecting to a closed port is refused, to nobody or across a cut it times out") {
  Pair pair;
  End refused, nobody, cut;
  refused.stream = pair.a.net().connect(pair.b.endpoint(80), nullptr, refused.handlers());
  nobody.stream = pair.a.net().connect({IpAddress::v4(0x01010101), 80}, nullptr, nobody.handlers());
  pair.world.run_for(101ms);
  REQUIRE(refused.closed);
  CHECK(refused.closed->kind == Error::Kind::unavailable);
  pair.world.paths().set_cut("eu", "us", true);
  cut.stream = pair.a.net().connect(pair.b.endpoint(80), nullptr, cut.handlers());
  pair.world.run_for(5s);
  CHECK(nobody.closed->kind == Error::Kind::timeout);
  CHECK(cut.closed->kind == Error::Kind::timeout);
}

TEST_CASE("a stream waits out a short cut and breaks on a long one") {
  Pair pair;
  End client, server;
  auto listener = listen(pair.b, 80, server);
  client.stream = pair.a.net().connect(pair.b.endpoint(80), nullptr, client.handlers());
  pair.world.run_for(1s);
  pair.world.paths().set_cut(pair.a.id(), pair.b.id(), true);
  client.stream->write("hello");
  pair.world.run_for(3s);
  CHECK(server.received.empty());
  pair.world.paths().set_cut(pair.a.id(), pair.b.id(), false);
  pair.world.run_for(1s);
  CHECK(server.received == "hello");
  pair.world.paths().set_cut(pair.a.id(), pair.b.id(), true);
  client.stream->write("lost");
  pair.world.run_for(25s);
  REQUIRE(client.closed);
  CHECK(client.closed->kind == Error::Kind::timeout);
  CHECK_FALSE(server.closed);
  pair.world.paths().set_cut(pair.a.id(), pair.b.id(), false);
  server.stream->write("are you there");
  pair.world.run_for(1s);
  REQUIRE(server.closed);
  CHECK(server.closed->text == "reset by the peer");
}

TEST_CASE("when a process dies its peers are reset, its timers never run and its ports are free again") {
  Pair pair;
  End client, server;
  auto listener = listen(pair.b, 80, server);
  client.stream = pair.a.net().connect(pair.b.endpoint(80), nullptr, client.handlers());
  auto socket = pair.b.net().open_udp(pair.b.endpoint(5060), [](const Endpoint&, io::Bytes) { FAIL("dead"); });
  auto sender = pair.a.net().open_udp(pair.a.endpoint(5060), [](const Endpoint&, io::Bytes) {});
  pair.world.run_for(1s);
  pair.b.loop().start_timer(pair.world.now() + 1s, [] { FAIL("dead"); });
  pair.b.loop().post([] { FAIL("dead"); });
  pair.b.kill();
  (*sender)->send(pair.b.endpoint(5060), bytes_of("x"));
  (*socket)->send(pair.a.endpoint(5060), bytes_of("x"));
  pair.b.loop().start_timer(pair.world.now() + 1s, [] { FAIL("dead"); });
  pair.world.run_for(2s);
  REQUIRE(client.closed);
  CHECK(client.closed->text == "reset by the peer");
  CHECK_FALSE(server.closed);
  CHECK_FALSE(pair.b.net().open_udp(pair.b.endpoint(5060), [](const Endpoint&, io::Bytes) {}));
  pair.b.restart();
  int arrived = 0;
  auto again = pair.b.net().open_udp(pair.b.endpoint(5060), [&](const Endpoint&, io::Bytes) { ++arrived; });
  REQUIRE(again);
  (*sender)->send(pair.b.endpoint(5060), bytes_of("x"));
  pair.world.run_for(1s);
  CHECK(arrived == 1);
}

TEST_CASE("the same seed gives the same run, another one another") {
  const auto run = [](uint64_t seed) {
    Pair pair(seed);
    pair.world.paths().set_default_quality({.jitter = 20ms, .loss = 0.05, .duplicate = 0.05, .reorder = 0.05});
    std::string trace;
    std::unique_ptr<io::UdpSocket> left, right;
    const auto echo = [&](Host& self, std::unique_ptr<io::UdpSocket>& socket) {
      return [&](const Endpoint& from, io::Bytes datagram) {
        trace += fmt::format("{} {} {}\n", pair.world.now().time_since_epoch().count(), self.name(), text_of(datagram));
        if (trace.size() < 50'000) socket->send(from, bytes_of(std::to_string(self.loop().random() % 1000)));
      };
    };
    left = std::move(*pair.a.net().open_udp(pair.a.endpoint(1), echo(pair.a, left)));
    right = std::move(*pair.b.net().open_udp(pair.b.endpoint(1), echo(pair.b, right)));
    for (int i = 0; i < 20; ++i) left->send(pair.b.endpoint(1), bytes_of("start"));
    pair.world.run_for(60s);
    return trace;
  };
  const std::string first = run(7);
  CHECK(first.size() > 5000);
  CHECK(first == run(7));
  CHECK(first != run(8));
}

TEST_CASE("packets cost little processor time") {
  Pair pair;
  std::unique_ptr<io::UdpSocket> left, right;
  uint64_t arrived = 0;
  const std::string payload(172, 'x');
  const auto echo = [&](std::unique_ptr<io::UdpSocket>& socket) {
    return [&](const Endpoint& from, io::Bytes) {
      ++arrived;
      socket->send(from, bytes_of(payload));
    };
  };
  left = std::move(*pair.a.net().open_udp(pair.a.endpoint(1), echo(left)));
  right = std::move(*pair.b.net().open_udp(pair.b.endpoint(1), echo(right)));
  for (int i = 0; i < 1000; ++i) left->send(pair.b.endpoint(1), bytes_of(payload));
  const std::clock_t before = std::clock();
  pair.world.run_until([&] { return arrived >= 200'000; }, 1h);
  const double seconds = static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
  const double rate = static_cast<double>(arrived) / seconds;
  MESSAGE("packets a second of processor time: ", static_cast<uint64_t>(rate));
  CHECK(rate > 10'000);  // A build for debugging, with sanitizers, on a busy machine.
}
