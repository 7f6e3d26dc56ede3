#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>

#include "media/node_fleet.hpp"
#include "media_server/server.hpp"
#include "unit/media/virtual_world.hpp"
#include "unit/media_server/wire.hpp"

using namespace nearend;
using namespace nearend::media;
using namespace nearend::media::test;
using nearend::media_server::test::NoDns;
using nearend::media_server::test::Wire;

namespace {

/// One node apart: its process is `server` and `node`.
struct Far {
  Far(World& world, io::World outside, NodeSettings settings, std::string url)
      : wire(world.loop), node(world.loop, world.net, std::move(settings), *world.loader), name(std::move(url)) {
    server = std::make_unique<media_server::Server>(media_server::Settings{}, outside, wire, node);
    REQUIRE(server->start());
  }
  std::unique_ptr<HttpControl> control(World& world) {
    return std::make_unique<HttpControl>(world.loop, wire, HttpControl::Settings{.url = name, .client = "gateway/eu"});
  }
  Wire wire;
  LoopControl node;
  std::string name;
  std::unique_ptr<media_server::Server> server;
};

/// Three nodes and who uses them.
struct Fleet {
  Fleet() {
    const std::vector<std::string> all{"bridge", "play", "tts", "record", "collect", "mix"};
    add({.port_first = 20000, .port_last = 20399, .capabilities = all, .anchors_max = 40});
    add({.port_first = 21000, .port_last = 21399, .capabilities = all, .anchors_max = 40});
    add({.port_first = 22000, .port_last = 22399, .capabilities = {"bridge"}, .anchors_max = 40});
    begin();
    world.loop.run_for(1s);
  }
  void add(NodeSettings settings) {
    far.push_back(std::make_unique<Far>(world, outside, std::move(settings), fmt::format("http://node{}", far.size())));
  }
  void begin() {
    std::vector<std::unique_ptr<HttpControl>> controls;
    for (auto& one : far) controls.push_back(one->control(world));
    fleet = std::make_unique<NodeFleet>(world.loop, std::move(controls));
    fleet->set_event_handler([this](AnchorId id, Event event) {
      if (const auto* one = std::get_if<event::Lost>(&event)) lost.emplace_back(id, *one);
    });
  }
  Result<AnchorInfo> leg(std::string call, std::string leg, std::vector<std::string> wants = {"play"}) {
    AllocateRequest request{.call = std::move(call), .leg = std::move(leg), .needs = {}, .lease = {}};
    request.wants = std::move(wants);
    return world.wait(fleet->allocate(std::move(request)));
  }
  World world;
  NoDns dns;
  io::World outside{world.loop, world.net, dns};
  std::vector<std::unique_ptr<Far>> far;
  std::unique_ptr<NodeFleet> fleet;
  std::vector<std::pair<AnchorId, event::Lost>> lost;
};

}  // namespace

TEST_CASE("calls are spread over the nodes that can do what is wanted, all legs of a call on one") {
  Fleet fleet;
  std::map<std::string, int> legs;
  for (int i = 0; i < 10; ++i) {
    const auto first = fleet.leg(fmt::format("CA{}", i), fmt::format("a{}", i));
    const auto second = fleet.leg(fmt::format("CA{}", i), fmt::format("b{}", i));
    REQUIRE(first);
    REQUIRE(second);
    CHECK(first->node == second->node);
    CHECK(fleet.world.wait(fleet.fleet->connect(first->id, {.kind = Path::Kind::bridge, .peer = second->id})));
    legs[first->node] += 2;
  }
  CHECK(legs["http://node0"] == 10);
  CHECK(legs["http://node1"] == 10);
  CHECK(legs["http://node2"] == 0);
  const auto plain = fleet.leg("CAx", "x", {"bridge"});
  REQUIRE(plain);
  CHECK(plain->node == "http://node2");
}

TEST_CASE("what no node can do is refused by name, and so are calls above what all can hold") {
  Fleet fleet;
  AllocateRequest request{.call = "CA1", .leg = "a", .needs = {"stream"}, .lease = {}};
  const auto refused = fleet.world.wait(fleet.fleet->allocate(request));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Error::Kind::unsupported);
  CHECK(refused.error().text.contains("stream"));
  int taken = 0;
  Result<AnchorInfo> last;
  while ((last = fleet.leg(fmt::format("CA{}", taken), fmt::format("l{}", taken)))) ++taken;
  CHECK(taken == 120);
  CHECK(last.error().kind == Error::Kind::unavailable);
  CHECK(last.error().text.contains("40"));
}

