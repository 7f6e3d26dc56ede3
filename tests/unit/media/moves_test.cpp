#include <doctest/doctest.h>

#include <algorithm>

#include "unit/media/virtual_world.hpp"

using namespace nearend;
using namespace nearend::media;
using namespace nearend::media::test;

namespace {

/// A talk between two regions: A on our node; B behind a far gateway whose voice reaches our inner side either straight
/// or over the router's node, which takes `detour` longer and numbers anew. Both paths may lose packets and jitter.
struct Detour {
  World world;
  Phone a{world.loop, world.net, "192.0.2.10", 111};
  Phone direct{world.loop, world.net, "203.0.113.50", 222};  // the far gateway's inner side
  Phone router{world.loop, world.net, "203.0.113.99", 333};  // the router's media node
  AnchorInfo leg = world.allocate("a");
  io::Duration detour{};
  double loss = 0;
  uint32_t jitter_ms = 0;
  std::mt19937 dice{7};

  Detour() {
    world.set_remote(leg, Side::outer, a.local());
    a.talk_to(leg.streams[0].outer);
    direct.timestamp = 1'000'000;
    router.timestamp = 77'000'000;
    world.net.delay = [this](const Endpoint& from, const Endpoint&, io::Bytes) -> std::optional<io::Duration> {
      io::Duration length = 5ms;
      if (from == router.local()) length += detour;
      if (from != direct.local() && from != router.local()) return length;
      if (loss > 0 && std::uniform_real_distribution<>(0, 1)(dice) < loss) return std::nullopt;
      if (jitter_ms > 0) length += std::chrono::milliseconds(dice() % jitter_ms);
      return length;
    };
  }
  ~Detour() {
    world.net.delay = [](const Endpoint&, const Endpoint&, io::Bytes) { return io::Duration(1ms); };
  }
  void use(Phone& source) {
    world.set_remote(leg, Side::inner, source.local());
    (void)world.connect(leg, {.kind = Path::Kind::inner});
  }
  /// The far voice is one: the same numbered frames leave now here, now there.
  void speak_over(Phone& source, Phone& other) {
    source.count = std::max(source.count, other.count);
    other.is_talking = false;
    source.talk_to(leg.streams[0].inner);
  }
};

}  // namespace

TEST_CASE(
    "200 moves between a short and a long path leave one unbroken stream, nothing lost or doubled beyond the detour") {
  for (const auto detour : {0ms, 80ms, 150ms}) {
    CAPTURE(detour.count());
    Detour call;
    call.detour = detour;
    call.direct.talk_to(call.leg.streams[0].inner);
    call.use(call.direct);
    call.world.loop.run_for(1s);
    std::vector<int64_t> beyond;
    for (int move = 0; move < 200; ++move) {
      Phone& next = move % 2 == 0 ? call.router : call.direct;
      Phone& before = move % 2 == 0 ? call.direct : call.router;
      const size_t first = call.a.heard.size();
      const uint32_t number = first ? call.a.heard.back().number() : 0;
      call.use(next);
      call.world.loop.run_for(std::chrono::milliseconds(3 + move % 17));
      call.speak_over(next, before);
      call.world.loop.run_for(700ms);
      // Frames of the far voice that never came, or came twice, in this stretch.
      std::vector<uint32_t> numbers;
      for (size_t i = first; i < call.a.heard.size(); ++i)
        if (const uint32_t n = call.a.heard[i].number(); n > 0 && n < 1'000'000) numbers.push_back(n);
      REQUIRE(!numbers.empty());
      std::sort(numbers.begin(), numbers.end());
      const auto unique = std::unique(numbers.begin(), numbers.end());
      const int64_t doubled = numbers.end() - unique;
      const int64_t lost = int64_t{*(unique - 1)} - number - (unique - numbers.begin());
      const int64_t path = (detour.count() + 19) / 20;
      beyond.push_back(std::max<int64_t>(0, lost + doubled - path));
    }
    std::sort(beyond.begin(), beyond.end());
    CHECK(beyond[100] == 0);
    CHECK(beyond[198] <= 2);
    const auto breaks = find_breaks(call.a.heard);
    CHECK(breaks.ssrc == 0);
    CHECK(breaks.sequence == 0);
    CHECK(breaks.timestamp == 0);
    CHECK(breaks.lost == 0);
    CHECK(breaks.doubled == 0);
    // The stream's clock is the wall's: no drift over all moves.
    const auto &start = call.a.heard.front(), &end = call.a.heard.back();
    const double ticks = end.packet.timestamp - start.packet.timestamp;
    const double wall = std::chrono::duration<double>(end.at - start.at).count() * 8000;
    CHECK(std::abs(ticks - wall) < 8 * 160);
  }
}

