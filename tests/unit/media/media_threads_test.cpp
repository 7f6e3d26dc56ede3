#include <doctest/doctest.h>

#include <filesystem>

#include "unit/media/real_node.hpp"

using namespace nearend;
using namespace nearend::media;
using namespace nearend::media::test;

namespace {

const Path idle{.kind = Path::Kind::idle};

Path bridge(const AnchorInfo& peer) {
  return {.kind = Path::Kind::bridge, .peer = peer.id};
}

/// Steps that no receiver should see: another SSRC, a number that is not the next.
size_t breaks(const std::vector<rtp::Packet>& heard) {
  size_t count = 0;
  for (size_t i = 1; i < heard.size(); ++i)
    count +=
        heard[i].ssrc != heard[i - 1].ssrc || heard[i].sequence != static_cast<uint16_t>(heard[i - 1].sequence + 1);
  return count;
}

}  // namespace

TEST_CASE("legs that began on two media threads are bridged on one, and what each hears goes on without a step") {
  RealNode node({.port_first = 31400, .port_last = 31599, .cores = 2});
  const AnchorInfo a = node.leg("a", node.a->local()), b = node.leg("b", node.b->local());
  for (const AnchorInfo* leg : {&a, &b}) REQUIRE(node.wait(node.control().connect(leg->id, idle)));
  REQUIRE(node.run_until([&] { return node.heard_a.size() > 5 && node.heard_b.size() > 5; }));
  REQUIRE(node.wait(node.control().connect(a.id, bridge(b))));
  for (uint16_t i = 1; i <= 20; ++i) {
    node.say(*node.a, a.streams[0].outer, i);
    node.say(*node.b, b.streams[0].outer, i);
    node.world.loop.run_for(20ms);
  }
  REQUIRE(node.run_until([&] { return node.told<event::Moved>(a.id) && node.told<event::Moved>(b.id); }));
  CHECK(node.told<event::Moved>(b.id)->report.was_proven);
  CHECK(breaks(node.heard_a) == 0);
  CHECK(breaks(node.heard_b) == 0);
  for (const AnchorInfo* leg : {&a, &b}) {
    auto stats = node.wait(node.control().stats(leg->id));
    // The last of them may lie in its socket yet.
    for (int tries = 0; tries < 100 && stats && (*stats)[0].packets_in < 20; ++tries) {
      node.world.loop.run_for(20ms);
      stats = node.wait(node.control().stats(leg->id));
    }
    REQUIRE(stats);
    CHECK((*stats)[0].packets_in == 20);
    CHECK((*stats)[0].packets_out >= 20);
  }
}

TEST_CASE("a prompt goes on across a change of threads, and so does the recording of two legs that makes it") {
  const std::string directory = scratch("threads");
  RealNode node({.port_first = 31600, .port_last = 31799, .recordings = directory, .cores = 2});
  const AnchorInfo a = node.leg("a", node.a->local()), b = node.leg("b", node.b->local());
  const Source tone{.kind = Source::Kind::tone, .value = "ringback/us", .length = 600ms};
  REQUIRE(node.wait(node.control().play(b.id, {.sources = {tone}})));
  REQUIRE(node.run_until([&] { return node.heard_b.size() > 5; }));
  const auto job = node.wait(node.control().record(a.id, {.legs = {a.id, b.id}, .is_dual = true, .path_hint = "RE1"}));
  REQUIRE(job);
  REQUIRE(node.run_until([&] { return node.told<event::PlayEnded>(b.id) != nullptr; }));
  CHECK(!node.told<event::PlayEnded>(b.id)->was_stopped);
  CHECK(node.told<event::PlayEnded>(b.id)->played == 600ms);
  CHECK(breaks(node.heard_b) == 0);
  node.control().stop(a.id, *job);
  REQUIRE(node.run_until([&] { return node.told<event::RecordEnded>(a.id) != nullptr; }));
  CHECK(node.told<event::RecordEnded>(a.id)->reason == "stopped");
  CHECK(node.told<event::RecordEnded>(a.id)->channels == 2);
  std::filesystem::remove_all(directory);
}

