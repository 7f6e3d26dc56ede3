#include <doctest/doctest.h>

#include "unit/gateway/region.hpp"

namespace nearend::gateway::test {
namespace {

using namespace sip;
using sip::test::RawPeer;
using sip::test::RawRequest;

/// What the gateway said to each of the others, as text.
struct Overheard {
  explicit Overheard(World& world) {
    world.sim.network().observe([this](const sim::PacketSeen& packet) {
      if (packet.from.address == at("192.0.2.10:0").address)
        said[packet.to.address] += std::string(reinterpret_cast<const char*>(packet.bytes.data()), packet.bytes.size());
    });
  }
  bool has(std::string_view to, std::string_view text) {
    return said[at(std::string(to) + ":0").address].find(text) != std::string::npos;
  }
  std::map<IpAddress, std::string> said;
};

}  // namespace

TEST_CASE("neither side of a call learns where the other is, what it runs, or how it was reached") {
  World world;
  Region region(world, "192.0.2.10", two_providers());
  RawPeer caller(world, "192.0.2.1:5060"), callee(world, "192.0.2.2:5060");
  Overheard overheard(world);
  const std::string offer(sdp_of("192.0.2.1", 4000).content);
  caller.send(at("192.0.2.10:5060"),
              RawRequest{.uri = "sip:+15550101@192.0.2.10",
                         .from = "192.0.2.1:5060",
                         .call_id = "caller-call-id",
                         .extra = "Record-Route: <sip:proxy.caller.example;lr>\r\nUser-Agent: caller-agent\r\n"
                                  "P-Asserted-Identity: <sip:ann@pbx.caller.example>\r\n"
                                  "Call-Info: <http://caller.example/ann.png>\r\nX-Tenant: blue\r\n",
                         .body = offer}
                  .text());
  world.run(100ms);
  REQUIRE(callee.count("INVITE") == 1);
  callee.answer("INVITE", 200, "callee-tag",
                {{"Server", "callee-agent"}, {"Record-Route", "<sip:proxy.callee.example;lr>"}},
                sdp_of("192.0.2.2", 5000).content);
  world.run(100ms);
  REQUIRE(caller.count("SIP/2.0 200") >= 1);

  for (const std::string_view secret : {"192.0.2.1", "caller.example", "caller-agent", "caller-call-id", "rawtag"}) {
    CAPTURE(secret);
    // 192.0.2.10 is the gateway itself.
    std::string& said = overheard.said[at("192.0.2.2:0").address];
    for (size_t at = said.find("192.0.2.10"); at != std::string::npos; at = said.find("192.0.2.10")) said.erase(at, 10);
    CHECK_FALSE(overheard.has("192.0.2.2", secret));
  }
  for (const std::string_view secret : {"192.0.2.2", "callee.example", "callee-agent", "callee-tag", "+4930123"}) {
    CAPTURE(secret);
    CHECK_FALSE(overheard.has("192.0.2.1", secret));
  }
  CHECK(overheard.has("192.0.2.2", "X-Tenant: blue"));  // what the parties say to each other goes through
}

TEST_CASE("each answer names the methods once, those that the gateway takes") {
  World world;
  Region region(world, "192.0.2.10", two_providers());
  RawPeer caller(world, "192.0.2.1:5060");
  for (const std::string_view method : {"REGISTER", "MESSAGE", "OPTIONS"}) {
    CAPTURE(method);
    caller.send(at("192.0.2.10:5060"), RawRequest{.method = std::string(method),
                                                  .branch = "z9hG4bK" + std::string(method),
                                                  .call_id = std::string(method)}
                                           .text());
    world.run(50ms);
    const Message answer = parse_message(caller.heard.back()).message;
    CHECK(answer.status() == (method == "OPTIONS" ? 200 : 405));
    CHECK(answer.header(HeaderId::allow) == "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK");
    size_t lines = 0;
    for (size_t i = 0; i < answer.field_count(); ++i) lines += answer.field(i).id == HeaderId::allow;
    CHECK(lines == 1);
  }
}

}  // namespace nearend::gateway::test
