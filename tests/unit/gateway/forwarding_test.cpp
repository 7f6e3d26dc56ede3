#include <doctest/doctest.h>

#include "unit/gateway/region.hpp"

namespace nearend::gateway::test {
namespace {

using namespace sip;

struct Forwarded {
  explicit Forwarded(Settings settings = two_providers())
      : region(world, "192.0.2.10", std::move(settings)),
        caller(world, "192.0.2.1:5060"),
        callee(world, "192.0.2.2:5060"),
        second(world, "192.0.2.3:5060") {}

  InviteRequest invite(std::string_view number = "+15550101") {
    InviteRequest request;
    request.uri = fmt::format("sip:{}@192.0.2.10", number);
    request.from = "\"Ann\" <sip:+15550177@carrier.example>";
    request.targets = {{Protocol::udp, at("192.0.2.10:5060"), {}, 0}};
    request.body = sdp_of("192.0.2.1", 4000);
    return request;
  }
  void call(std::string_view number = "+15550101") {
    dialog = *caller.stack.invite(invite(number));
    world.run(100ms);
  }
  DialogId at_callee() const { return callee.dialog_of<event::Invited>(); }

  World world;
  Region region;
  Agent caller, callee, second;
  DialogId dialog = DialogId::none;
};

}  // namespace

TEST_CASE("a number that only forwards is rung, answered, bridged and billed without any router") {
  Forwarded world;
  world.call();
  REQUIRE(world.callee.count<event::Invited>() == 1);
  const Message& invite = world.callee.last<event::Invited>().request;
  CHECK(invite.request_uri() == "sip:+4930123@192.0.2.2:5060");
  CHECK(invite.from()->uri.user == "+15550177");
  CHECK(invite.from()->uri.host == "192.0.2.10");
  CHECK(invite.body().find("192.0.2.1\r\n") == std::string_view::npos);

  (void)world.callee.stack.progress(world.at_callee(), 180);
  world.world.run(50ms);
  CHECK(world.caller.last<event::Progress>().status == 180);

  (void)world.callee.stack.accept(world.at_callee(), sdp_of("192.0.2.2", 5000, "0 101"));
  world.world.run(100ms);
  REQUIRE(world.caller.count<event::Accepted>() == 1);
  CHECK(world.callee.count<event::Acknowledged>() == 1);
  CHECK(world.region.media.has("1 outer 192.0.2.1:4000 PCMU"));
  CHECK(world.region.media.has("2 outer 192.0.2.2:5000 PCMU"));
  CHECK(world.region.media.has("2 connect bridge 1"));
  CHECK(world.region.events("answer") == 2);

  world.world.run(5s);
  world.caller.stack.end(world.dialog);
  world.world.run(1s);
  CHECK(world.callee.count<event::Ended>() == 1);
  CHECK(world.region.events("start") == 2);
  CHECK(world.region.events("end") == 2);
  CHECK(world.region.last_event("end").event.detail.find("\"answered\":true") != std::string::npos);
  CHECK(world.region.is_clean());
  world.world.run(60s);
  CHECK(world.region.gateway->is_idle());
}

TEST_CASE("a callee that hangs up ends the caller, with a Reason") {
  Forwarded world;
  world.callee.answer_all();
  world.callee.on_event = [&](DialogId dialog, DialogEvent& event) {
    if (std::holds_alternative<event::Invited>(event))
      (void)world.callee.stack.accept(dialog, sdp_of("192.0.2.2", 5000));
  };
  world.call();
  REQUIRE(world.caller.count<event::Accepted>() == 1);
  world.callee.stack.end(world.at_callee(), {{"Reason", "Q.850;cause=16;text=\"normal\""}});
  world.world.run(1s);
  REQUIRE(world.caller.count<event::Ended>() == 1);
  const std::string reason = world.caller.last<event::Ended>().reason;
  CHECK(reason.find("SIP;cause=200") != std::string::npos);
  CHECK(reason.ends_with(", Q.850;cause=16;text=\"normal\""));  // the callee's own
  CHECK(world.region.last_event("end").event.detail.find("Q.850;cause=16") != std::string::npos);
  CHECK(world.region.is_clean());
}

TEST_CASE("the callee's refusal reaches the caller with its own status") {
  Forwarded world;
  world.call();
  (void)world.callee.stack.refuse(world.at_callee(), 486);
  world.world.run(100ms);
  REQUIRE(world.caller.count<event::Refused>() == 1);
  CHECK(world.caller.last<event::Refused>().status == 486);
  CHECK(world.second.count<event::Invited>() == 0);
  CHECK(world.region.is_clean());
}

TEST_CASE("a provider that says 503 is left for the next one and rested for Retry-After") {
  Forwarded world;
  world.call();
  (void)world.callee.stack.refuse(world.at_callee(), 503, {}, {{"Retry-After", "7"}});
  world.world.run(100ms);
  REQUIRE(world.second.count<event::Invited>() == 1);
  (void)world.second.stack.refuse(world.second.dialog_of<event::Invited>(), 486);
  world.world.run(100ms);
  CHECK(world.caller.last<event::Refused>().status == 486);
  // While it rests the other one is asked first.
  world.call();
  CHECK(world.second.count<event::Invited>() == 2);
  (void)world.second.stack.refuse(world.second.dialog_of<event::Invited>(), 486);
  world.world.run(7s);
  world.call();
  CHECK(world.callee.count<event::Invited>() == 2);
}

TEST_CASE("once a phone has rung no other provider is tried") {
  Forwarded world;
  world.call();
  (void)world.callee.stack.progress(world.at_callee(), 180);
  world.world.run(1s);
  (void)world.callee.stack.refuse(world.at_callee(), 503);
  world.world.run(100ms);
  CHECK(world.second.count<event::Invited>() == 0);
  CHECK(world.caller.last<event::Refused>().status == 503);
  CHECK(world.region.is_clean());
}

TEST_CASE("a silent provider is left for the next one after its patience") {
  Forwarded world;
  world.world.lose([](const Endpoint&, const Endpoint& to, std::string_view) { return to == at("192.0.2.2:5060"); });
  world.call();
  world.world.run(5s);
  CHECK(world.second.count<event::Invited>() == 1);
}

TEST_CASE("a caller that gives up has its callee cancelled and is not billed for a talk") {
  Forwarded world;
  world.call();
  (void)world.callee.stack.progress(world.at_callee(), 180);
  world.world.run(100ms);
  world.caller.stack.cancel(world.dialog);
  world.world.run(1s);
  CHECK(world.callee.count<event::Cancelled>() == 1);
  CHECK(world.caller.last<event::Refused>().status == 487);
  CHECK(world.region.events("answer") == 0);
  CHECK(world.region.events("end") == 2);
  CHECK(world.region.is_clean());
}

TEST_CASE("nobody answers: the callee is cancelled and the caller hears 408") {
  Settings settings = two_providers();
  settings.ring_timeout = 20s;
  Forwarded world(settings);
  world.call();
  (void)world.callee.stack.progress(world.at_callee(), 180);
  world.world.run(21s);
  CHECK(world.callee.count<event::Cancelled>() == 1);
  CHECK(world.caller.last<event::Refused>().status == 408);
  CHECK(world.region.is_clean());
}

TEST_CASE("early media of the callee is heard by the caller before the answer") {
  Forwarded world;
  world.call();
  (void)world.callee.stack.progress(world.at_callee(), 183, sdp_of("192.0.2.2", 5000, "8 101"));
  world.world.run(100ms);
  CHECK(world.caller.last<event::Progress>().status == 183);
  CHECK(world.caller.last<event::Progress>().body.is_sdp());
  CHECK(world.region.media.has("2 connect bridge 1"));
  CHECK(world.region.events("answer") == 0);
  (void)world.callee.stack.accept(world.at_callee(), sdp_of("192.0.2.2", 5000, "8 101"));
  world.world.run(100ms);
  CHECK(world.caller.count<event::Accepted>() == 1);
  CHECK(world.caller.last<event::Accepted>().body.content.find("m=audio 20000 RTP/AVP 8") != std::string::npos);
}

TEST_CASE("an unknown number is 404, a stranger hears nothing at all") {
  Forwarded world;
  world.call("+19990000");
  CHECK(world.caller.last<event::Refused>().status == 404);
  InviteRequest request = world.invite();
  (void)world.second.stack.invite(
      std::move(request));  // its address calls in from nowhere: known as a target, not as a caller
  world.world.run(100ms);
  CHECK(world.second.last<event::Refused>().status == 403);
  Agent stranger(world.world, "192.0.2.66:5060");
  (void)stranger.stack.invite(world.invite());
  world.world.run(40s);
  CHECK(stranger.last<event::Refused>().is_local);
  CHECK(world.region.events("start") == 0);
}

TEST_CASE("channel limits are kept and given back") {
  Settings settings = two_providers();
  settings.providers[0].channels_max = 1;
  Forwarded world(settings);
  world.call();
  const DialogId first = world.dialog;
  world.call();
  CHECK(world.caller.last<event::Refused>().status == 503);
  CHECK(world.caller.last<event::Refused>().response.has(HeaderId::retry_after));
  world.caller.stack.cancel(first);
  world.world.run(1s);
  world.call();
  CHECK(world.callee.count<event::Invited>() == 2);
}

TEST_CASE("digest is asked for where a provider has users") {
  Settings settings = two_providers();
  settings.providers[0].inbound_realm = "trunk.example";
  settings.providers[0].inbound_users = {{"alice", "secret"}};
  Forwarded world(settings);
  world.call();
  CHECK(world.caller.last<event::Refused>().status == 401);
  auto request = world.invite();
  request.credentials = Credentials{.username = "alice", .password = "wrong", .realm = "trunk.example"};
  (void)world.caller.stack.invite(std::move(request));
  world.world.run(100ms);
  CHECK(world.caller.last<event::Refused>().status == 401);
  request = world.invite();
  request.credentials = Credentials{.username = "alice", .password = "secret", .realm = "trunk.example"};
  (void)world.caller.stack.invite(std::move(request));
  world.world.run(100ms);
  CHECK(world.callee.count<event::Invited>() == 1);
}

TEST_CASE("a hold is answered by the gateway, the other side is not troubled and the silence watch rests") {
  Forwarded world;
  world.callee.on_event = [&](DialogId dialog, DialogEvent& event) {
    if (std::holds_alternative<event::Invited>(event))
      (void)world.callee.stack.accept(dialog, sdp_of("192.0.2.2", 5000));
  };
  world.call();
  (void)world.caller.stack.reinvite(world.dialog, sdp_of("192.0.2.1", 4000, "0 8 101", "inactive"));
  world.world.run(100ms);
  CHECK(world.caller.count<event::Accepted>() == 2);
  CHECK(world.caller.last<event::Accepted>().body.content.find("a=inactive") != std::string::npos);
  CHECK(!world.region.media.remotes.back().may_receive);
  CHECK(world.callee.count<event::Requested>() == 0);
  (void)world.caller.stack.reinvite(world.dialog, sdp_of("192.0.2.1", 4000));
  world.world.run(100ms);
  CHECK(world.caller.count<event::Accepted>() == 3);
  CHECK(world.region.media.remotes.back().may_receive);
  CHECK(world.callee.count<event::Requested>() == 0);
}

TEST_CASE("a late offer is answered in the ACK") {
  Forwarded world;
  auto request = world.invite();
  request.body = {};
  world.dialog = *world.caller.stack.invite(std::move(request));
  world.world.run(100ms);
  (void)world.callee.stack.accept(world.at_callee(), sdp_of("192.0.2.2", 5000, "8 101"));
  world.world.run(100ms);
  REQUIRE(world.caller.count<event::Accepted>() == 1);
  CHECK(world.caller.last<event::Accepted>().is_ack_owed);
  (void)world.caller.stack.acknowledge(world.dialog, sdp_of("192.0.2.1", 4000, "8 101"));
  world.world.run(100ms);
  CHECK(world.region.media.has("1 outer 192.0.2.1:4000 PCMA"));
}

TEST_CASE("video lines are relayed with our addresses, and what the callee refuses is refused to the caller") {
  const std::string video = "m=video 4002 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=sendrecv\r\n";
  Forwarded world;
  auto request = world.invite();
  request.body.content += video;
  (void)world.caller.stack.invite(request);
  world.world.run(100ms);
  const std::string offered(world.callee.last<event::Invited>().request.body());
  CHECK(offered.find("m=video 20012 RTP/AVP 96") != std::string::npos);
  CHECK(offered.find("VP8/90000") != std::string::npos);
  CHECK(offered.find("192.0.2.1\r\n") == std::string::npos);
  Body both = sdp_of("192.0.2.2", 5000);
  both.content += "m=video 5002 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n";
  (void)world.callee.stack.accept(world.at_callee(), both);
  world.world.run(100ms);
  CHECK(world.caller.last<event::Accepted>().body.content.find("m=video 20004 RTP/AVP 96") != std::string::npos);
  CHECK(world.region.media.has("1 outer 192.0.2.1:4002 VP8"));
  CHECK(world.region.media.has("2 outer 192.0.2.2:5002 VP8"));

  Forwarded other;
  (void)other.caller.stack.invite(request);
  other.world.run(100ms);
  Body audio_only = sdp_of("192.0.2.2", 5000);
  audio_only.content += "m=video 0 RTP/AVP 96\r\n";
  (void)other.callee.stack.accept(other.at_callee(), audio_only);
  other.world.run(100ms);
  CHECK(other.caller.last<event::Accepted>().body.content.find("m=video 0") != std::string::npos);
}

TEST_CASE("a silent party of a forwarded call ends both with a Reason") {
  Forwarded world;
  world.callee.on_event = [&](DialogId dialog, DialogEvent& event) {
    if (std::holds_alternative<event::Invited>(event))
      (void)world.callee.stack.accept(dialog, sdp_of("192.0.2.2", 5000));
  };
  world.call();
  world.region.media.tell(media::AnchorId{1}, media::event::Silent{.since = 60s});
  world.world.run(1s);
  CHECK(world.caller.last<event::Ended>().reason.find("RTP timeout") != std::string::npos);
  CHECK(world.callee.count<event::Ended>() == 1);
  CHECK(world.region.is_clean());
}

TEST_CASE("without ports the caller is told to try again, and nothing is left behind") {
  Forwarded world;
  world.region.media.is_full = true;
  world.call();
  CHECK(world.caller.last<event::Refused>().status == 503);
  CHECK(world.region.gateway->legs() == 0);
}

TEST_CASE("a draining gateway takes no calls and keeps the ones it has") {
  Forwarded world;
  world.callee.on_event = [&](DialogId dialog, DialogEvent& event) {
    if (std::holds_alternative<event::Invited>(event))
      (void)world.callee.stack.accept(dialog, sdp_of("192.0.2.2", 5000));
  };
  world.call();
  world.region.gateway->drain();
  (void)world.caller.stack.invite(world.invite());
  world.world.run(1s);
  CHECK(world.caller.last<event::Refused>().status == 503);
  CHECK(world.region.gateway->legs() == 2);
  world.region.gateway->stop();
  world.world.run(1s);
  CHECK(world.caller.count<event::Ended>() == 1);
  CHECK(world.region.is_clean());
}

}  // namespace nearend::gateway::test