TEST_CASE("a node that falls silent loses its calls to another within two seconds, the others are not touched") {
  Fleet fleet;
  std::vector<AnchorInfo> calls;
  for (int i = 0; i < 6; ++i) calls.push_back(*fleet.leg(fmt::format("CA{}", i), fmt::format("a{}", i)));
  const std::string dead = calls[0].node;
  for (auto& one : fleet.far)
    if (one->name == dead) one->wire.is_up = false;
  fleet.world.loop.run_for(1600ms);
  CHECK(fleet.lost.size() == 3);
  for (const auto& [anchor, event] : fleet.lost) {
    const auto call = std::ranges::find(calls, anchor, &AnchorInfo::id);
    REQUIRE(call != calls.end());
    CHECK(call->node == dead);
    CHECK(event.reason == "media node lost");
    CHECK(event.since >= 250ms);
    CHECK(event.since < 1600ms);
  }
  const auto again = fleet.leg("CA0", "a0");
  REQUIRE(again);
  CHECK(again->node != dead);
  CHECK(again->id != calls[0].id);

  SUBCASE("and frees what it still had when it is back") {
    for (auto& one : fleet.far) one->wire.is_up = true;
    fleet.world.loop.run_for(2s);
    for (auto& one : fleet.far)
      if (one->name == dead) CHECK(fleet.world.wait(one->node.state())->anchors == 0);
    CHECK(fleet.leg("CA9", "z")->node == dead);  // the emptiest
  }
}

TEST_CASE("a room is on one node: a leg elsewhere is refused until the room is left") {
  Fleet fleet;
  const auto first = fleet.leg("CA1", "a");
  const auto second = fleet.leg("CA2", "b");
  REQUIRE(first);
  REQUIRE(second);
  REQUIRE(first->node != second->node);
  REQUIRE(fleet.world.wait(fleet.fleet->seat(first->id, {.room = "board"})));
  const auto split = fleet.world.wait(fleet.fleet->seat(second->id, {.room = "board"}));
  REQUIRE_FALSE(split);
  CHECK(split.error().text.contains("room board is on another media node"));
  fleet.fleet->release(first->id);
  CHECK(fleet.world.wait(fleet.fleet->seat(second->id, {.room = "board"})));
}

TEST_CASE("while no other node is there, an unreachable one keeps its calls") {
  Fleet fleet;
  const auto call = fleet.leg("CA1", "a");
  REQUIRE(call);
  for (auto& one : fleet.far) one->wire.is_up = false;
  fleet.world.loop.run_for(10s);
  CHECK(fleet.lost.empty());
  for (auto& one : fleet.far) one->wire.is_up = true;
  fleet.world.loop.run_for(2s);
  CHECK(fleet.lost.empty());
  CHECK(fleet.world.wait(fleet.fleet->stats(call->id)));
}

TEST_CASE("media outlives a restart of who uses it: its legs are taken up again, or end with their lease") {
  Fleet fleet;
  const auto kept = fleet.leg("CA1", "kept");
  const auto left = fleet.leg("CA1", "left");
  Phone phone(fleet.world.loop, fleet.world.net, "192.0.2.10", 111),
      other(fleet.world.loop, fleet.world.net, "192.0.2.20", 222);
  REQUIRE(fleet.world.wait(
      fleet.fleet->set_remote(kept->id, Side::outer, {.rtp = phone.local(), .formats = telephone_formats()})));
  REQUIRE(fleet.world.wait(
      fleet.fleet->set_remote(left->id, Side::outer, {.rtp = other.local(), .formats = telephone_formats()})));
  REQUIRE(fleet.world.wait(fleet.fleet->connect(kept->id, {.kind = Path::Kind::bridge, .peer = left->id})));
  phone.talk_to(kept->streams[0].outer);
  fleet.world.loop.run_for(2s);
  fleet.fleet.reset();
  const size_t heard = other.heard.size();
  fleet.world.loop.run_for(2s);
  CHECK(other.heard.size() >= heard + 99);  // nobody signals, and they talk on

  // The same one, by the node that has it.
  Far& holder = kept->node == fleet.far[0]->name ? *fleet.far[0] : *fleet.far[1];
  std::vector<std::unique_ptr<HttpControl>> one;
  one.push_back(holder.control(fleet.world));
  fleet.fleet = std::make_unique<NodeFleet>(fleet.world.loop, std::move(one));
  fleet.world.loop.run_for(1s);
  auto again = fleet.leg("CA1", "kept");
  REQUIRE(again);
  CHECK(again->streams[0].outer == kept->streams[0].outer);  // the same ports
  fleet.world.loop.run_for(200s);
  CHECK(fleet.world.wait(fleet.fleet->stats(again->id)));
  CHECK(fleet.world.wait(holder.node.state())->anchors == 1);
}

