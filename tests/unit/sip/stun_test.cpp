#include "sip/stun.hpp"

#include <doctest/doctest.h>

#include "support/hex.hpp"
#include "unit/sip/test_agents.hpp"

using namespace nearend;
using namespace nearend::sip;
using namespace nearend::sip::test;
using support::unhex;

namespace {

using Octets = std::vector<uint8_t>;
constexpr stun::TransactionId id{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
constexpr stun::TransactionId id_of_rfc5769{0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae};

/// A message of that type with these attributes, as they stand.
Octets message_of(uint8_t type, const Octets& attributes = {}) {
  Octets bytes{0, type, 0, static_cast<uint8_t>(attributes.size()), 0x21, 0x12, 0xa4, 0x42};
  bytes.insert(bytes.end(), id.begin(), id.end());
  bytes.insert(bytes.end(), attributes.begin(), attributes.end());
  return bytes;
}

Octets octets(io::Bytes bytes) {
  return {bytes.begin(), bytes.end()};
}
std::string text_of(const Octets& bytes) {
  return {bytes.begin(), bytes.end()};
}
io::Bytes bytes_of(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

/// A transport on 192.0.2.10 that knows 192.0.2.1 and hands on what it is told.
struct Listening {
  explicit Listening(World& world, bool answers_probes, Transport::Limits limits = {})
      : host(world.host(at("192.0.2.10:5060"))), transport(host.loop(), host.net(), limits) {
    for (const Protocol protocol : {Protocol::udp, Protocol::tcp})
      REQUIRE(transport.listen({.protocol = protocol,
                                .local = host.endpoint(5060),
                                .is_admitted = [](const IpAddress& from) { return from == *parse_ip("192.0.2.1"); },
                                .answers_probes = answers_probes,
                                .is_open = [this] { return is_open; }}));
    transport.set_handlers(
        [this](const Flow& flow, std::string_view text) {
          heard.emplace_back(text);
          strangers += flow.is_stranger;
        },
        [](const Flow&, const Error&) {});
  }
  sim::Host& host;
  Transport transport;
  bool is_open = true;
  std::vector<std::string> heard;
  size_t strangers = 0;
};

}  // namespace

TEST_CASE("the address in a Binding answer is read as RFC 5769 writes it") {
  const Octets v4 = unhex(
      "0101003c 2112a442 b7e7a701bc34d686fa87dfae 8022000b 7465737420766563746f7220 00200008 0001a147e112a643"
      "00080014 2b91f599fd9e90c38c7489f92af9ba53f06be7d7 80280004 c07d4c96");
  const Octets v6 = unhex(
      "01010048 2112a442 b7e7a701bc34d686fa87dfae 8022000b 7465737420766563746f7220"
      "00200014 0002a1470113a9faa5d3f179bc25f4b5bed2b9d9"
      "00080014 a382954e4be67bf11784c97c8292c275bfe3ed41 80280004 c8fb0b4c");
  CHECK(stun::read_answer(v4, id_of_rfc5769).value() == at("192.0.2.1:32853"));
  CHECK(stun::read_answer(v6, id_of_rfc5769).value() == at("[2001:db8:1234:5678:11:2233:4455:6677]:32853"));
  CHECK_FALSE(stun::read_answer(v4, id));
}

TEST_CASE("who asks by STUN is told where he is seen, with a fingerprint where he gives one") {
  for (const std::string_view where : {"192.0.2.1:32853", "[2001:db8::7]:9"}) {
    CAPTURE(where);
    const auto plain = stun::answer_to(message_of(1), at(where));
    REQUIRE(plain);
    CHECK(plain->is_success());
    CHECK(stun::read_answer(plain->bytes(), id).value() == at(where));
    CHECK(plain->bytes().size() == (at(where).address.is_v6() ? 44 : 32));
    const auto marked = stun::answer_to(stun::binding_request(id).bytes(), at(where));
    REQUIRE(marked);
    CHECK(marked->bytes().size() == plain->bytes().size() + 8);
    CHECK(stun::read_answer(marked->bytes(), id).value() == at(where));
    Octets broken = octets(marked->bytes());
    broken[25] ^= 1;
    CHECK_FALSE(stun::read_answer(broken, id));
  }
}

TEST_CASE(
    "what must be understood and is not is answered 420 with its types; credentials and what may be passed over are") {
  // RFC 5769 2.1: PRIORITY belongs to ICE.
  const Octets ice = unhex(
      "00010058 2112a442 b7e7a701bc34d686fa87dfae 80220010 5354554e207465737420636c69656e74 00240004 6e0001ff"
      "80290008 932ff9b151263b36 00060009 6576746a3a68367659202020"
      "00080014 9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2 80280004 e57a3bcf");
  auto answer = stun::answer_to(ice, at("192.0.2.1:1"));
  REQUIRE(answer);
  CHECK(octets(answer->bytes().first(40)) ==
        unhex("01110018 2112a442 b7e7a701bc34d686fa87dfae 00090004 00000414 000a0002 00240000 80280004"));
  CHECK(stun::read_answer(answer->bytes(), id_of_rfc5769).error().kind == Error::Kind::refused);
  // CHANGE-REQUEST and RESPONSE-PORT (RFC 5780) would have us send to somebody else.
  answer = stun::answer_to(message_of(1, unhex("00030004 00000006 00270004 13c40000")), at("192.0.2.1:1"));
  REQUIRE(answer);
  CHECK(octets(answer->bytes().subspan(28)) == unhex("000a0004 00030027"));
  // USERNAME; then SOFTWARE and a type that nobody knows, which may be passed over.
  answer = stun::answer_to(message_of(1, unhex("00060003 616e6e00 80220001 61000000 fffe0000")), at("192.0.2.1:1"));
  REQUIRE(answer);
  CHECK(answer->is_success());
}

TEST_CASE("what is no well-formed Binding request is answered with silence") {
  const Endpoint from = at("192.0.2.1:1");
  Octets bytes = message_of(1);
  for (size_t size = 0; size < bytes.size(); ++size) CHECK_FALSE(stun::answer_to(io::Bytes(bytes).first(size), from));
  bytes[4] ^= 1;  // RFC 3489's form
  CHECK_FALSE(stun::answer_to(bytes, from));
  CHECK_FALSE(stun::answer_to(message_of(0x11), from));                           // an indication
  CHECK_FALSE(stun::answer_to(message_of(3), from));                              // TURN's Allocate
  CHECK_FALSE(stun::answer_to(message_of(1, unhex("00060005 616e6e00")), from));  // longer than what there is
  CHECK_FALSE(stun::answer_to(message_of(1, unhex("8022")), from));               // no multiple of four
  CHECK_FALSE(stun::answer_to(message_of(1, unhex("80280004 00000000")), from));  // a wrong fingerprint
  bytes = octets(stun::binding_request(id).bytes());
  CHECK(stun::answer_to(bytes, from));
  bytes.insert(bytes.end(), {0x80, 0x22, 0, 0});
  bytes[3] += 4;
  CHECK_FALSE(stun::answer_to(bytes, from));  // something behind the fingerprint
  const auto answer = stun::answer_to(message_of(1), from);
  CHECK_FALSE(stun::answer_to(answer->bytes(), from));
}

TEST_CASE("a stranger gets nothing where probes are off, and STUN and OPTIONS alone where they are on") {
  World world;
  for (const bool answers_probes : {false, true}) {
    CAPTURE(answers_probes);
    Listening listening(world, answers_probes);
    RawPeer stranger(world, "192.0.2.66:5060");
    stranger.send(at("192.0.2.10:5060"), text_of(message_of(1)));
    stranger.send(at("192.0.2.10:5060"), RawRequest{.method = "OPTIONS"}.text());
    for (const std::string_view method : {"INVITE", "REGISTER", "BYE", "OPTIONSX"})
      stranger.send(at("192.0.2.10:5060"), RawRequest{.method = std::string(method)}.text());
    stranger.send(at("192.0.2.10:5060"), "SIP/2.0 200 OK\r\n\r\n");
    stranger.send(at("192.0.2.10:5060"), "\r\n\r\n");
    world.run(100ms);
    REQUIRE(stranger.heard.size() == (answers_probes ? 1 : 0));
    CHECK(listening.heard.size() == (answers_probes ? 1 : 0));
    CHECK(listening.strangers == listening.heard.size());
    if (answers_probes) CHECK(stun::read_answer(bytes_of(stranger.heard[0]), id).value() == at("192.0.2.66:5060"));
  }
}

TEST_CASE("who is known gets his keep-alive answered though probes are off and calls should go elsewhere") {
  World world;
  Listening listening(world, false);
  listening.is_open = false;
  RawPeer phone(world, "192.0.2.1:5060");
  phone.send(at("192.0.2.10:5060"), text_of(message_of(1)));
  world.run(100ms);
  REQUIRE(phone.heard.size() == 1);
  CHECK(stun::read_answer(bytes_of(phone.heard[0]), id).value() == at("192.0.2.1:5060"));
  CHECK(listening.heard.empty());
}

TEST_CASE("a gateway that takes no calls is silent to strangers' STUN, so that they race to another") {
  World world;
  Listening listening(world, true);
  listening.is_open = false;
  RawPeer stranger(world, "192.0.2.66:5060");
  stranger.send(at("192.0.2.10:5060"), text_of(message_of(1)));
  world.run(100ms);
  CHECK(stranger.heard.empty());
}

TEST_CASE("a network gets so many probes answered a second, all strangers together so many") {
  World world;
  Transport::Limits limits;
  limits.probes_per_network_most = 10;
  limits.probes_most = 15;
  Listening listening(world, true, limits);
  RawPeer stranger(world, "198.51.100.66:5060"), beside(world, "198.51.100.67:5060"), other(world, "203.0.113.66:5060");
  for (int i = 0; i < 30; ++i)
    for (RawPeer* peer : {&stranger, &beside}) peer->send(at("192.0.2.10:5060"), text_of(message_of(1)));
  world.run(100ms);
  CHECK(stranger.heard.size() + beside.heard.size() == 10);
  for (int i = 0; i < 30; ++i) other.send(at("192.0.2.10:5060"), RawRequest{.method = "OPTIONS"}.text());
  world.run(100ms);
  CHECK(listening.heard.size() >= 5);
  CHECK(listening.heard.size() <= 7);
}

TEST_CASE("strangers' connections push out one another, not who is known") {
  World world;
  Transport::Limits limits;
  limits.stranger_connections_max = 3;
  Listening listening(world, true, limits);
  size_t closed = 0;
  std::vector<std::unique_ptr<io::Stream>> streams;
  const auto connect = [&](std::string_view from) -> io::Stream& {
    io::Stream::Handlers handlers;
    handlers.on_close = [&closed](const Error&) { ++closed; };
    streams.push_back(world.host(at(from)).net().connect(at("192.0.2.10:5060"), nullptr, std::move(handlers)));
    world.run(10ms);
    return *streams.back();
  };
  io::Stream& known = connect("192.0.2.1:5060");
  for (int i = 0; i < 8; ++i) connect("192.0.2.66:5060");
  CHECK(listening.transport.connections() == 4);
  CHECK(closed == 5);
  streams.back()->write(RawRequest{.method = "INVITE"}.text() + RawRequest{.method = "OPTIONS"}.text());
  known.write(RawRequest{.method = "INVITE"}.text());
  world.run(10ms);
  REQUIRE(listening.heard.size() == 2);
  CHECK(listening.strangers == 1);
  CHECK(listening.heard[1].starts_with("INVITE"));
  world.run(15s);
  CHECK(listening.transport.connections() == 1);
}
