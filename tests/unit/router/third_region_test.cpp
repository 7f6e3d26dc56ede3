#include "unit/router/dial_bench.hpp"

// Media nodes of regions that have neither an endpoint nor the router.

namespace nearend::router::test {
namespace {

/// A caller in a region that cannot play, and a third one that can, nearer than the router.
struct Prompts : Bench {
  Prompts() : near(*this, "eu-gw1", "eu/de1", "198.51.100.7:5070", {"bridge"}) {
    add_gateway("eu-gw1", "eu/de1", "198.51.100.7:5070", {"+4"}, {"bridge"});
    policy.resource = policy::ResourceAnswer{"af/za1", false, "eu/de1 has no play; af/za1 adds least"};
    router.add_relay("af/za1", third);
    verbs = [this](Call& call) { return say_twice(call); };
  }
  Task<void> say_twice(Call& call) {
    auto answered = co_await call.answer();
    if (!answered) co_return;
    for (const char* text : {"hello", "good bye"}) {
      media::PlayRequest play;
      play.sources.push_back({.kind = media::Source::Kind::speech, .value = text});
      played = co_await call.play(std::move(play));
    }
  }
  static void end_play(FakeMedia& at, uint64_t anchor) {
    at.tell(media::AnchorId{anchor}, media::event::PlayEnded{.job = media::JobId{at.jobs_made}, .error = {}});
  }

  FakeGateway near;
  std::optional<call::PlayResult> played;
};

/// A talk whose media goes by the third region.
struct RelayedTalk : DialBench {
  RelayedTalk() {
    router.add_relay("af/za1", third);
    talk();
    near.say(near.caller, "reroute",
             R"({"hops":[{"gateway":"eu-gw1","region":"eu/de1"},{"gateway":"af-gw","region":"af/za1"},)"
             R"({"gateway":"eu-gw2","region":"eu/ie1"}],"seen":{}})");
    world.run(300ms);
  }
};

TEST_CASE("prompts run in the third region that the policy server names, and recordings at the router") {
  Prompts bench;
  bench.near.call();
  bench.world.run(200ms);
  CHECK(bench.third.has("1 play hello"));
  CHECK(bench.near.body_of("200").contains("198.51.100.77"));
  CHECK(bench.media.anchors_made == 0);
  Prompts::end_play(bench.third, 1);
  bench.world.run(200ms);
  CHECK(bench.third.has("1 play good bye"));
  CHECK(bench.third.anchors_made == 1);
  Prompts::end_play(bench.third, 1);
  bench.world.run(2s);
  CHECK(bench.played);
  CHECK(bench.third.anchors_held == 0);
  CHECK(bench.is_clean());
}

TEST_CASE("a third region's node that is lost is left for the router's, and the prompt is heard from its beginning") {
  Prompts bench;
  bench.near.call();
  bench.world.run(200ms);
  REQUIRE(bench.third.has("1 play hello"));
  bench.third.tell(media::AnchorId{1}, media::event::Lost{"media node lost", 700ms});
  bench.world.run(500ms);
  CHECK(bench.media.has("1 play hello"));
  CHECK(bench.near.count("INVITE anchor") == 1);
  Prompts::end_play(bench.media, 1);
  bench.world.run(200ms);
  CHECK(bench.media.has("1 play good bye"));
  Prompts::end_play(bench.media, 1);
  bench.world.run(2s);
  CHECK(bench.played);
  CHECK(bench.is_clean());
}

TEST_CASE("prompts that a third region has no room for run at the router") {
  Prompts bench;
  bench.third.is_full = true;
  bench.near.call();
  bench.world.run(500ms);
  CHECK(bench.media.has("1 play hello"));
}

TEST_CASE("a talk whose relay's media node dies goes between its gateways again") {
  RelayedTalk bench;
  REQUIRE(bench.near.count("INVITE bridge") == 1);
  REQUIRE(bench.far.count("INVITE bridge") == 1);
  CHECK(bench.near.body_of("INVITE bridge").contains("198.51.100.77"));
  CHECK(bench.third.anchors_held == 2);
  bench.world.run(1s);
  for (const uint64_t anchor : {1, 2})
    bench.third.tell(media::AnchorId{anchor}, media::event::Lost{"media node lost", 700ms});
  bench.world.run(2s);
  CHECK(bench.near.count("INVITE bridge") == 2);
  CHECK(bench.far.count("INVITE bridge") == 2);
  CHECK_FALSE(bench.near.body_of("INVITE bridge").contains("198.51.100.77"));
  CHECK(bench.third.anchors_held == 0);
  const auto rerouted = bench.kept("rerouted");
  REQUIRE(rerouted.size() == 2);
  CHECK(rerouted[1].contains("the media node of af-gw is gone"));
  bench.far.bye(bench.far.callee);
  bench.world.run(2s);
  CHECK(bench.is_clean());
}

TEST_CASE("gateways that refuse to leave a dead relay are asked once, not for ever") {
  RelayedTalk bench;
  bench.near.refusals["bridge"] = 500;
  for (const uint64_t anchor : {1, 2})
    bench.third.tell(media::AnchorId{anchor}, media::event::Lost{"media node lost", 700ms});
  bench.world.run(5s);
  CHECK(bench.near.count("INVITE bridge") <= 4);
  CHECK(bench.kept("reroute-failed").size() == 1);
}

}  // namespace
}  // namespace nearend::router::test
