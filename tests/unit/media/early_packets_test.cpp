#include <doctest/doctest.h>

#include <algorithm>

#include "unit/media/virtual_world.hpp"

using namespace nearend;
using namespace nearend::media;
using namespace nearend::media::test;

namespace {

/// A caller on one anchor, and a callee who speaks before the node knows his address.
struct Answer {
  World world;
  Phone caller{world.loop, world.net, "192.0.2.10", 111}, callee{world.loop, world.net, "192.0.2.20", 222};
  AnchorInfo leg_a = world.allocate("a"), leg_b = world.allocate("b");

  Answer() {
    world.set_remote(leg_a, Side::outer, caller.local());
    callee.aim(leg_b.streams[0].outer);
  }
  void connect() {
    world.set_remote(leg_b, Side::outer, callee.local());
    (void)world.connect(leg_a, {.kind = Path::Kind::bridge, .peer = leg_b.id});
    world.loop.run_for(10ms);
  }
};

}  // namespace

TEST_CASE("what the callee says between his answer and its arrival in signalling is heard") {
  Answer answer;
  answer.callee.say(1);
  answer.world.loop.run_for(20ms);
  answer.callee.say(2);
  answer.world.loop.run_for(15ms);
  answer.connect();
  REQUIRE(answer.caller.heard.size() == 2);
  CHECK(answer.caller.heard[0].number() == 1);
  CHECK(answer.caller.heard[1].number() == 2);
}

TEST_CASE("what is older than the hold, or a stranger's, is not heard") {
  Answer answer;
  answer.callee.say(1);
  answer.world.loop.run_for(70ms);
  Phone stranger(answer.world.loop, answer.world.net, "192.0.2.66", 666);
  stranger.aim(answer.leg_b.streams[0].outer);
  stranger.say(7);
  answer.world.loop.run_for(10ms);
  answer.connect();
  CHECK(answer.caller.heard.empty());
}

TEST_CASE("a flood before the answer costs three places, and speech after it flows") {
  Answer answer;
  Phone stranger(answer.world.loop, answer.world.net, "192.0.2.66", 666);
  stranger.aim(answer.leg_b.streams[0].outer);
  for (uint32_t i = 0; i < 50; ++i) stranger.say(i);
  answer.world.loop.run_for(5ms);
  answer.connect();
  answer.callee.say(1);
  answer.world.loop.run_for(5ms);
  REQUIRE(answer.caller.heard.size() == 1);
  CHECK(answer.caller.heard[0].number() == 1);
}

TEST_CASE("what the caller said just before the path opens reaches the callee, once, and what is older does not") {
  Answer answer;
  answer.caller.aim(answer.leg_a.streams[0].outer);
  answer.caller.say(1);
  answer.world.loop.run_for(20ms);
  answer.caller.say(2);
  answer.world.loop.run_for(4ms);
  answer.connect();
  answer.caller.say(3);
  answer.world.loop.run_for(5ms);
  REQUIRE(answer.callee.heard.size() == 2);
  CHECK(answer.callee.heard[0].number() == 2);
  CHECK(answer.callee.heard[1].number() == 3);
}

TEST_CASE("a path that was armed under another one opens with the last words, and the old path hears them once") {
  Answer answer;
  Phone router(answer.world.loop, answer.world.net, "192.0.2.30", 333);
  answer.caller.aim(answer.leg_a.streams[0].outer);
  answer.world.set_remote(answer.leg_a, Side::inner, router.local());
  (void)answer.world.connect(answer.leg_a, {.kind = Path::Kind::inner});
  answer.world.set_remote(answer.leg_b, Side::outer, answer.callee.local());
  (void)answer.world.arm(answer.leg_b, {.kind = Path::Kind::bridge, .peer = answer.leg_a.id});
  answer.world.loop.run_for(30ms);
  answer.caller.say(1);
  answer.world.loop.run_for(5ms);
  CHECK(answer.callee.heard.empty());
  answer.world.node->open(answer.leg_b.id);
  answer.world.loop.run_for(10ms);
  REQUIRE(answer.callee.heard.size() == 1);
  CHECK(answer.callee.heard[0].number() == 1);
  CHECK(router.heard.size() == 1);
}

TEST_CASE("ring-back that yields ends with the first packet of the path, which is heard") {
  Answer answer;
  Phone peer(answer.world.loop, answer.world.net, "192.0.2.40", 444);
  answer.world.set_remote(answer.leg_a, Side::inner, peer.local());
  (void)answer.world.connect(answer.leg_a, {.kind = Path::Kind::inner});
  media::PlayRequest ring{.is_yielding = true};
  ring.sources.push_back({.kind = Source::Kind::tone, .value = "ringback/us", .loop = 0});
  REQUIRE(answer.world.wait(answer.world.node->play(answer.leg_a.id, std::move(ring))));
  answer.world.loop.run_for(500ms);
  peer.aim(answer.leg_a.streams[0].inner);
  const size_t before = answer.caller.heard.size();
  peer.say(1);
  answer.world.loop.run_for(100ms);
  const auto heard = std::span(answer.caller.heard).subspan(before);
  CHECK(std::ranges::count_if(heard, [](const auto& packet) { return packet.number() == 1; }) == 1);
  const auto ended = answer.world.told<event::PlayEnded>(answer.leg_a);
  REQUIRE(ended.size() == 1);
  CHECK(ended[0].was_stopped);
}