TEST_CASE("a command whose answer was lost is asked again and done once") {
  Fleet fleet;
  const auto call = fleet.leg("CA1", "a");
  REQUIRE(call);
  Wire& wire = fleet.far[0]->name == call->node ? fleet.far[0]->wire : fleet.far[1]->wire;
  wire.requests.clear();
  wire.answers_lost = 2;
  const PlayRequest beep{.sources = {{.kind = Source::Kind::tone, .value = "beep", .length = 5s}}};
  const auto job = fleet.world.wait(fleet.fleet->play(call->id, beep));
  REQUIRE(job);
  CHECK(std::ranges::count_if(wire.requests, [](const std::string& r) { return r.ends_with("/play"); }) == 3);
  const auto next = fleet.world.wait(fleet.fleet->play(call->id, beep));
  REQUIRE(next);
  CHECK(static_cast<uint64_t>(*next) == static_cast<uint64_t>(*job) + 1);  // jobs are counted
}

TEST_CASE("a key that was used for another request is refused") {
  Fleet fleet;
  const auto post = [&](std::string url) {
    http::Request request{
        .method = "POST", .url = std::move(url), .headers = {{"Idempotency-Key", "k1"}}, .body = "{}"};
    return fleet.world.wait(fleet.far[0]->wire.send(std::move(request)))->status;
  };
  CHECK(post("http://node0/v1/media/prefetch") == 400);  // no url, and so it is the second time
  CHECK(post("http://node0/v1/media/prefetch") == 400);
  CHECK(post("http://node0/v1/media/anchors") == 400);
  http::Request request{.url = "http://node0/v1/media/anchors?client=gateway/eu"};
  const auto listed = fleet.world.wait(fleet.far[0]->wire.send(std::move(request)));
  CHECK(listed->body == R"({"anchors":[]})");
}

TEST_CASE("a client is told the seconds of its own legs on every node, and nobody else's") {
  Fleet fleet;
  std::vector<AnchorInfo> legs;
  for (int i = 0; i < 4; ++i) legs.push_back(*fleet.leg(fmt::format("CA{}", i), fmt::format("a{}", i)));
  HttpControl other(fleet.world.loop, fleet.far[0]->wire, {.url = fleet.far[0]->name, .client = "gateway/us"});
  fleet.world.loop.run_for(1s);
  REQUIRE(fleet.world.wait(other.allocate({.call = "CAx", .leg = "x", .lease = {}})));
  (void)fleet.world.wait(fleet.fleet->seconds());
  (void)fleet.world.wait(other.seconds());
  std::vector<std::unique_ptr<Phone>> phones;
  for (int i = 0; i < 4; ++i) {
    phones.push_back(std::make_unique<Phone>(
        fleet.world.loop, fleet.world.net, fmt::format("192.0.2.{}", 10 + i).c_str(), 100u + static_cast<unsigned>(i)));
    Remote remote{.rtp = phones.back()->local(), .formats = telephone_formats()};
    REQUIRE(fleet.world.wait(fleet.fleet->set_remote(legs[static_cast<size_t>(i)].id, Side::outer, remote)));
    phones.back()->talk_to(legs[static_cast<size_t>(i)].streams[0].outer);
  }
  std::map<AnchorId, uint32_t> packets;
  for (int second = 0; second < 4; ++second) {
    fleet.world.loop.run_for(1s);
    CHECK(fleet.world.wait(other.seconds())->empty());
    for (const LegSecond& one : *fleet.world.wait(fleet.fleet->seconds())) packets[one.anchor] += one.packets;
  }
  CHECK(packets.size() == 4);
  for (const AnchorInfo& leg : legs) CHECK(packets[leg.id] >= 100);
}