TEST_CASE("a recording that runs goes with its leg to another thread and ends there with the leg") {
  const std::string directory = scratch("threads-record");
  RealNode node({.port_first = 31800, .port_last = 31999, .recordings = directory, .cores = 2});
  const AnchorInfo a = node.leg("a", node.a->local()), b = node.leg("b", node.b->local());
  REQUIRE(node.wait(node.control().record(b.id, {.path_hint = "RE2"})));
  for (uint16_t i = 1; i <= 40; ++i) {
    node.say(*node.b, b.streams[0].outer, i);
    node.world.loop.run_for(10ms);
    if (i == 20) REQUIRE(node.wait(node.control().connect(a.id, bridge(b))));
  }
  node.control().release(b.id);
  REQUIRE(node.run_until([&] { return node.told<event::RecordEnded>(b.id) != nullptr; }));
  CHECK(node.told<event::RecordEnded>(b.id)->reason == "hangup");
  CHECK(node.told<event::RecordEnded>(b.id)->length > 300ms);
  std::filesystem::remove_all(directory);
}

TEST_CASE("legs of three media threads sit in one room, and leave it for a bridge") {
  RealNode node({.port_first = 32400, .port_last = 32799, .cores = 3});
  std::vector<AnchorInfo> legs;
  for (int i = 0; i < 6; ++i) {
    legs.push_back(node.leg(fmt::format("leg{}", i), i == 1 ? node.b->local() : node.a->local()));
    REQUIRE(node.wait(node.control().seat(legs.back().id, {.room = "CF1"})));
  }
  for (uint16_t i = 1; i <= 25; ++i) {
    for (const AnchorInfo& leg : legs) node.say(leg.id == legs[1].id ? *node.b : *node.a, leg.streams[0].outer, i);
    node.world.loop.run_for(20ms);
  }
  for (const AnchorInfo& leg : legs) {
    const auto stats = node.wait(node.control().stats(leg.id));
    REQUIRE(stats);
    CHECK((*stats)[0].packets_in == 25);
    CHECK((*stats)[0].packets_out > 20);
    CHECK((*stats)[0].buffer_ms);
  }
  REQUIRE(node.wait(node.control().connect(legs[1].id, bridge(legs[2]))));
  for (size_t i = 3; i < legs.size(); ++i) node.control().release(legs[i].id);
  REQUIRE(node.run_until([&] { return node.told<event::Moved>(legs[2].id) != nullptr; }));
  CHECK(breaks(node.heard_b) == 0);
}

TEST_CASE("legs that are bridged anew all the time over three threads keep their streams, and all can be let go of") {
  RealNode node({.port_first = 32000, .port_last = 32399, .cores = 3});
  std::vector<AnchorInfo> legs;
  std::map<AnchorId, uint64_t> said;
  uint64_t state = 7;
  const auto draw = [&](size_t below) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<size_t>(state >> 33) % below;
  };
  uint16_t number = 0;
  size_t made = 0;
  for (int round = 0; round < 120; ++round) {
    while (legs.size() < 8) legs.push_back(node.leg(fmt::format("leg{}", ++made), node.a->local()));
    const AnchorInfo& one = legs[draw(legs.size())];
    const AnchorInfo& other = legs[draw(legs.size())];
    if (one.id != other.id) REQUIRE(node.wait(node.control().connect(one.id, bridge(other))));
    ++number;
    for (const AnchorInfo& leg : legs) node.say(*node.a, leg.streams[0].outer, number);
    for (const AnchorInfo& leg : legs) ++said[leg.id];
    node.world.loop.run_for(2ms);
    if (round % 10 == 9) {
      const size_t gone = draw(legs.size());
      node.control().release(legs[gone].id);
      legs.erase(legs.begin() + static_cast<std::ptrdiff_t>(gone));
    }
  }
  for (const AnchorInfo& leg : legs) {
    REQUIRE(node.run_until([&] {
      const auto stats = node.wait(node.control().stats(leg.id));
      return stats && (*stats)[0].packets_in == said[leg.id];
    }));
  }
}

TEST_CASE("a node whose threads have much to hand over can be taken down at once") {
  RealNode node({.port_first = 32400, .port_last = 32599, .cores = 4});
  std::vector<AnchorInfo> legs;
  for (int i = 0; i < 12; ++i) legs.push_back(node.leg(fmt::format("leg{}", i), node.a->local()));
  io::Scope scope(node.world.loop);
  for (size_t i = 0; i + 1 < legs.size(); ++i)
    scope.spawn([](Control& control, AnchorId id, Path path) -> Task<void> {
      auto connected = co_await control.connect(id, path);
      CHECK(connected);
    }(node.control(), legs[i].id, bridge(legs[i + 1])));
  node.node.reset();
}

TEST_CASE("the number of media threads is checked") {
  CHECK(NodeSettings{.cores = 4}.checked());
  CHECK(!NodeSettings{.cores = 0}.checked());
  CHECK(!NodeSettings{.cores = 65}.checked());
}
