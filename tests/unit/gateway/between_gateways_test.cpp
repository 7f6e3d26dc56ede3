#include <doctest/doctest.h>

#include "unit/gateway/region.hpp"

namespace nearend::gateway::test {
namespace {

using namespace sip;

const std::string callee_leg = "LG00000000000000000000000000000002";

Settings at_home(std::string name) {
  Settings settings = two_providers();
  settings.name = std::move(name);
  settings.star = StarPath::peer_gateway;
  return settings;
}

/// Caller at gateway X1, callee at gateway X2, one router.
struct Across {
  Across()
      : x1(world, "203.0.113.1", at_home("x1")),
        x2(world, "203.0.113.2", at_home("x2")),
        router(world),
        caller(world, "192.0.2.1:5060"),
        callee(world, "192.0.2.2:5060") {
    x1.policy.answer.routers = {router.choice()};
    router.agent.on_event = [this](DialogId, DialogEvent& event) {
      const auto* requested = std::get_if<event::Requested>(&event);
      if (requested == nullptr) return;
      told.emplace_back(requested->request.header("Action"));
      const bool is_reinvite = requested->method == Method::invite;
      (void)router.agent.stack.respond(requested->transaction, 200, is_reinvite ? sdp_of("198.51.100.9", 7000) : Body{},
                                       router.headers(context));
    };
    InviteRequest request;
    request.uri = "sip:+15550100@203.0.113.1";
    request.from = "<sip:+15550177@carrier.example>";
    request.targets = {{Protocol::udp, at("203.0.113.1:5060"), {}, 0}};
    request.body = sdp_of("192.0.2.1", 4000);
    dialog = *caller.stack.invite(std::move(request));
    world.run(100ms);
    context = router.invited().context;
    link1 = router.agent.dialog_of<event::Invited>();
    sdp1 = router.agent.last<event::Invited>().request.body();
    (void)router.agent.stack.accept(link1, sdp_of("198.51.100.9", 7000, "0 101", "inactive"), router.headers(context));
    world.run(100ms);
    link::CallContext child = context;
    child.parent_leg = context.leg;
    child.leg = callee_leg;
    const std::string features =
        fmt::format("bridge-on-answer;peer={};gateway=\"{}\", hangup-on-star", context.leg, x1.gateway->link_uri());
    link2 = *router.agent.stack.invite(
        router.dial(x2, "+4930123", child, {"application/sdp", sdp1}, "dial;timeout=30", features));
    world.run(100ms);
    sdp2 = router.agent.last<event::Progress>().body.content;
  }
  void arm() {
    const std::string action = fmt::format("arm;peer={};gateway=\"{}\"", callee_leg, x2.gateway->link_uri());
    (void)router.agent.stack.request(link1, Method::info, {"application/sdp", sdp2},
                                     router.headers(context, action, "hangup-on-star"));
    world.run(100ms);
  }
  void answer() {
    (void)callee.stack.accept(callee.dialog_of<event::Invited>(), sdp_of("192.0.2.2", 5000));
    world.run(100ms);
  }
  bool was_told(std::string_view prefix) const {
    return std::ranges::any_of(told, [&](const std::string& action) { return action.starts_with(prefix); });
  }

