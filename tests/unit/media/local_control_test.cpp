#include <doctest/doctest.h>

#include <filesystem>

#include "io/asio_world.hpp"
#include "media/audio_file.hpp"
#include "media/clip_loader.hpp"
#include "media/local_control.hpp"
#include "unit/media/virtual_world.hpp"

using namespace nearend;
using namespace nearend::media;
using namespace nearend::media::test;

namespace {

/// A real node on loopback, driven from an Asio loop.
struct Node {
  io::AsioWorld world;
  NodeSettings settings;
  std::unique_ptr<LocalNode> node;
  std::map<AnchorId, std::vector<Event>> events;
  std::unique_ptr<io::UdpSocket> a, b;
  size_t heard_a = 0, heard_b = 0;
  uint32_t last_b = 0;

  explicit Node(NodeSettings with = {}) : settings(std::move(with)) {
    node = std::make_unique<LocalNode>(world.loop, settings, nullptr);
    node->control().set_event_handler([this](AnchorId id, Event event) { events[id].push_back(std::move(event)); });
    a = *world.net.open_udp({IpAddress::loopback(), 0}, [this](const Endpoint&, io::Bytes) { ++heard_a; });
    b = *world.net.open_udp({IpAddress::loopback(), 0}, [this](const Endpoint&, io::Bytes bytes) {
      ++heard_b;
      if (bytes.size() >= 16) last_b = rtp::read32(&bytes[12]);
    });
  }
  template <class Done>
  bool run_until(Done is_done, milliseconds limit = 5000ms) {
    const auto end = world.loop.now() + limit;
    while (!is_done() && world.loop.now() < end) world.loop.run_for(5ms);
    return is_done();
  }
  template <class T>
  T wait(Task<T> task) {
    std::optional<T> out;
    io::Scope scope(world.loop);
    scope.spawn(keep(std::move(task), out));
    REQUIRE(run_until([&] { return out.has_value(); }));
    return std::move(*out);
  }
  AnchorInfo leg(const std::string& name, const Endpoint& phone) {
    AllocateRequest request;
    request.leg = name;
    auto info = wait(node->control().allocate(std::move(request)));
    REQUIRE(info);
    Remote remote{.rtp = phone, .formats = telephone_formats()};
    REQUIRE(wait(node->control().set_remote(info->id, Side::outer, std::move(remote))));
    return *info;
  }
  template <class T>
  const T* told(AnchorId id) {
    for (const Event& event : events[id])
      if (const T* one = std::get_if<T>(&event)) return one;
    return nullptr;
  }
  void say(io::UdpSocket& from, const Endpoint& to, uint16_t number) {
    std::array<uint8_t, 160> payload{};
    rtp::write32(payload.data(), number);
    std::array<uint8_t, 172> bytes;
    rtp::write_packet(bytes, {.sequence = number, .timestamp = number * 160u, .ssrc = 7, .payload = payload});
    from.send(to, bytes);
  }

 private:
  template <class T>
  static Task<void> keep(Task<T> task, std::optional<T>& out) {
    auto value = co_await task;
    out.emplace(std::move(value));
  }
};

std::string scratch(const char* name) {
  const auto path = std::filesystem::temp_directory_path() / fmt::format("nearend-{}-{}", name, ::getpid());
  std::filesystem::remove_all(path);
  std::filesystem::create_directories(path);
  return path.string();
}

}  // namespace

TEST_CASE("the media thread carries a bridged talk over real sockets") {
  Node node({.port_first = 31000, .port_last = 31199});
  const AnchorInfo a = node.leg("a", node.a->local()), b = node.leg("b", node.b->local());
  REQUIRE(node.wait(node.node->control().connect(a.id, {.kind = Path::Kind::bridge, .peer = b.id})));
  for (uint16_t i = 1; i <= 40; ++i) {  // faster than life, so no more than a second of it
    node.say(*node.a, a.streams[0].outer, i);
    REQUIRE(node.run_until([&] { return node.last_b == i; }));
  }
  const auto stats = node.wait(node.node->control().stats(a.id));
  REQUIRE(stats);
  CHECK((*stats)[0].packets_in == 40);
  CHECK(node.run_until([&] { return node.told<event::Moved>(b.id) != nullptr; }));
  node.node->control().release(a.id);
  const auto gone = node.wait(node.node->control().stats(a.id));
  CHECK(!gone);
}

TEST_CASE("a prompt is spoken on a worker, played, recorded and read back") {
  const std::string directory = scratch("speech");
  Node node({.port_first = 31200, .port_last = 31299, .recordings = directory, .cache = directory + "/cache"});
  const AnchorInfo a = node.leg("a", node.a->local());
  REQUIRE(node.wait(node.node->control().record(a.id, {.path_hint = "RE1"})));
  const auto job =
      node.wait(node.node->control().play(a.id, {.sources = {{.kind = Source::Kind::speech, .value = "Hi"}}}));
  REQUIRE(job);
  REQUIRE(node.run_until([&] { return node.told<event::PlayEnded>(a.id) != nullptr; }, 15s));
  const auto* ended = node.told<event::PlayEnded>(a.id);
  CHECK(!ended->error);
  CHECK(ended->played > 200ms);
  CHECK(node.heard_a > 10);
  CHECK(std::filesystem::exists(directory + "/cache/speech"));
  node.node->control().release(a.id);
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
  request.needs = {"mix"};
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
