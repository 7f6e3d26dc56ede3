#include <doctest/doctest.h>

#include "unit/gateway/region.hpp"
#include "unit/sip/torture_table.hpp"

namespace nearend::gateway::test {
namespace {

using namespace sip;
using sip::test::RawPeer;
using sip::test::RawRequest;

/// Counts what the gateway sends to each address.
struct Counted {
  explicit Counted(World& world) {
    world.sim.network().observe([this](const sim::PacketSeen& packet) {
      if (packet.from.address == at("192.0.2.10:0").address) ++to[packet.to.address];
    });
  }
  size_t sent_to(std::string_view address) { return to[at(std::string(address) + ":0").address]; }
  std::map<IpAddress, size_t> to;
};

}  // namespace

TEST_CASE("no torture message brings a stranger an answer or leaves anything behind at the gateway") {
  const auto folder = torture::folder();
  if (!folder) {
    std::puts("SKIPPED: ../shared/data/sip-torture is not here: torture messages at the gateway are not tried");
    return;
  }
  World world;
  Region region(world, "192.0.2.10", two_providers());
  RawPeer provider(world, "192.0.2.1:5060"), stranger(world, "192.0.2.66:5060");
  Counted counted(world);
  const Endpoint gateway = at("192.0.2.10:5060");
  for (const auto& entry : torture::table()) {
    CAPTURE(entry.file);
    const std::string bytes = torture::read(*folder + std::string(entry.file));
    stranger.send(gateway, bytes);
    world.run(1s);
    CHECK(counted.sent_to("192.0.2.66") == 0);
    const size_t before = counted.sent_to("192.0.2.1");
    provider.send(gateway, bytes);
    world.run(40s);
    CHECK((counted.sent_to("192.0.2.1") > before) == !entry.udp.answers.empty());
    CHECK(region.is_clean());
  }
  world.run(60s);
  CHECK(region.gateway->is_idle());
}

TEST_CASE(
    "where probes are answered a stranger learns region and gateway, at most twice what he sent, and nothing else") {
  World world;
  Settings settings = two_providers();
  settings.listen.emplace_back().answers_probes = true;
  Region region(world, "192.0.2.10", settings);
  RawPeer stranger(world, "192.0.2.66:5060"), provider(world, "192.0.2.1:5060");
  const Endpoint gateway = at("192.0.2.10:5060");
  const std::string asked = RawRequest{.method = "OPTIONS", .from = "192.0.2.66:5060"}.text();
  stranger.send(gateway, asked);
  world.run(50ms);
  const Message answer = stranger.last_message("SIP/2.0 200");
  CHECK(answer.header(HeaderId::server) == "eu-gw1 (eu/de1)");
  CHECK(answer.header(HeaderId::allow) == "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK");
  CHECK(stranger.heard.back().size() <= 2 * asked.size());
  const std::string terse =
      "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1;rport\r\nf: <sip:a>;tag=1\r\nt: <sip:a>\r\n"
      "i: 1\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 0\r\n\r\n";
  stranger.send(gateway, terse);
  world.run(50ms);
  CHECK(stranger.heard.size() == 2);
  CHECK(stranger.heard.back().size() <= 2 * terse.size());
  for (const std::string_view method : {"INVITE", "REGISTER", "MESSAGE", "SUBSCRIBE", "ACK", "BYE", "CANCEL"})
    stranger.send(gateway, RawRequest{.method = std::string(method), .from = "192.0.2.66:5060"}.text());
  stranger.send(gateway, RawRequest{.method = "OPTIONS", .from = "192.0.2.66:5060", .to_tag = "dialog"}.text());
  stranger.send(gateway, RawRequest{.method = "OPTIONS", .from = "192.0.2.66:5060", .extra = "Require: x\r\n"}.text());
  stranger.send(gateway, "OPTIONS sip:b SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.66;branch=z9hG4bK2\r\n\r\n");
  world.run(40s);
  CHECK(stranger.heard.size() == 2);
  CHECK(region.is_clean());
  provider.send(gateway, RawRequest{.method = "MESSAGE", .from = "192.0.2.1:5060"}.text());
  world.run(50ms);
  CHECK(provider.count("SIP/2.0 405") == 1);
}

TEST_CASE("a gateway that drains or is full answers OPTIONS with 503 and when to ask again") {
  World world;
  Settings settings = two_providers();
  settings.listen.emplace_back().answers_probes = true;
  settings.calls_max = 1;
  Region region(world, "192.0.2.10", settings);
  RawPeer caller(world, "192.0.2.1:5060"), callee(world, "192.0.2.2:5060"), stranger(world, "192.0.2.66:5060");
  const auto ask = [&](RawPeer& peer) {
    const std::string from = peer.socket->local().to_string();
    static int asked = 0;
    peer.send(at("192.0.2.10:5060"),
              RawRequest{.method = "OPTIONS", .from = from, .branch = fmt::format("z9hG4bK{}", ++asked)}.text());
    world.run(50ms);
    return parse_message(peer.heard.empty() ? "" : peer.heard.back()).message;
  };
  CHECK(ask(stranger).status() == 200);
  CHECK(ask(caller).status() == 200);
  caller.send(at("192.0.2.10:5060"), RawRequest{.uri = "sip:+15550101@192.0.2.10",
                                                .from = "192.0.2.1:5060",
                                                .branch = "z9hG4bKcall",
                                                .body = sdp_of("192.0.2.1", 4000).content}
                                         .text());
  world.run(50ms);
  CHECK(ask(stranger).status() == 503);
  CHECK(ask(stranger).header(HeaderId::retry_after) == "5");
  region.gateway->drain();
  CHECK(ask(caller).status() == 503);
  CHECK(ask(caller).header(HeaderId::retry_after) == "30");
}

TEST_CASE("a call with video takes as much of calls_max as eight of speech") {
  World world;
  Settings settings = two_providers();
  settings.calls_max = 9;
  settings.features.emplace_back("video");
  Region region(world, "192.0.2.10", settings);
  RawPeer caller(world, "192.0.2.1:5060"), callee(world, "192.0.2.2:5060");
  const auto call = [&](std::string name, std::string_view more = {}) {
    caller.send(at("192.0.2.10:5060"), RawRequest{.uri = "sip:+15550101@192.0.2.10",
                                                  .from = "192.0.2.1:5060",
                                                  .branch = "z9hG4bK" + name,
                                                  .call_id = name,
                                                  .body = sdp_of("192.0.2.1", 4000).content + std::string(more)}
                                           .text());
    world.run(50ms);
  };
  call("film", "m=video 4002 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n");
  CHECK(callee.count("INVITE") == 1);
  call("speech");
  CHECK(callee.count("INVITE") == 1);
  CHECK(caller.count("SIP/2.0 503") == 1);
}

TEST_CASE("above calls_max a caller is told to come again, and the call that is there goes on") {
  World world;
  Settings settings = two_providers();
  settings.calls_max = 2;
  Region region(world, "192.0.2.10", settings);
  RawPeer caller(world, "192.0.2.1:5060"), callee(world, "192.0.2.2:5060");
  const auto call = [&](std::string name) {
    caller.send(at("192.0.2.10:5060"), RawRequest{.uri = "sip:+15550101@192.0.2.10",
                                                  .from = "192.0.2.1:5060",
                                                  .branch = "z9hG4bK" + name,
                                                  .call_id = name,
                                                  .body = sdp_of("192.0.2.1", 4000).content}
                                           .text());
    world.run(50ms);
  };
  call("first");
  CHECK(callee.count("INVITE") == 1);
  call("second");
  CHECK(callee.count("INVITE") == 1);
  CHECK(caller.last_message("SIP/2.0 503").call_id() == "second");
  CHECK(caller.last_message("SIP/2.0 503").has(HeaderId::retry_after));
  callee.answer("INVITE", 200, "callee", {}, sdp_of("192.0.2.2", 5000).content);
  world.run(50ms);
  CHECK(caller.last_message("SIP/2.0 200").call_id() == "first");
}

}  // namespace nearend::gateway::test
