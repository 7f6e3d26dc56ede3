#include <doctest/doctest.h>

#include <filesystem>
#include <set>

#include "unit/media/real_node.hpp"

using namespace nearend;
using namespace nearend::media;
using namespace nearend::media::test;

namespace {

/// A real loop whose clock can be turned on.
class TurnedLoop final : public io::Loop {
 public:
  explicit TurnedLoop(io::AsioLoop& loop) : loop_(loop) {}
  void turn(io::Duration by) { ahead_ += by; }
  io::Instant now() const override { return loop_.now() + ahead_; }
  io::WallTime wall() const override { return loop_.wall(); }
  io::TimerId start_timer(io::Instant when, io::Callback run) override {
    return loop_.start_timer(when - ahead_, std::move(run));
  }
  void cancel_timer(io::TimerId timer) override { loop_.cancel_timer(timer); }
  void post(io::Callback run) override { loop_.post(std::move(run)); }
  uint64_t random() override { return loop_.random(); }

 private:
  io::AsioLoop& loop_;
  io::Duration ahead_{0};
};

size_t descriptors() {
  const auto all = std::filesystem::directory_iterator("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin(all), end(all)));
}

/// 64 pairs of ports: kept ones are drawn from 8 at least.
struct KeptNode {
  io::AsioWorld world;
  TurnedLoop loop{world.loop};
  LocalNode node{loop, {.port_first = 32600, .port_last = 32727}, nullptr};
  std::unique_ptr<io::UdpSocket> phone = *world.net.open_udp({IpAddress::loopback(), 0}, [](auto&&...) {});
  int legs = 0;

  template <class T>
  T wait(Task<T> task) {
    std::optional<T> out;
    io::Scope scope(world.loop);
    scope.spawn(RealNode::keep(std::move(task), out));
    for (int i = 0; i < 1000 && !out; ++i) world.loop.run_for(5ms);
    REQUIRE(out);
    return std::move(*out);
  }
  AnchorInfo leg() {
    auto info = wait(node.control().allocate({.leg = fmt::format("leg{}", ++legs), .has_inner = false, .lease = {}}));
    REQUIRE(info);
    return *info;
  }
  /// The media thread has done what it was told.
  StreamStats figures(const AnchorInfo& leg) {
    const auto stats = wait(node.control().stats(leg.id));
    REQUIRE(stats);
    return stats->front();
  }
  void say(const Endpoint& to, uint16_t number) {
    std::array<uint8_t, 172> bytes;
    const std::array<uint8_t, 160> payload{};
    rtp::write_packet(bytes, {.sequence = number, .timestamp = number * 160u, .ssrc = 7, .payload = payload});
    phone->send(to, bytes);
  }
};

}  // namespace

TEST_CASE("the sockets of a leg stay open for another, which hears nothing of what came in between") {
  KeptNode node;
  std::vector<AnchorInfo> legs;
  std::set<uint16_t> ports;
  for (int i = 0; i < 10; ++i) {
    legs.push_back(node.leg());
    ports.insert(legs.back().streams[0].outer.port);
  }
  CHECK(ports.size() == 10);
  const AnchorInfo other = node.leg();
  const size_t open = descriptors();
  for (const AnchorInfo& leg : legs) node.node.control().release(leg.id);
  node.figures(other);
  CHECK(descriptors() == open);
  for (uint16_t port : ports)
    for (uint16_t i = 0; i < 5; ++i) node.say({IpAddress::loopback(), port}, i);

  const AnchorInfo early = node.leg();  // the others rest
  CHECK(!ports.contains(early.streams[0].outer.port));
  node.figures(early);
  CHECK(descriptors() == open + 2);

  node.loop.turn(4s);
  for (int i = 0; i < 3; ++i) {
    const AnchorInfo leg = node.leg();
    CHECK(ports.contains(leg.streams[0].outer.port));
    REQUIRE(node.wait(node.node.control().set_remote(leg.id, Side::outer,
                                                     {.rtp = node.phone->local(), .formats = telephone_formats()})));
    CHECK(node.figures(leg).packets_in == 0);
    CHECK(node.figures(leg).dropped_source == 0);
    node.say(leg.streams[0].outer, 100);
    for (int tries = 0; tries < 200 && node.figures(leg).packets_in == 0; ++tries) node.world.loop.run_for(5ms);
    CHECK(node.figures(leg).packets_in == 1);
  }
  CHECK(descriptors() == open + 2);
  const AnchorInfo late = node.leg();  // seven would be too few to choose from
  CHECK(!ports.contains(late.streams[0].outer.port));
}

TEST_CASE("sockets that nobody needs any more are closed by and by, and their ports can be opened again") {
  KeptNode node;
  const AnchorInfo other = node.leg();
  node.figures(other);
  const size_t open = descriptors();
  std::vector<AnchorInfo> legs;
  for (int i = 0; i < 20; ++i) legs.push_back(node.leg());
  for (const AnchorInfo& leg : legs) node.node.control().release(leg.id);
  node.figures(other);
  CHECK(descriptors() == open + 40);
  const auto load = node.wait(node.node.control().state());
  REQUIRE(load);
  CHECK(load->load == doctest::Approx(21.0 / 64));
  node.loop.turn(5s);
  const auto rested = node.wait(node.node.control().state());
  CHECK(rested->load == doctest::Approx(1.0 / 64));
}
