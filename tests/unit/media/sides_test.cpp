#include <doctest/doctest.h>

#include "media/engine.hpp"

using namespace nearend;
using namespace nearend::media;

namespace {

struct Sink final : EngineOutput {
  void send(Socket, const Endpoint& to, std::span<const uint8_t> datagram) override {
    const bool is_loud = datagram.back() < loud;  // else it is the noise that we make
    if (!rtp::is_rtcp(datagram) && is_loud) sent.push_back(to);
  }
  void tell(AnchorId, Event) override {}
  static constexpr uint8_t loud = 0x40;  // as mu-law counts
  std::vector<Endpoint> sent;
};
struct NoWorker final : Worker {
  void submit(uint64_t, Work) override {}
};

constexpr AnchorId leg{uint64_t{1} << 32}, other{uint64_t{1} << 32 | 1};

struct Legs {
  Sink sink;
  NoWorker worker;
  io::Instant now{std::chrono::seconds(1)};
  Engine engine{{.now = now, .wall = {}, .seed = 1}, sink, worker};
  const Endpoint phone{IpAddress::v4(0x0a000001), 4000}, far{IpAddress::v4(0x0a000002), 4000};
  uint16_t number = 0;

  explicit Legs(bool has_inner) {
    const Engine::StreamSockets sockets[] = {{}};
    for (AnchorId id : {leg, other}) engine.add(id, sockets, has_inner, now);
    set_remote(leg, Side::outer, phone);
    set_remote(other, Side::outer, far);
  }
  void set_remote(AnchorId id, Side side, const Endpoint& at) {
    Remote remote{.rtp = at};
    remote.formats = {{.payload_type = 0, .name = "PCMU"}};
    engine.set_remote(id, side, remote, now);
  }
  /// Where ten frames of one end go.
  std::vector<Endpoint> say(const Inlet& inlet, const Endpoint& from) {
    sink.sent.clear();
    for (int i = 0; i < 10; ++i) {
      now += milliseconds(20);
      engine.tick(now);
      std::array<uint8_t, 160> payload;
      payload.fill(static_cast<uint8_t>(++number));
      std::array<uint8_t, 200> bytes;
      const size_t size = rtp::write_packet(
          bytes, {.sequence = number, .timestamp = number * uint32_t{160}, .ssrc = 7, .payload = payload});
      engine.input(inlet, from, std::span(bytes).first(size), now);
    }
    return sink.sent;
  }
};

}  // namespace

TEST_CASE("a leg whose only side is its outer one is bridged, and has nothing on the other") {
  Legs legs(false);
  legs.engine.connect(leg, {.kind = Path::Kind::bridge, .peer = other}, legs.now);
  const auto heard = legs.say({.anchor = leg}, legs.phone);
  CHECK(heard.size() == 10);
  for (const Endpoint& to : heard) CHECK(to == legs.far);
  const auto stats = legs.engine.stats(leg);
  REQUIRE(stats.size() == 1);
  CHECK(stats[0].side == Side::outer);
  CHECK(stats[0].packets_in == 10);
  CHECK(legs.engine.sockets_of(leg).size() == 2);
  legs.engine.remove(leg, legs.now);
  CHECK(legs.engine.stats(leg).empty());
}

TEST_CASE("what is asked of a side that a leg has not is without effect") {
  Legs legs(false);
  legs.set_remote(leg, Side::inner, legs.far);
  legs.engine.connect(leg, {.kind = Path::Kind::inner}, legs.now);
  CHECK(legs.say({.anchor = leg}, legs.phone).empty());
  CHECK(legs.say({.anchor = leg, .side = Side::inner}, legs.far).empty());
  std::array<uint8_t, 8> report{0x80, 201, 0, 1, 0, 0, 0, 7};
  legs.engine.input({.anchor = leg, .side = Side::inner, .is_rtcp = true}, legs.far, report, legs.now);
  CHECK(legs.engine.stats(leg).size() == 1);
}

TEST_CASE("a leg with both sides passes from one to the other") {
  Legs legs(true);
  legs.set_remote(leg, Side::inner, legs.far);
  legs.engine.connect(leg, {.kind = Path::Kind::inner}, legs.now);
  const auto out = legs.say({.anchor = leg}, legs.phone);
  CHECK(out.size() == 10);
  for (const Endpoint& to : out) CHECK(to == legs.far);
  const auto stats = legs.engine.stats(leg);
  REQUIRE(stats.size() == 2);
  CHECK(stats[1].side == Side::inner);
  CHECK(stats[1].packets_out == 10);
}