TEST_CASE("200 moves with loss and jitter: holes stay the sources' own, headers stay whole") {
  Detour call;
  call.detour = 80ms;
  call.loss = 0.01;
  call.jitter_ms = 20;
  call.direct.talk_to(call.leg.streams[0].inner);
  call.use(call.direct);
  call.world.loop.run_for(1s);
  for (int move = 0; move < 200; ++move) {
    Phone& next = move % 2 == 0 ? call.router : call.direct;
    Phone& before = move % 2 == 0 ? call.direct : call.router;
    call.use(next);
    call.world.loop.run_for(10ms);
    call.speak_over(next, before);
    call.world.loop.run_for(600ms);
  }
  std::vector<uint16_t> sequences;
  for (const auto& one : call.a.heard) {
    CHECK(one.packet.ssrc == call.a.heard[0].packet.ssrc);
    sequences.push_back(static_cast<uint16_t>(one.packet.sequence - call.a.heard[0].packet.sequence));
  }
  std::sort(sequences.begin(), sequences.end());
  CHECK(std::adjacent_find(sequences.begin(), sequences.end()) == sequences.end());
  const double expected = sequences.back() + 1;
  CHECK(1 - static_cast<double>(sequences.size()) / expected < 0.02);
}

TEST_CASE("a digit in the middle of a move is pressed exactly once, on one of the paths, whichever way it goes") {
  for (int after = 0; after < 200; after += 10) {
    CAPTURE(after);
    Detour call;
    Phone b(call.world.loop, call.world.net, "192.0.2.20", 444);
    const AnchorInfo other = call.world.allocate("b");
    call.world.set_remote(other, Side::outer, b.local());
    b.talk_to(other.streams[0].outer);
    call.use(call.router);
    call.router.talk_to(call.leg.streams[0].inner);
    call.world.loop.run_for(500ms);
    call.a.press('7', 6);
    call.world.loop.run_for(std::chrono::milliseconds(after));
    (void)call.world.connect(call.leg, {.kind = Path::Kind::bridge, .peer = other.id});
    call.world.loop.run_for(2s);
    auto pressed = call.router.keys();
    const auto at_b = b.keys();
    pressed.insert(pressed.end(), at_b.begin(), at_b.end());
    CHECK(pressed == std::vector<char>{'7'});
    CHECK(call.world.told<event::Digit>(call.leg).size() == 1);
  }
}

TEST_CASE("a digit coming in while its source is replaced reaches the endpoint once and ends") {
  for (int after = 0; after < 200; after += 10) {
    CAPTURE(after);
    Detour call;
    call.use(call.router);
    call.router.talk_to(call.leg.streams[0].inner);
    call.world.loop.run_for(500ms);
    call.router.press('3', 6);
    call.world.loop.run_for(std::chrono::milliseconds(after));
    call.use(call.direct);
    call.direct.talk_to(call.leg.streams[0].inner);
    call.world.loop.run_for(2s);
    CHECK(call.a.keys() == std::vector<char>{'3'});
    CHECK(find_breaks(call.a.heard).sequence == 0);
  }
}

