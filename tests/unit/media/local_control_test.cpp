#include <doctest/doctest.h>

#include <filesystem>

#include "unit/media/real_node.hpp"

using namespace nearend;
using namespace nearend::media;
using namespace nearend::media::test;

TEST_CASE("the media thread carries a bridged talk over real sockets") {
  RealNode node({.port_first = 31000, .port_last = 31199});
  const AnchorInfo a = node.leg("a", node.a->local()), b = node.leg("b", node.b->local());
  REQUIRE(node.wait(node.control().connect(a.id, {.kind = Path::Kind::bridge, .peer = b.id})));
  for (uint16_t i = 1; i <= 40; ++i) {  // faster than life, so no more than a second of it
    node.say(*node.a, a.streams[0].outer, i);
    REQUIRE(node.run_until([&] { return node.last_b() == i; }));
  }
  const auto stats = node.wait(node.control().stats(a.id));
  REQUIRE(stats);
  CHECK((*stats)[0].packets_in == 40);
  CHECK(node.run_until([&] { return node.told<event::Moved>(b.id) != nullptr; }));
  node.control().release(a.id);
  const auto gone = node.wait(node.control().stats(a.id));
  CHECK(!gone);
}

TEST_CASE("a prompt is spoken on a worker, played, recorded and read back") {
  const std::string directory = scratch("speech");
  RealNode node({.port_first = 31200, .port_last = 31299, .recordings = directory, .cache = directory + "/cache"});
  const AnchorInfo a = node.leg("a", node.a->local());
  REQUIRE(node.wait(node.control().record(a.id, {.path_hint = "RE1"})));
  const auto job = node.wait(node.control().play(a.id, {.sources = {{.kind = Source::Kind::speech, .value = "Hi"}}}));
  REQUIRE(job);
  REQUIRE(node.run_until([&] { return node.told<event::PlayEnded>(a.id) != nullptr; }, 15s));
  const auto* ended = node.told<event::PlayEnded>(a.id);
  CHECK(!ended->error);
  CHECK(ended->played > 200ms);
  CHECK(node.heard_a.size() > 10);
  CHECK(std::filesystem::exists(directory + "/cache/speech"));
  node.control().release(a.id);
  REQUIRE(node.run_until([&] { return node.told<event::RecordEnded>(a.id) != nullptr; }));
  CHECK(node.told<event::RecordEnded>(a.id)->reason == "hangup");
  CHECK(std::filesystem::exists(directory + "/RE1.wav"));
  std::filesystem::remove_all(directory);
}

TEST_CASE("a range of ports that is used up answers unavailable, and freed ports rest before they are given out") {
  World world({.port_first = 20000, .port_last = 20019});  // ten pairs, two a leg
  std::vector<AnchorInfo> legs;
  for (int i = 0; i < 5; ++i) {
    legs.push_back(world.allocate(fmt::format("leg{}", i)));
    CHECK(legs.back().id != AnchorId::none);
  }
  AllocateRequest request;
  request.leg = "too many";
  auto refused = world.wait(world.node->allocate(request));
  REQUIRE(!refused);
  CHECK(refused.error().kind == Error::Kind::unavailable);
  CHECK(world.net.bound_count() == 20);

  world.node->release(legs[0].id);
  CHECK(world.net.bound_count() == 16);
  refused = world.wait(world.node->allocate(request));
  CHECK(!refused);
  world.loop.run_for(1500ms);
  refused = world.wait(world.node->allocate(request));
  CHECK(!refused);
  world.loop.run_for(3s);
  CHECK(world.wait(world.node->allocate(request)));
}

TEST_CASE("the same leg is given the same anchor, and a need the node lacks is refused") {
  World world;
  const AnchorInfo first = world.allocate("leg"), second = world.allocate("leg");
  CHECK(first.id == second.id);
  AllocateRequest request;
  request.leg = "other";
  request.needs = {"amd"};
  const auto refused = world.wait(world.node->allocate(request));
  REQUIRE(!refused);
  CHECK(refused.error().kind == Error::Kind::unsupported);
}

TEST_CASE("a lease that nobody renews ends the anchor and says so; any command renews it") {
  World world;
  AllocateRequest request;
  request.leg = "leased";
  request.lease = 10s;
  const auto info = world.wait(world.node->allocate(request));
  REQUIRE(info);
  for (int i = 0; i < 5; ++i) {
    world.loop.run_for(8s);
    CHECK(world.wait(world.node->stats(info->id)));
  }
  world.loop.run_for(13s);
  REQUIRE(world.told<event::Lost>(*info).size() == 1);
  CHECK(world.net.bound_count() == 0);
  CHECK(!world.wait(world.node->stats(info->id)));
}
