#include "flow/flow_table.hpp"

#include <doctest/doctest.h>
#include <netinet/in.h>

#include "unit/flow/private_network.hpp"
#include "unit/flow/udp.hpp"

using namespace nearend;
using namespace nearend::flow;
using namespace nearend::flow::test;
using namespace std::chrono_literals;

namespace {

constexpr uint16_t node_port = 20000, far_port = 20010;

Instant now() {
  return std::chrono::steady_clock::now();
}

IpAddress ip(const char* text) {
  return *parse_ip(text);
}

struct Rtp {
  uint8_t first = 0x80, type = 0;
  uint16_t sequence = 100;
  uint32_t timestamp = 16000, ssrc = 0x11223344;
  std::vector<uint8_t> rest = std::vector<uint8_t>(160, 0x5a);
  std::vector<uint8_t> bytes() const {
    std::vector<uint8_t> all{first, type, static_cast<uint8_t>(sequence >> 8), static_cast<uint8_t>(sequence)};
    for (uint32_t word : {timestamp, ssrc})
      for (int shift = 24; shift >= 0; shift -= 8) all.push_back(static_cast<uint8_t>(word >> shift));
    all.insert(all.end(), rest.begin(), rest.end());
    return all;
  }
};

uint32_t word(const std::vector<uint8_t>& bytes, size_t at, size_t size) {
  uint32_t value = 0;
  for (size_t i = 0; i < size; ++i) value = value << 8 | bytes.at(at + i);
  return value;
}

/// Two phones and a node between them whose kernel has a flow from one to the other.
struct Node {
  std::unique_ptr<FlowTable> table;
  Udp near, far, a, b;
  Flow flow;

  Node(const IpAddress& address, const IpAddress& phones, FlowTable::Hook hook = FlowTable::Hook::best)
      : near({address, node_port}), far({address, far_port}), a({phones, 0}), b({phones, 0}) {
    REQUIRE(near.is_bound);
    REQUIRE(a.is_bound);
    table = make(address, hook);
    flow.at = near.local;
    flow.from = a.local;
    flow.own = far.local;
    flow.to = b.local;
    flow.ssrc_in = 0x11223344;
    flow.ssrc_out = 0x55667788;
    flow.sequence_add = 1000;
    flow.timestamp_add = 5000;
    flow.types = {{{.in = 0, .out = 8}, {.in = 13, .out = 13}}};
    flow.type_count = 2;
    flow.progress = {.highest = 99, .highest_timestamp = 15840, .window = 1, .last_arrival = now()};
  }
  static std::unique_ptr<FlowTable> make(const IpAddress& address, FlowTable::Hook hook) {
    auto opened = FlowTable::open({.port_first = 20000, .port_last = 20099, .addresses = {address}, .hook = hook});
    if (!opened) FAIL(opened.error().text);
    return std::move(*opened);
  }
  void install() {
    const auto installed = table->install(flow, now());
    if (!installed) FAIL(installed.error().text);
  }
  bool is_relayed(const std::vector<uint8_t>& bytes) {
    a.send(near.local, bytes);
    const auto heard = b.receive(50);
    return heard && near.is_quiet();
  }
  /// It is at the socket as it was sent, and nowhere else.
  bool is_passed_up(Udp& from, const std::vector<uint8_t>& bytes) {
    from.send(near.local, bytes);
    const auto heard = near.receive();
    return heard && heard->bytes == bytes && heard->from == from.local && b.is_quiet();
  }
};

#define PRIVATE_NETWORK_OR_RETURN(name)                                                                \
  PrivateNetwork name;                                                                                 \
  if (!name) {                                                                                         \
    MESSAGE("SKIP: network namespaces are not allowed here; the kernel's flows are not tried (root)"); \
    return;                                                                                            \
  }

}  // namespace

TEST_CASE("a packet of an installed flow leaves with the other side's addresses, SSRC, numbers and payload type") {
  PRIVATE_NETWORK_OR_RETURN(network);
  for (const auto hook : {FlowTable::Hook::best, FlowTable::Hook::filter}) {
    for (const char* address : {"127.0.0.1", "::1"}) {
      CAPTURE(address);
      Node node(ip(address), ip(address), hook);
      CAPTURE(node.table->description());
      node.install();
      Rtp packet{.type = 0x80};  // with a marker
      node.a.send(node.near.local, packet.bytes());
      const auto heard = node.b.receive();
      REQUIRE(heard);
      CHECK(heard->from == node.far.local);
      CHECK(heard->bytes.size() == packet.bytes().size());
      CHECK(word(heard->bytes, 0, 1) == 0x80);
      CHECK(word(heard->bytes, 1, 1) == (0x80 | 8));
      CHECK(word(heard->bytes, 2, 2) == 1100);
      CHECK(word(heard->bytes, 4, 4) == 21000);
      CHECK(word(heard->bytes, 8, 4) == 0x55667788);
      CHECK(std::equal(packet.rest.begin(), packet.rest.end(), heard->bytes.begin() + 12));
      CHECK(node.near.is_quiet());
      const Passed passed = node.table->read(node_port);
      CHECK(passed.packets == 1);
      CHECK(passed.octets == 160);
      CHECK(passed.octets_out == 160);
      CHECK(passed.progress.highest == 100);
      CHECK(passed.progress.highest_timestamp == 16000);
      CHECK(passed.progress.window == 3);
      CHECK(now() - passed.progress.last_arrival < 1s);
    }
  }
}