TEST_CASE("a long digit cut by a move is ended for the place it was going to") {
  Detour call;
  call.use(call.router);
  call.router.talk_to(call.leg.streams[0].inner);
  call.world.loop.run_for(500ms);
  call.a.press('9', 100);  // two seconds
  call.world.loop.run_for(200ms);
  (void)call.world.connect(call.leg, {.kind = Path::Kind::idle});
  call.world.loop.run_for(3s);
  CHECK(call.router.keys() == std::vector<char>{'9'});
  REQUIRE(call.world.told<event::Digit>(call.leg).size() == 1);
  CHECK(call.world.told<event::Digit>(call.leg)[0].length == 2s);
}

TEST_CASE("a path that never delivers is switched to at the deadline, told as not proven, and noise fills the gap") {
  Detour call;
  call.use(call.direct);
  call.direct.talk_to(call.leg.streams[0].inner);
  call.world.loop.run_for(1s);
  call.world.events.clear();
  const AnchorInfo other = call.world.allocate("b");
  (void)call.world.connect(call.leg, {.kind = Path::Kind::bridge, .peer = other.id});
  call.world.loop.run_for(2s);
  const auto moved = call.world.told<event::Moved>(call.leg);
  REQUIRE(moved.size() == 1);
  CHECK(!moved[0].report.was_proven);
  CHECK(moved[0].report.gap_ms <= 80);
  io::Instant last = call.a.heard.front().at;
  for (const auto& one : call.a.heard) {
    CHECK(one.at - last <= 100ms);
    last = one.at;
  }
  CHECK(call.world.loop.now() - last <= 40ms);
}

TEST_CASE("after a leg has left, its voice goes nowhere but to its new path") {
  Detour call;
  Phone b(call.world.loop, call.world.net, "192.0.2.20", 444);
  const AnchorInfo other = call.world.allocate("b");
  call.world.set_remote(other, Side::outer, b.local());
  b.talk_to(other.streams[0].outer);
  (void)call.world.connect(call.leg, {.kind = Path::Kind::bridge, .peer = other.id});
  call.world.loop.run_for(1s);
  call.use(call.router);
  call.router.talk_to(call.leg.streams[0].inner);
  call.world.loop.run_for(300ms);
  b.heard.clear();
  call.router.heard.clear();
  call.world.loop.run_for(1s);
  size_t of_a = 0;
  for (const auto& one : b.heard) of_a += one.number() > 0 && one.number() < 100'000;
  CHECK(of_a == 0);
  CHECK(b.heard.size() > 45);  // noise: its own path is idle now
  CHECK(call.router.heard.size() > 45);
}

TEST_CASE("a released leg's peer hears noise, and its ports answer nobody") {
  Detour call;
  Phone b(call.world.loop, call.world.net, "192.0.2.20", 444);
  const AnchorInfo other = call.world.allocate("b");
  call.world.set_remote(other, Side::outer, b.local());
  b.talk_to(other.streams[0].outer);
  (void)call.world.connect(call.leg, {.kind = Path::Kind::bridge, .peer = other.id});
  call.world.loop.run_for(1s);
  call.world.node->release(call.leg.id);
  const size_t heard = b.heard.size();
  call.world.loop.run_for(1s);
  CHECK(b.heard.size() - heard > 40);
  CHECK(call.a.heard.back().at <= call.world.loop.now() - 900ms);
  CHECK(find_breaks(b.heard).sequence == 0);
}

TEST_CASE("armed paths open by one word") {
  Detour call;
  Phone b(call.world.loop, call.world.net, "192.0.2.20", 444);
  const AnchorInfo other = call.world.allocate("b");
  call.world.set_remote(other, Side::outer, b.local());
  b.talk_to(other.streams[0].outer);
  CHECK(call.world.wait(call.world.node->arm(call.leg.id, {.kind = Path::Kind::bridge, .peer = other.id})));
  call.world.loop.run_for(200ms);
  CHECK(b.heard.empty());
  call.world.node->open(call.leg.id);
  call.world.loop.run_for(100ms);
  CHECK(b.heard.size() >= 4);
}
