#include <doctest/doctest.h>

#include "unit/gateway/region.hpp"

namespace nearend::gateway::test {
namespace {

using namespace sip;

sip::Body sdp6_of(std::string_view address, int port) {
  return {"application/sdp",
          fmt::format("v=0\r\no=- 1 1 IN IP6 {0}\r\ns=-\r\nc=IN IP6 {0}\r\nt=0 0\r\nm=audio {1} RTP/AVP 0 8\r\n",
                      address, port)};
}

/// The forwarding gateway of two_providers() with other addresses.
Settings providers_at(std::string_view from, std::string_view to) {
  Settings settings = two_providers();
  settings.providers.pop_back();
  settings.providers[0].addresses = {*parse_cidr(from)};
  settings.providers[1].targets = {{.host = std::string(to)}};
  return settings;
}

InviteRequest call_to(const Endpoint& gateway, Protocol protocol, sip::Body offer) {
  InviteRequest request;
  request.uri = fmt::format("sip:+15550101@{}", gateway.to_string());
  request.from = "<sip:+15550177@carrier.example>";
  request.targets = {{protocol, gateway, {}, 0}};
  request.body = std::move(offer);
  return request;
}

/// Keeps what it is told to append, and makes it durable only when the test says so.
class HeldJournal final : public Journal {
 public:
  void append(Record record, io::Callback on_durable = {}) override {
    kinds.push_back(record.event.kind);
    if (on_durable) waiting.push_back(std::move(on_durable));
  }
  void make_durable() {
    for (auto& callback : std::exchange(waiting, {})) callback();
  }
  std::vector<std::string> kinds;
  std::vector<io::Callback> waiting;
};

}  // namespace

TEST_CASE("a call goes through the gateway over IPv6, its description too") {
  World world;
  Region region(world, "[2001:db8::10]", providers_at("2001:db8::1", "2001:db8::2"));
  Agent caller(world, "[2001:db8::1]:5060"), callee(world, "[2001:db8::2]:5060");
  callee.on_event = [&](DialogId dialog, DialogEvent& event) {
    if (std::holds_alternative<event::Invited>(event)) (void)callee.stack.accept(dialog, sdp6_of("2001:db8::2", 5000));
  };
  const auto dialog =
      caller.stack.invite(call_to(at("[2001:db8::10]:5060"), Protocol::udp, sdp6_of("2001:db8::1", 4000)));
  REQUIRE(dialog);
  world.run(200ms);
  REQUIRE(callee.count<event::Invited>() == 1);
  const Message& invite = callee.last<event::Invited>().request;
  CHECK(invite.request_uri() == "sip:+4930123@[2001:db8::2]:5060");
  CHECK(invite.contact()->uri.host == "2001:db8::10");
  CHECK(invite.body().find("c=IN IP6 2001:db8::10") != std::string_view::npos);
  REQUIRE(caller.count<event::Accepted>() == 1);
  CHECK(caller.last<event::Accepted>().body.content.find("c=IN IP6 2001:db8::10") != std::string::npos);
  CHECK(region.media.has("1 outer [2001:db8::1]:4000 PCMU"));
  CHECK(region.media.has("2 outer [2001:db8::2]:5000 PCMU"));
  caller.stack.end(*dialog);
  world.run(1s);
  CHECK(callee.count<event::Ended>() == 1);
  CHECK(region.is_clean());
}

TEST_CASE("a provider calls in over TLS and another is called over TLS") {
  World world;
  Settings settings = providers_at("192.0.2.1", "192.0.2.2");
  settings.providers[1].targets = {{.host = "192.0.2.2", .port = 5061, .protocol = Protocol::tls}};
  settings.listen = {{.protocol = Protocol::tls,
                      .local = at("192.0.2.10:5061"),
                      .advertised_host = {},
                      .tls = io::TlsSettings{.certificate_file = "gw.example", .key_file = "key"}}};
  sim::Host& host = world.host(at("192.0.2.10:5061"));
  FakeMedia media(host.loop(), host.address());
  FakePolicy policy(host.loop());
  MemoryJournal journal(host.loop());
  Gateway gateway(std::move(settings), host.world(), media, policy, journal);
  REQUIRE(gateway.start());
  Agent caller(world, "192.0.2.1:5060"), callee(world, "192.0.2.2:5060");
  const io::TlsSettings tls{.certificate_file = "callee.example", .key_file = "key"};
  REQUIRE(callee.transport.listen({.protocol = Protocol::tls, .local = at("192.0.2.2:5061"), .tls = &tls, .tag = 3}));
  callee.on_event = [&](DialogId dialog, DialogEvent& event) {
    if (std::holds_alternative<event::Invited>(event)) (void)callee.stack.accept(dialog, sdp_of("192.0.2.2", 5000));
  };
  const auto dialog = caller.stack.invite(call_to(at("192.0.2.10:5061"), Protocol::tls, sdp_of("192.0.2.1", 4000)));
  REQUIRE(dialog);
  world.run(300ms);
  REQUIRE(caller.count<event::Accepted>() == 1);
  CHECK(callee.last<event::Invited>().flow.protocol == Protocol::tls);
  CHECK(callee.last<event::Invited>().request.contact()->uri.transport() == "tls");
  caller.stack.end(*dialog);
  world.run(1s);
  CHECK(callee.count<event::Ended>() == 1);
  CHECK(gateway.legs() == 0);
}

TEST_CASE("neither an answer nor a BYE is answered before it is in the journal") {
  World world;
  Settings settings = providers_at("192.0.2.1", "192.0.2.2");
  settings.listen = {{.protocol = Protocol::udp, .local = at("192.0.2.10:5060"), .advertised_host = {}, .tls = {}}};
  sim::Host& host = world.host(at("192.0.2.10:5060"));
  FakeMedia media(host.loop(), host.address());
  FakePolicy policy(host.loop());
  HeldJournal journal;
  Gateway gateway(std::move(settings), host.world(), media, policy, journal);
  REQUIRE(gateway.start());
  Agent caller(world, "192.0.2.1:5060"), callee(world, "192.0.2.2:5060");
  callee.on_event = [&](DialogId dialog, DialogEvent& event) {
    if (std::holds_alternative<event::Invited>(event)) (void)callee.stack.accept(dialog, sdp_of("192.0.2.2", 5000));
  };
  const auto dialog = caller.stack.invite(call_to(at("192.0.2.10:5060"), Protocol::udp, sdp_of("192.0.2.1", 4000)));
  REQUIRE(dialog);
  world.run(500ms);
  CHECK(std::ranges::count(journal.kinds, "answer") >= 1);
  CHECK(caller.count<event::Accepted>() == 0);
  for (int i = 0; i < 3; ++i) {
    journal.make_durable();
    world.run(100ms);
  }
  REQUIRE(caller.count<event::Accepted>() == 1);

  caller.stack.end(*dialog);
  world.run(500ms);
  CHECK(callee.count<event::Ended>() == 1);  // who hears of it does not wait
  CHECK(std::ranges::count(journal.kinds, "end") == 2);
  CHECK(caller.count<event::Released>() == 0);
  journal.make_durable();
  world.run(100ms);
  REQUIRE(caller.count<event::Released>() == 1);
  CHECK(caller.last<event::Released>().is_answered);
}

TEST_CASE("the session timer that a caller asks for is agreed with him, one that is too short by way of 422") {
  World world;
  Settings settings = providers_at("192.0.2.1", "192.0.2.2");
  settings.session_expires = 600s;
  Region region(world, "192.0.2.10", settings);
  Agent caller(world, "192.0.2.1:5060"), callee(world, "192.0.2.2:5060");
  callee.on_event = [&](DialogId dialog, DialogEvent& event) {
    if (std::holds_alternative<event::Invited>(event)) (void)callee.stack.accept(dialog, sdp_of("192.0.2.2", 5000));
  };
  for (const uint32_t wanted : {240u, 30u}) {
    CAPTURE(wanted);
    auto request = call_to(at("192.0.2.10:5060"), Protocol::udp, sdp_of("192.0.2.1", 4000));
    request.session_expires = std::chrono::seconds(wanted);
    const size_t answered = caller.count<event::Accepted>();
    REQUIRE(caller.stack.invite(std::move(request)));
    world.run(300ms);
    REQUIRE(caller.count<event::Accepted>() == answered + 1);
    const auto agreed = caller.last<event::Accepted>().response.session_expires();
    REQUIRE(agreed);
    CHECK(agreed->seconds == (wanted == 30 ? 90 : wanted));  // 30 met 422 and came again
    CHECK(callee.last<event::Invited>().request.session_expires()->seconds == 600);
  }
}

TEST_CASE("a caller that knows session timers and asks for none gets the gateway's") {
  World world;
  Settings settings = providers_at("192.0.2.1", "192.0.2.2");
  settings.session_expires = 600s;
  Region region(world, "192.0.2.10", settings);
  sip::test::RawPeer caller(world, "192.0.2.1:5060"), callee(world, "192.0.2.2:5060");
  caller.send(at("192.0.2.10:5060"), sip::test::RawRequest{.uri = "sip:+15550101@192.0.2.10",
                                                           .from = "192.0.2.1:5060",
                                                           .extra = "Supported: timer\r\n",
                                                           .body = sdp_of("192.0.2.1", 4000).content}
                                         .text());
  world.run(50ms);
  callee.answer("INVITE", 200, "callee", {}, sdp_of("192.0.2.2", 5000).content);
  world.run(50ms);
  const auto agreed = caller.last_message("SIP/2.0 200").session_expires();
  REQUIRE(agreed);
  CHECK(agreed->seconds == 600);
}

}  // namespace nearend::gateway::test