TEST_CASE("what is not plain speech of the flow reaches the socket as it came") {
  PRIVATE_NETWORK_OR_RETURN(network);
  Node node(ip("127.0.0.1"), ip("127.0.0.1"));
  node.install();
  Udp stranger({ip("127.0.0.1"), 0}), neighbour({ip("127.0.0.2"), node.a.local.port});
  const std::vector<uint8_t> rtcp{0x80, 200, 0, 6, 0x11, 0x22, 0x33, 0x44, 0, 0, 0, 0, 0, 0, 0,
                                  0,    0,   0, 0, 0,    0,    0,    0,    0, 0, 0, 0, 0, 0, 0};
  std::vector<uint8_t> stun{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42};
  stun.resize(20);
  std::vector<uint8_t> dtls{22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4};
  SUBCASE("RTCP, also on the same port") {
    CHECK(node.is_passed_up(node.a, rtcp));
  }
  SUBCASE("STUN") {
    CHECK(node.is_passed_up(node.a, stun));
  }
  SUBCASE("DTLS") {
    CHECK(node.is_passed_up(node.a, dtls));
  }
  SUBCASE("not version 2") {
    CHECK(node.is_passed_up(node.a, Rtp{.first = 0x40}.bytes()));
  }
  SUBCASE("too short") {
    CHECK(node.is_passed_up(node.a, {0x80, 0, 0, 1}));
  }
  SUBCASE("nothing at all") {
    CHECK(node.is_passed_up(node.a, {}));
  }
  SUBCASE("padding, whose length is at the end") {
    CHECK(node.is_passed_up(node.a, Rtp{.first = 0xa0}.bytes()));
  }
  SUBCASE("a key press") {
    CHECK(node.is_passed_up(node.a, Rtp{.type = 101, .rest = {1, 0, 0, 160}}.bytes()));
  }
  SUBCASE("a payload type nobody named") {
    CHECK(node.is_passed_up(node.a, Rtp{.type = 18}.bytes()));
  }
  SUBCASE("another port") {
    CHECK(node.is_passed_up(stranger, Rtp{}.bytes()));
  }
  SUBCASE("another address with the same port") {
    CHECK(node.is_passed_up(neighbour, Rtp{}.bytes()));
  }
  SUBCASE("another SSRC") {
    CHECK(node.is_passed_up(node.a, Rtp{.ssrc = 9}.bytes()));
  }
  SUBCASE("a jump in the numbers") {
    CHECK(node.is_passed_up(node.a, Rtp{.sequence = 30000}.bytes()));
  }
  SUBCASE("far too late") {
    CHECK(node.is_passed_up(node.a, Rtp{.sequence = 20}.bytes()));
  }
  SUBCASE("a clock that jumped") {
    CHECK(node.is_passed_up(node.a, Rtp{.timestamp = 160000}.bytes()));
  }
  SUBCASE("lists longer than the packet") {
    CHECK(node.is_passed_up(node.a, Rtp{.first = 0x8f, .rest = std::vector<uint8_t>(20)}.bytes()));
    CHECK(node.is_passed_up(node.a, Rtp{.first = 0x90, .rest = {0xbe, 0xde, 0, 9, 1, 2, 3, 4}}.bytes()));
    CHECK(node.is_passed_up(node.a, Rtp{.first = 0x90, .rest = {}}.bytes()));
  }
  SUBCASE("longer than any speech") {
    CHECK(node.is_passed_up(node.a, Rtp{.rest = std::vector<uint8_t>(1500)}.bytes()));
  }
  SUBCASE("no life left for another hop") {
    int hops = 1;
    ::setsockopt(node.a.descriptor, IPPROTO_IP, IP_TTL, &hops, sizeof(hops));
    CHECK(node.is_passed_up(node.a, Rtp{}.bytes()));
    hops = 64;
    ::setsockopt(node.a.descriptor, IPPROTO_IP, IP_TTL, &hops, sizeof(hops));
  }
  SUBCASE("IP options") {
    const uint8_t nothing[4] = {1, 1, 1, 1};
    REQUIRE(::setsockopt(node.a.descriptor, IPPROTO_IP, IP_OPTIONS, nothing, sizeof(nothing)) == 0);
    CHECK(node.is_passed_up(node.a, Rtp{}.bytes()));
    REQUIRE(::setsockopt(node.a.descriptor, IPPROTO_IP, IP_OPTIONS, nothing, 0) == 0);
  }
  SUBCASE("fragments") {
    const int never = IP_PMTUDISC_DONT;
    ::setsockopt(node.a.descriptor, IPPROTO_IP, IP_MTU_DISCOVER, &never, sizeof(never));
    REQUIRE(configure("lo", SIOCSIFMTU, [](ifreq& one) { one.ifr_mtu = 600; }));
    CHECK(node.is_passed_up(node.a, Rtp{.rest = std::vector<uint8_t>(1000)}.bytes()));
  }
  CHECK(node.table->read(node_port).packets == 0);
  // And the flow goes on as if nothing had been.
  CHECK(node.is_relayed(Rtp{.sequence = 101, .timestamp = 16160}.bytes()));
}