  World world;
  Region x1, x2;
  FakeRouter router;
  Agent caller, callee;
  DialogId dialog, link1, link2;
  link::CallContext context;
  std::string sdp1, sdp2;
  std::vector<std::string> told;
};

}  // namespace

TEST_CASE("armed gateways open their sides at the answer by a word between them (C5)") {
  Across world;
  CHECK(world.x2.media.has("1 inner 203.0.113.1:20002 PCMU"));
  CHECK(world.x2.media.has("1 arm inner"));
  CHECK(!world.x1.media.has("1 connect inner"));
  world.arm();
  // The way is there before the answer; the callee's end of it is shut.
  CHECK(world.x1.media.has("1 inner 203.0.113.2:20002 PCMU"));
  CHECK(world.x1.media.has("1 connect inner"));
  CHECK(!world.x2.media.has("1 open"));
  CHECK(!world.was_told("bridged"));
  world.answer();
  CHECK(world.x2.media.has("1 open"));
  CHECK(world.was_told("bridged"));
}

TEST_CASE("the way to a callee who does not answer is shut again") {
  Across world;
  world.arm();
  const size_t before = world.x1.media.count("1 connect idle");
  (void)world.callee.stack.refuse(world.callee.dialog_of<event::Invited>(), 486);
  world.world.run(200ms);
  CHECK(world.x1.media.count("1 connect idle") == before + 1);
  CHECK(world.x2.is_clean());
  CHECK(world.x1.gateway->legs() == 1);
}

TEST_CASE("an answer that overtakes the arming opens the bridge when the arming comes") {
  Across world;
  world.answer();
  CHECK(!world.x1.media.has("1 connect inner"));
  world.arm();
  CHECK(world.x1.media.has("1 connect inner"));
}

TEST_CASE("the callee's gateway says when the callee is gone, and the caller's asks the router for its media") {
  Across world;
  world.arm();
  world.answer();
  world.callee.stack.end(world.callee.dialog_of<event::Invited>());
  world.world.run(200ms);
  CHECK(world.was_told("anchor"));
  CHECK(world.x1.media.has("1 inner 198.51.100.9:7000 PCMU"));
  CHECK(world.x2.is_clean());
  CHECK(world.x1.gateway->legs() == 1);
}

TEST_CASE("the caller's gateway says when the caller is gone, and the callee's leg ends though the router is dead") {
  Across world;
  world.arm();
  world.answer();
  world.router.agent.host.kill();
  world.caller.stack.end(world.dialog);
  world.world.run(1s);
  CHECK(world.callee.count<event::Ended>() == 1);
  CHECK(world.x1.is_clean());
  CHECK(world.x2.is_clean());
}

TEST_CASE("the star travels from gateway to gateway") {
  Across world;
  world.arm();
  world.answer();
  world.x1.media.tell(media::AnchorId{1}, media::event::Digit{.digit = '*'});
  world.world.run(200ms);
  CHECK(world.callee.count<event::Ended>() == 1);
  CHECK(world.caller.count<event::Ended>() == 0);
  CHECK(world.was_told("anchor"));
}

TEST_CASE("a leg whose media node is lost tells the peer's gateway where it is now, and the router") {
  Across world;
  world.arm();
  world.answer();
  world.caller.on_event = [&](DialogId, DialogEvent& event) {
    if (const auto* requested = std::get_if<event::Requested>(&event))
      (void)world.caller.stack.respond(requested->transaction, 200, sdp_of("192.0.2.1", 4000));
  };
  world.x2.media.lines.clear();
  world.told.clear();
  world.x1.media.tell(static_cast<media::AnchorId>(1), media::event::Lost{"media node lost", 500ms});
  world.world.run(500ms);
  CHECK(world.x1.media.has("2 outer 192.0.2.1:4000 PCMU"));
  CHECK(world.x1.media.has("2 connect inner"));
  CHECK(world.caller.count<event::Requested>() == 1);
  CHECK(world.x2.media.has("1 inner 203.0.113.1:20006 PCMU"));  // the second anchor's
  CHECK(world.was_told("moved"));
  CHECK(world.router.agent.last<event::Requested>().body.content.contains("m=audio 20006 "));

  // The other one as well: it tells the first.
  world.callee.on_event = [&](DialogId, DialogEvent& event) {
    if (const auto* requested = std::get_if<event::Requested>(&event))
      (void)world.callee.stack.respond(requested->transaction, 200, sdp_of("192.0.2.2", 5000));
  };
  world.x2.media.tell(static_cast<media::AnchorId>(1), media::event::Lost{"media node lost", 500ms});
  world.world.run(500ms);
  CHECK(world.x2.media.has("2 inner 203.0.113.1:20006 PCMU"));
  CHECK(world.x2.media.has("2 connect inner"));
  CHECK(world.x1.media.has("2 inner 203.0.113.2:20006 PCMU"));
  CHECK(world.x1.gateway->legs() == 1);
  CHECK(world.x2.gateway->legs() == 1);
}

}  // namespace nearend::gateway::test
