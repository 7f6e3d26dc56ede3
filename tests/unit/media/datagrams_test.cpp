// Also replaces the program's operator new: the packet path must not take memory.
#include "media/datagrams.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <new>

#include "media/engine.hpp"
#include "unit/media/virtual_world.hpp"

using namespace nearend;
using namespace nearend::media;
using namespace nearend::media::test;

namespace {
thread_local size_t taken = 0;

[[maybe_unused]] void* take(size_t size) {
  ++taken;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
}  // namespace

#if !__has_feature(thread_sanitizer)  // which brings its own; other builds count
void* operator new(size_t size) {
  return take(size);
}
void* operator new[](size_t size) {
  return take(size);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, size_t) noexcept {
  std::free(memory);
}
#endif

namespace {

struct Udp {
  int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  Endpoint local;
  Udp() {
    io::SocketAddress address(Endpoint{IpAddress::loopback(), 0});
    REQUIRE(::bind(socket, address.data(), address.size) == 0);
    REQUIRE(::getsockname(socket, address.data(), &address.size) == 0);
    local = address.endpoint();
  }
  ~Udp() { ::close(socket); }
  size_t waiting() const {
    std::array<uint8_t, 64> buffer;
    size_t count = 0;
    while (::recv(socket, buffer.data(), buffer.size(), MSG_DONTWAIT) >= 0) ++count;
    return count;
  }
};

/// An engine on real sockets, without the thread: what the media thread does for one socket in one turn.
struct Bridge final : EngineOutput, Worker {
  Udp node_a, node_b, phone_a, phone_b;
  io::Instant now{1s};
  DatagramReader reader;
  DatagramWriter writer;
  Engine engine{{.now = now, .wall = {}, .seed = 1}, *this, *this};
  static constexpr AnchorId a{1ull << 32}, b{1ull << 32 | 1};
  uint32_t frame = 0;

  Bridge() {
    add(a, node_a, phone_a);
    add(b, node_b, phone_b);
    engine.connect(a, {.kind = Path::Kind::bridge, .peer = b}, now);
  }
  void add(AnchorId id, const Udp& node, const Udp& phone) {
    const Engine::StreamSockets sockets[] = {{.outer_rtp = static_cast<Socket>(node.socket)}};
    engine.add(id, sockets, false, now);
    engine.set_remote(id, Side::outer, {.rtp = phone.local, .formats = telephone_formats()}, now);
  }
  void say(const Udp& phone, const Udp& node, uint32_t count) {
    std::array<uint8_t, 172> bytes;
    std::array<uint8_t, 160> payload{};
    for (uint32_t i = 0; i < count; ++i) {
      rtp::write_packet(bytes, {.sequence = static_cast<uint16_t>(frame + i),
                                .timestamp = (frame + i) * 160,
                                .ssrc = 7,
                                .payload = payload});
      const io::SocketAddress to(node.local);
      REQUIRE(::sendto(phone.socket, bytes.data(), bytes.size(), 0, to.data(), to.size) == 172);
    }
  }
  void turn(AnchorId id, const Udp& node, bool is_bursty = false) {
    const auto take = [&](const Endpoint& from, std::span<uint8_t> bytes) {
      engine.input({.anchor = id}, from, bytes, now);
    };
    if (is_bursty)
      reader.read_many(node.socket, take);
    else
      reader.read_one(node.socket, take);
    CHECK(writer.flush() == 0);
  }
  void send(Socket socket, const Endpoint& to, std::span<const uint8_t> datagram) override {
    writer.add(static_cast<int>(socket), to, datagram);
  }
  void tell(AnchorId, Event) override {}
  void submit(uint64_t, Work) override {}
};

}  // namespace

TEST_CASE("the packet path takes no memory, from the socket it comes in on to the one it leaves by") {
  Bridge bridge;
  size_t taken_by_packets = 0, relayed = 0;
  for (int round = 0; round < 100; ++round) {
    bridge.now += 20ms;
    bridge.say(bridge.phone_a, bridge.node_a, 1);
    bridge.say(bridge.phone_b, bridge.node_b, 1);
    ++bridge.frame;
    const size_t before = taken;
    bridge.turn(Bridge::a, bridge.node_a);
    bridge.turn(Bridge::b, bridge.node_b, true);
    bridge.engine.tick(bridge.now);
    if (round > 25) taken_by_packets += taken - before;  // once the move is over and told
    relayed += bridge.phone_a.waiting() + bridge.phone_b.waiting();
  }
  CHECK(taken_by_packets == 0);
  CHECK(relayed >= 200);
}

TEST_CASE("what waited at a socket is relayed in order, more than one read takes too") {
  Bridge bridge;
  bridge.now += 400ms;
  bridge.say(bridge.phone_a, bridge.node_a, 20);
  bridge.turn(Bridge::a, bridge.node_a, true);
  CHECK(bridge.phone_b.waiting() == 20);
}

TEST_CASE("datagrams of several sockets leave by their own, and one that cannot leave is counted") {
  Udp one, two, to;
  DatagramWriter writer;
  const std::array<uint8_t, 20> bytes{};
  for (const Udp* from : {&one, &one, &two, &one}) writer.add(from->socket, to.local, bytes);
  CHECK(writer.flush() == 0);
  std::map<uint16_t, int> from_port;
  DatagramReader reader;
  reader.read_many(to.socket, [&](const Endpoint& from, std::span<uint8_t> got) {
    CHECK(got.size() == bytes.size());
    ++from_port[from.port];
  });
  CHECK(from_port == std::map<uint16_t, int>{{one.local.port, 3}, {two.local.port, 1}});

  const Endpoint nowhere{IpAddress::loopback(IpAddress::Family::v6), 4000};  // no IPv4 socket can send there
  for (const Endpoint& target : {to.local, nowhere, to.local}) writer.add(one.socket, target, bytes);
  writer.add(one.socket, to.local, std::array<uint8_t, 2100>{});
  CHECK(writer.flush() == 2);
  CHECK(writer.flush() == 0);
  CHECK(to.waiting() == 2);
}

TEST_CASE("more datagrams than the writer holds leave early") {
  Udp from, to;
  DatagramWriter writer;
  const std::array<uint8_t, 20> bytes{};
  for (int i = 0; i < 100; ++i) writer.add(from.socket, to.local, bytes);
  CHECK(writer.flush() == 0);
  CHECK(to.waiting() == 100);
}

TEST_CASE("a datagram that is longer than any we relay is left out, whichever way it is read") {
  Udp from, to;
  DatagramReader reader;
  size_t heard = 0;
  const auto take = [&](const Endpoint&, std::span<uint8_t> bytes) { heard += bytes.size(); };
  const io::SocketAddress address(to.local);
  for (size_t size : {datagram_size_max + 1, datagram_size_max, datagram_size_max + 1, size_t{30}}) {
    const std::vector<uint8_t> bytes(size);
    REQUIRE(::sendto(from.socket, bytes.data(), size, 0, address.data(), address.size) == static_cast<ssize_t>(size));
  }
  reader.read_one(to.socket, take);
  CHECK(heard == 0);
  reader.read_one(to.socket, take);
  CHECK(heard == datagram_size_max);
  reader.read_many(to.socket, take);
  CHECK(heard == datagram_size_max + 30);
  reader.read_one(to.socket, take);
  CHECK(heard == datagram_size_max + 30);
}