TEST_CASE("lists and header extensions are carried, and are no octets of payload") {
  PRIVATE_NETWORK_OR_RETURN(network);
  Node node(ip("127.0.0.1"), ip("127.0.0.1"));
  node.install();
  std::vector<uint8_t> rest{0, 0, 0, 7, 0xbe, 0xde, 0, 1, 1, 2, 3, 4};
  rest.resize(rest.size() + 160);
  CHECK(node.is_relayed(Rtp{.first = 0x91, .rest = rest}.bytes()));
  CHECK(node.table->read(node_port).octets == 160);
  CHECK(node.table->read(node_port).octets_out == 172);
}

TEST_CASE("a doubled packet is dropped and counted, a late one that is new passes") {
  PRIVATE_NETWORK_OR_RETURN(network);
  Node node(ip("127.0.0.1"), ip("127.0.0.1"));
  node.install();
  CHECK(node.is_relayed(Rtp{.sequence = 100, .timestamp = 16000}.bytes()));
  CHECK(node.is_relayed(Rtp{.sequence = 103, .timestamp = 16480}.bytes()));
  CHECK(node.is_relayed(Rtp{.sequence = 101, .timestamp = 16160}.bytes()));
  for (const uint16_t again : {103, 101, 99}) {
    node.a.send(node.near.local, Rtp{.sequence = again, .timestamp = again * 160u}.bytes());
    CHECK(node.b.is_quiet());
    CHECK(node.near.is_quiet());
  }
  const Passed passed = node.table->read(node_port);
  CHECK(passed.packets == 3);
  CHECK(passed.doubled == 3);
  CHECK(passed.progress.highest == 103);
  CHECK(passed.progress.window == 0b11101 - 0b00000);
}

TEST_CASE("sequence numbers that wrap are counted on") {
  PRIVATE_NETWORK_OR_RETURN(network);
  Node node(ip("127.0.0.1"), ip("127.0.0.1"));
  node.flow.progress.highest = 0x1fffe;
  node.install();
  CHECK(node.is_relayed(Rtp{.sequence = 0xffff}.bytes()));
  CHECK(node.is_relayed(Rtp{.sequence = 0, .timestamp = 16160}.bytes()));
  CHECK(node.table->read(node_port).progress.highest == 0x20000);
}

TEST_CASE("after a flow's removal its next packet is at the socket, and the figures hold all that passed") {
  PRIVATE_NETWORK_OR_RETURN(network);
  Node node(ip("127.0.0.1"), ip("127.0.0.1"));
  node.install();
  for (uint16_t i = 0; i < 10; ++i)
    CHECK(node.is_relayed(Rtp{.sequence = static_cast<uint16_t>(100 + i), .timestamp = 16000u + i * 160u}.bytes()));
  const Passed passed = node.table->remove(node_port);
  CHECK(passed.packets == 10);
  CHECK(passed.progress.highest == 109);
  CHECK_FALSE(node.table->is_installed(node_port));
  CHECK(node.is_passed_up(node.a, Rtp{.sequence = 110, .timestamp = 17600}.bytes()));
  CHECK(node.table->remove(node_port).packets == 0);
}

