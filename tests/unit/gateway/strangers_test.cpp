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