TEST_CASE("the same port serves another flow at once, and nothing of the first one's") {
  PRIVATE_NETWORK_OR_RETURN(network);
  Node node(ip("127.0.0.1"), ip("127.0.0.1"));
  node.install();
  CHECK(node.is_relayed(Rtp{}.bytes()));
  Udp third({ip("127.0.0.1"), 0});
  node.flow.to = third.local;
  node.flow.progress.highest = 100;
  node.install();
  node.a.send(node.near.local, Rtp{.sequence = 101, .timestamp = 16160}.bytes());
  CHECK(third.receive());
  CHECK(node.b.is_quiet());
  CHECK(node.table->read(node_port).packets == 1);
}

TEST_CASE("a flow whose owner has stopped renewing it relays nothing") {
  PRIVATE_NETWORK_OR_RETURN(network);
  Node node(ip("127.0.0.1"), ip("127.0.0.1"));
  REQUIRE(node.table->install(node.flow, now() - 3s));
  CHECK(node.is_passed_up(node.a, Rtp{}.bytes()));
  CHECK(node.table->renew(node_port, now()));
  CHECK(node.is_relayed(Rtp{.sequence = 101, .timestamp = 16160}.bytes()));
}

TEST_CASE("a table that goes leaves nothing behind in the kernel") {
  PRIVATE_NETWORK_OR_RETURN(network);
  for (const auto hook : {FlowTable::Hook::best, FlowTable::Hook::filter}) {
    Node node(ip("127.0.0.1"), ip("127.0.0.1"), hook);
    node.install();
    CHECK(node.is_relayed(Rtp{}.bytes()));
    node.table.reset();
    CHECK(node.is_passed_up(node.a, Rtp{.sequence = 101}.bytes()));
  }
}

TEST_CASE("checksums hold and neighbours are found on a real link, for IPv4 and IPv6") {
  Cable cable;
  if (!cable.is_made) {
    MESSAGE("SKIP: no pair of network namespaces with a cable here (root and iproute2 are needed)");
    return;
  }
  for (const bool is_v6 : {false, true}) {
    CAPTURE(is_v6);
    const IpAddress here = ip(is_v6 ? "fd09::1" : "10.9.0.1"), there = ip(is_v6 ? "fd09::2" : "10.9.0.2");
    cable.far.enter();
    Udp a({there, 0}), b({there, 0});
    cable.near.enter();
    Udp near({here, node_port}), far({here, far_port});
    auto table = Node::make(here, FlowTable::Hook::best);
    Flow flow{.at = near.local, .from = a.local, .own = far.local, .to = b.local, .ssrc_in = 0x11223344};
    flow.ssrc_out = 0xf5667788;
    flow.sequence_add = 0xff00;
    flow.timestamp_add = 0xfffffff0;
    flow.types[0] = {.in = 0, .out = 0};
    flow.type_count = 1;
    flow.progress = {.highest = 99, .highest_timestamp = 15840, .window = 1, .last_arrival = now()};
    const auto installed = table->install(flow, now());
    if (!installed) FAIL(installed.error().text);
    Rtp packet;
    for (int i = 0; i < 50; ++i) {  // sums of every kind
      for (size_t k = 0; k < packet.rest.size(); ++k) packet.rest[k] = static_cast<uint8_t>(i * 37 + k * k);
      packet.rest.resize(40 + static_cast<size_t>(i));  // odd sizes too
      a.send(near.local, packet.bytes());
      const auto heard = b.receive();
      REQUIRE(heard);
      CHECK(heard->from == far.local);
      CHECK(word(heard->bytes, 8, 4) == 0xf5667788);
      CHECK(std::equal(packet.rest.begin(), packet.rest.end(), heard->bytes.begin() + 12));
      ++packet.sequence;
      packet.timestamp += 160;
    }
    CHECK(near.is_quiet());
    CHECK(table->read(node_port).packets == 50);
  }
}

TEST_CASE("what the kernel cannot carry is refused with the reason") {
  PRIVATE_NETWORK_OR_RETURN(network);
  Node node(ip("127.0.0.1"), ip("127.0.0.1"));
  Flow flow = node.flow;
  flow.to = {ip("::1"), 4000};
  CHECK(node.table->install(flow, now()).error().kind == Error::Kind::unsupported);
  flow = node.flow;
  flow.at.port = 30000;
  CHECK(node.table->install(flow, now()).error().kind == Error::Kind::invalid);
  flow = node.flow;
  flow.to = {ip("192.0.2.1"), 4000};
  CHECK(node.table->install(flow, now()).error().kind == Error::Kind::unavailable);
  flow = node.flow;
  flow.type_count = 0;
  CHECK_FALSE(node.table->install(flow, now()));
  CHECK_FALSE(node.table->is_installed(node_port));
}
