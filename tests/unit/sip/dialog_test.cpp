#include <doctest/doctest.h>

#include "unit/sip/test_agents.hpp"

using namespace nearend;
using namespace nearend::sip;
using namespace nearend::sip::test;

namespace {

/// Two agents in a talk.
struct Talk {
  explicit Talk(StackSettings settings = {}, uint64_t seed = 1) : world(seed), settings_(settings) {
    bob.answer_all();
    call = *ann.stack.invite(ann.to(bob));
    world.run(1s);
    callee = bob.dialog_of<event::Invited>();
  }
  World world;
  StackSettings settings_;
  Agent ann{world, "192.0.2.1:5060", settings_};
  Agent bob{world, "192.0.2.2:5060", settings_};
  DialogId call{}, callee{};
};

/// A raw peer that has called an agent and been answered.
struct RawCall {
  RawCall() {
    bob.answer_all();
    raw.send(bob.endpoint, invite.text());
    world.run(100ms);
    tag = raw.last_message("SIP/2.0 200").to_tag();
  }
  RawRequest next(std::string method, uint32_t cseq) const {
    RawRequest request = invite;
    request.method = std::move(method);
    request.cseq = cseq;
    request.to_tag = tag;
    request.branch = "z9hG4bK" + request.method + std::to_string(cseq);
    return request;
  }
  void send(const RawRequest& request) {
    raw.send(bob.endpoint, request.text());
    world.run(100ms);
  }
  World world;
  Agent bob{world, "192.0.2.2:5060"};
  RawPeer raw{world, "192.0.2.9:5060"};
  RawRequest invite{.body = "v=0\r\n"};
  std::string tag;
};

}  // namespace

TEST_CASE("of two branches that answer the first 200 wins, the other is acknowledged and hung up") {
  World world;
  Agent ann(world, "192.0.2.1:5060");
  RawPeer proxy(world, "192.0.2.9:5060");
  REQUIRE(ann.stack.invite(ann.to({at("192.0.2.9:5060")})));
  world.run(50ms);
  proxy.answer("INVITE", 180, "a");
  proxy.answer("INVITE", 180, "b");
  proxy.answer("INVITE", 200, "a", {}, "v=0\r\n");
  proxy.answer("INVITE", 200, "b", {}, "v=0\r\n");
  world.run(100ms);
  CHECK(ann.count<event::Progress>() == 2);
  CHECK(ann.count<event::Accepted>() == 1);
  CHECK(ann.last<event::Accepted>().response.to_tag() == "a");
  CHECK(proxy.count("ACK") == 2);
  REQUIRE(proxy.count("BYE") == 1);
  CHECK(proxy.last_message("BYE").to_tag() == "b");
  CHECK(ann.stack.dialogs() == 1);
  proxy.answer("INVITE", 200, "a", {}, "v=0\r\n");  // its ACK was lost
  proxy.answer("INVITE", 200, "b", {}, "v=0\r\n");
  world.run(100ms);
  CHECK(proxy.count("ACK") == 4);
  CHECK(proxy.count("BYE") == 1);
}

TEST_CASE("a call that is cancelled ends in 487 at both ends") {
  World world;
  Agent ann(world, "192.0.2.1:5060"), bob(world, "192.0.2.2:5060");
  const auto call = *ann.stack.invite(ann.to(bob));
  world.run(100ms);
  ann.stack.cancel(call, "SIP;cause=200;text=\"elsewhere\"");
  world.run(100ms);
  CHECK(ann.last<event::Refused>().status == 487);
  CHECK(bob.last<event::Cancelled>().reason == "SIP;cause=200;text=\"elsewhere\"");
  CHECK(ann.count<event::Released>() == 1);
  CHECK(bob.count<event::Released>() == 1);
  world.run(40s);
  CHECK(ann.stack.transactions() + bob.stack.transactions() == 0);
}

TEST_CASE("CANCEL waits for a provisional response") {
  World world;
  Agent ann(world, "192.0.2.1:5060");
  RawPeer bob(world, "192.0.2.9:5060");
  const auto call = *ann.stack.invite(ann.to({at("192.0.2.9:5060")}));
  world.run(50ms);
  ann.stack.cancel(call);
  world.run(100ms);
  CHECK(bob.count("CANCEL") == 0);
  bob.answer("INVITE", 180, "t");
  world.run(100ms);
  REQUIRE(bob.count("CANCEL") == 1);
  CHECK(bob.last_message("CANCEL").top_via()->branch() == bob.last_message("INVITE").top_via()->branch());
  CHECK(ann.count<event::Progress>() == 0);
}

TEST_CASE("a 200 that crosses CANCEL is acknowledged and hung up, and the caller hears 487") {
  World world;
  Agent ann(world, "192.0.2.1:5060");
  RawPeer bob(world, "192.0.2.9:5060");
  const auto call = *ann.stack.invite(ann.to({at("192.0.2.9:5060")}));
  world.run(50ms);
  bob.answer("INVITE", 180, "t");
  world.run(50ms);
  ann.stack.cancel(call);
  bob.answer("INVITE", 200, "t", {}, "v=0\r\n");
  world.run(100ms);
  CHECK(bob.count("CANCEL") == 1);
  CHECK(bob.count("ACK") == 1);
  CHECK(bob.count("BYE") == 1);
  CHECK(ann.count<event::Accepted>() == 0);
  CHECK(ann.last<event::Refused>().status == 487);
  CHECK(ann.stack.dialogs() == 0);
}

TEST_CASE("CANCEL after our 200 changes nothing, and one for nothing is answered 481") {
  RawCall call;
  RawRequest cancel = call.invite;
  cancel.method = "CANCEL";
  cancel.body.clear();
  call.send(cancel);
  CHECK(call.raw.count("SIP/2.0 200") >= 2);
  CHECK(call.bob.count<event::Cancelled>() == 0);
  CHECK(call.bob.stack.dialogs() == 1);
  cancel.branch = "z9hG4bKnothing";
  call.send(cancel);
  CHECK(call.raw.count("SIP/2.0 481") == 1);
}

TEST_CASE("nobody answers: after the answer timeout the call is cancelled and ends in 408") {
  World world;
  Agent ann(world, "192.0.2.1:5060"), bob(world, "192.0.2.2:5060");
  auto request = ann.to(bob);
  request.answer_timeout = 20s;
  REQUIRE(ann.stack.invite(std::move(request)));
  world.run(19s);
  CHECK(ann.count<event::Refused>() == 0);
  world.run(2s);
  CHECK(ann.last<event::Refused>().status == 408);
  CHECK(bob.count<event::Cancelled>() == 1);
}

TEST_CASE("our 200 is repeated until its ACK, and after 64*T1 without one we hang up") {
  RawCall call;
  call.world.run(31s);
  CHECK(call.raw.count("SIP/2.0 200") == 10);  // T1 doubling up to T2
  CHECK(call.bob.count<event::NotAcknowledged>() == 0);
  call.world.run(2s);
  CHECK(call.bob.count<event::NotAcknowledged>() == 1);
  CHECK(call.raw.count("BYE") >= 1);
  call.raw.answer("BYE", 200, {});
  call.world.run(1s);
  CHECK(call.bob.last<event::Released>().is_answered);
  CHECK(call.bob.stack.dialogs() == 0);
}

TEST_CASE("BYE waits for the ACK of our 200") {
  RawCall call;
  call.bob.stack.end(call.bob.dialog_of<event::Invited>(), {{"Reason", "Q.850;cause=16"}});
  call.world.run(1s);
  CHECK(call.raw.count("BYE") == 0);
  call.send(call.next("ACK", 1));
  REQUIRE(call.raw.count("BYE") == 1);
  CHECK(call.raw.last_message("BYE").header(HeaderId::reason) == "Q.850;cause=16");
}

TEST_CASE("requests for unknown dialogs are answered 481, an ACK is not answered") {
  RawCall call;
  call.send(call.next("ACK", 1));
  const size_t heard = call.raw.heard.size();
  RawRequest ack = call.next("ACK", 1);
  ack.to_tag = "nobody";
  call.send(ack);
  CHECK(call.raw.heard.size() == heard);
  for (const char* method : {"BYE", "INFO", "INVITE", "UPDATE"}) {
    RawRequest request = call.next(method, 5);
    request.to_tag = "nobody";
    call.send(request);
    CHECK(call.raw.last_message("SIP/2.0 481").cseq()->method_name == method);
  }
  RawRequest stranger = call.next("BYE", 6);
  stranger.call_id = "another";
  call.send(stranger);
  CHECK(call.raw.count("SIP/2.0 481") == 5);
  CHECK(call.bob.stack.dialogs() == 1);
}

TEST_CASE("a request with an old CSeq is answered 500") {
  RawCall call;
  call.send(call.next("ACK", 1));
  call.send(call.next("INFO", 9));
  CHECK(call.raw.last_message("SIP/2.0 200").cseq()->number == 9);
  call.send(call.next("INFO", 8));
  CHECK(call.raw.last_message("SIP/2.0 500").cseq()->number == 8);
}

TEST_CASE("INFO and UPDATE travel both ways and come back with their cookie") {
  Talk talk;
  const auto info = talk.ann.stack.request(talk.call, Method::info, {"application/dtmf-relay", "Signal=5\r\n"});
  const auto update = talk.bob.stack.request(talk.callee, Method::update, sdp());
  talk.ann.answer_all();
  talk.world.run(1s);
  REQUIRE(info);
  REQUIRE(update);
  CHECK(talk.bob.last<event::Requested>().body.content == "Signal=5\r\n");
  CHECK(talk.ann.last<event::Responded>().cookie == *info);
  CHECK(talk.ann.last<event::Responded>().status == 200);
  CHECK(talk.ann.last<event::Requested>().method == Method::update);
  CHECK(talk.bob.last<event::Responded>().cookie == *update);
  CHECK(talk.bob.last<event::Responded>().body.is_sdp());
}

TEST_CASE("a re-INVITE is answered and acknowledged; one without an offer owes its ACK") {
  Talk talk;
  REQUIRE(talk.ann.stack.reinvite(talk.call, sdp("v=0\r\nhold\r\n")));
  talk.world.run(1s);
  CHECK(talk.ann.count<event::Accepted>() == 2);
  CHECK(talk.bob.count<event::Acknowledged>() == 2);
  REQUIRE(talk.ann.stack.reinvite(talk.call, {}));
  talk.world.run(1s);
  CHECK(talk.ann.count<event::Accepted>() == 3);
  CHECK(talk.ann.last<event::Accepted>().is_ack_owed);
  CHECK(talk.bob.count<event::Acknowledged>() == 2);
  REQUIRE(talk.ann.stack.acknowledge(talk.call, sdp("v=0\r\nanswer\r\n")));
  talk.world.run(1s);
  CHECK(talk.bob.count<event::Acknowledged>() == 3);
  CHECK(talk.bob.last<event::Acknowledged>().body.content == "v=0\r\nanswer\r\n");
}

TEST_CASE("a late offer: the 200 carries the offer and the ACK the answer") {
  World world;
  Agent ann(world, "192.0.2.1:5060"), bob(world, "192.0.2.2:5060");
  bob.answer_all();
  auto request = ann.to(bob);
  request.body = {};
  const auto call = *ann.stack.invite(std::move(request));
  world.run(3s);
  REQUIRE(ann.last<event::Accepted>().is_ack_owed);
  REQUIRE(ann.stack.acknowledge(call, sdp("v=0\r\nmine\r\n")));
  world.run(1s);
  CHECK(bob.last<event::Acknowledged>().body.content == "v=0\r\nmine\r\n");
  CHECK(ann.count<event::Accepted>() == 1);
  CHECK_FALSE(ann.stack.acknowledge(call, sdp()));
}

TEST_CASE("re-INVITEs of one dialog go one after the other") {
  Talk talk;
  for (int i = 0; i < 5; ++i) REQUIRE(talk.ann.stack.reinvite(talk.call, sdp("v=0\r\n" + std::to_string(i))));
  talk.world.run(1s);
  CHECK(talk.ann.count<event::Accepted>() == 6);
  CHECK(talk.bob.last<event::Requested>().body.content == "v=0\r\n4");
  CHECK(talk.ann.count<event::Refused>() == 0);
}

TEST_CASE("a re-INVITE that crosses ours is answered 491, and both get through within 10 s, the other side first") {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    Talk talk({}, seed);
    talk.ann.answer_all();
    int met_491 = 0;
    talk.world.sim.network().observe([&](const sim::PacketSeen& packet) {
      const std::string_view text(reinterpret_cast<const char*>(packet.bytes.data()), packet.bytes.size());
      if (text.starts_with("SIP/2.0 491")) ++met_491;
    });
    const auto start = talk.world.sim.now();
    io::Instant ann_done{}, bob_done{};
    auto watch = [&](Agent& agent, io::Instant& done) {
      agent.on_event = [&, inner = agent.on_event](DialogId dialog, DialogEvent& event) {
        if (std::holds_alternative<event::Accepted>(event)) done = talk.world.sim.now();
        inner(dialog, event);
      };
    };
    watch(talk.ann, ann_done);
    watch(talk.bob, bob_done);
    REQUIRE(talk.ann.stack.reinvite(talk.call, sdp()));
    REQUIRE(talk.bob.stack.reinvite(talk.callee, sdp()));
    talk.world.run(10s);
    CHECK(met_491 == 2);
    CHECK(ann_done - start >= 2100ms);  // owner of the Call-ID
    CHECK(ann_done - start <= 4500ms);
    CHECK(bob_done - start <= 2500ms);
    CHECK(bob_done > start);
  }
}

TEST_CASE("where one side yields in glare, the other's re-INVITE stands at once and the yielding side hears 491") {
  for (const bool is_caller_yielding : {true, false}) {
    World world;
    StackSettings yielding;
    yielding.is_yielding_in_glare = true;
    Agent ann(world, "192.0.2.1:5060", is_caller_yielding ? yielding : StackSettings{});
    Agent bob(world, "192.0.2.2:5060", is_caller_yielding ? StackSettings{} : yielding);
    ann.answer_all();
    bob.answer_all();
    const DialogId call = *ann.stack.invite(ann.to(bob));
    world.run(1s);
    const DialogId callee = bob.dialog_of<event::Invited>();
    CHECK_FALSE(ann.stack.is_changing(call));
    REQUIRE(ann.stack.reinvite(call, sdp("v=0\r\nann")));
    REQUIRE(bob.stack.reinvite(callee, sdp("v=0\r\nbob")));
    CHECK(ann.stack.is_changing(call));
    world.run(200ms);
    Agent& standing = is_caller_yielding ? bob : ann;
    Agent& giving_way = is_caller_yielding ? ann : bob;
    CHECK(giving_way.last<event::Requested>().body.content == (is_caller_yielding ? "v=0\r\nbob" : "v=0\r\nann"));
    CHECK(giving_way.last<event::Refused>().status == 491);
    CHECK_FALSE(giving_way.last<event::Refused>().is_dialog_over);
    CHECK(standing.count<event::Requested>() == 0);
    CHECK(standing.count<event::Refused>() == 0);
    CHECK_FALSE(ann.stack.is_changing(call));
    CHECK_FALSE(bob.stack.is_changing(callee));
    // The way is free for what still matters.
    REQUIRE(giving_way.stack.reinvite(is_caller_yielding ? call : callee, sdp("v=0\r\nagain")));
    world.run(200ms);
    CHECK(standing.last<event::Requested>().body.content == "v=0\r\nagain");
  }
}

TEST_CASE("a second INVITE while the first waits for us is answered 500 with Retry-After") {
  RawCall call;
  call.send(call.next("ACK", 1));
  call.bob.on_event = {};
  RawRequest first = call.next("INVITE", 2), second = call.next("INVITE", 3);
  first.body = second.body = "v=0\r\n";
  call.send(first);
  call.send(second);
  REQUIRE(call.raw.count("SIP/2.0 500") == 1);
  CHECK(call.raw.last_message("SIP/2.0 500").has(HeaderId::retry_after));
  CHECK(call.raw.last_message("SIP/2.0 500").cseq()->number == 3);
}

TEST_CASE("a re-INVITE may be cancelled; the talk goes on") {
  RawCall call;
  call.send(call.next("ACK", 1));
  call.bob.on_event = {};
  RawRequest again = call.next("INVITE", 2);
  again.body = "v=0\r\n";
  call.send(again);
  const auto waiting = call.bob.last<event::Requested>().transaction;
  again.method = "CANCEL";
  again.body.clear();
  call.send(again);
  CHECK(call.raw.count("SIP/2.0 487") == 1);
  CHECK_FALSE(call.bob.stack.respond(waiting, 200, sdp()));
  CHECK(call.bob.count<event::Cancelled>() == 0);
  CHECK(call.bob.stack.dialogs() == 1);
}

TEST_CASE("BYE ends the talk, answers what was waiting with 487, and both hanging up at once is fine") {
  Talk talk;
  talk.bob.on_event = {};
  REQUIRE(talk.ann.stack.reinvite(talk.call, sdp()));
  talk.world.run(100ms);
  talk.ann.stack.end(talk.call);
  talk.bob.stack.end(talk.callee);
  talk.world.run(5s);
  CHECK(talk.ann.count<event::Released>() == 1);
  CHECK(talk.bob.count<event::Released>() == 1);
  CHECK(talk.ann.stack.dialogs() + talk.bob.stack.dialogs() == 0);
  CHECK_FALSE(talk.ann.stack.reinvite(talk.call, sdp()));
  CHECK_FALSE(talk.ann.stack.facts(talk.call));
}

TEST_CASE("a request within the dialog that meets 481 ends it") {
  Talk talk;
  talk.bob.on_event = [&](DialogId, DialogEvent& event) {
    if (const auto* asked = std::get_if<event::Requested>(&event))
      (void)talk.bob.stack.respond(asked->transaction, 481);
  };
  REQUIRE(talk.ann.stack.reinvite(talk.call, sdp()));
  talk.world.run(1s);
  CHECK(talk.ann.last<event::Refused>().is_dialog_over);
  CHECK(talk.ann.count<event::Released>() == 1);
  CHECK(talk.bob.count<event::Ended>() == 1);
}

TEST_CASE("a refused re-INVITE leaves the talk as it was") {
  Talk talk;
  talk.bob.on_event = [&](DialogId, DialogEvent& event) {
    if (const auto* asked = std::get_if<event::Requested>(&event))
      (void)talk.bob.stack.respond(asked->transaction, 488);
  };
  REQUIRE(talk.ann.stack.reinvite(talk.call, sdp()));
  talk.world.run(1s);
  CHECK(talk.ann.last<event::Refused>().status == 488);
  CHECK_FALSE(talk.ann.last<event::Refused>().is_dialog_over);
  CHECK(talk.ann.stack.dialogs() == 1);
}

TEST_CASE("requests follow the recorded route, and a strict router gets its due") {
  World world;
  Agent ann(world, "192.0.2.1:5060");
  RawPeer proxy(world, "192.0.2.9:5060"), first(world, "192.0.2.8:5060");
  const auto call = *ann.stack.invite(ann.to({at("192.0.2.9:5060")}));
  world.run(50ms);
  SUBCASE("loose") {
    proxy.answer("INVITE", 200, "t", {{"Record-Route", "<sip:192.0.2.9;lr>"}, {"Record-Route", "<sip:192.0.2.8;lr>"}},
                 "v=0\r\n");
    world.run(50ms);
    REQUIRE(first.count("ACK") == 1);
    const Message ack = first.last_message("ACK");
    CHECK(ack.request_uri() == "sip:raw@192.0.2.9:5060");
    CHECK(ack.values(HeaderId::route) == std::vector<std::string_view>{"<sip:192.0.2.8;lr>", "<sip:192.0.2.9;lr>"});
  }
  SUBCASE("strict") {
    proxy.answer("INVITE", 200, "t", {{"Record-Route", "<sip:192.0.2.8>"}}, "v=0\r\n");
    world.run(50ms);
    ann.stack.end(call);
    world.run(50ms);
    REQUIRE(first.count("BYE") == 1);
    const Message bye = first.last_message("BYE");
    CHECK(bye.request_uri() == "sip:192.0.2.8");
    CHECK(bye.values(HeaderId::route) == std::vector<std::string_view>{"<sip:raw@192.0.2.9:5060>"});
  }
}

TEST_CASE("a header with a line break is refused at once, wherever it is given") {
  Talk talk;
  const ExtraHeaders bad{{"X-Name", "a\r\nInjected: b"}};
  auto request = talk.ann.to(talk.bob);
  request.headers = bad;
  CHECK_FALSE(talk.ann.stack.invite(request));
  request = talk.ann.to(talk.bob);
  request.from = "<sip:a@b>\r\nX: y";
  CHECK_FALSE(talk.ann.stack.invite(request));
  request = talk.ann.to(talk.bob);
  request.call_id = "a\r\nb";
  CHECK_FALSE(talk.ann.stack.invite(request));
  request = talk.ann.to(talk.bob);
  request.headers = {{"Via", "SIP/2.0/UDP x"}};
  CHECK_FALSE(talk.ann.stack.invite(request));
  CHECK_FALSE(talk.ann.stack.reinvite(talk.call, sdp(), bad));
  CHECK_FALSE(talk.ann.stack.request(talk.call, Method::info, {}, bad));
  CHECK(talk.ann.stack.dialogs() == 1);
}

TEST_CASE("a handle that outlived its dialog is refused, also when its place is taken again") {
  Talk talk;
  talk.ann.stack.end(talk.call);
  talk.world.run(1s);
  const auto next = *talk.ann.stack.invite(talk.ann.to(talk.bob));
  CHECK(next != talk.call);
  CHECK_FALSE(talk.ann.stack.reinvite(talk.call, sdp()));
  talk.ann.stack.end(talk.call);
  talk.world.run(1s);
  CHECK(talk.ann.stack.dialogs() == 1);
}

TEST_CASE("the shard shows in branch, tag and Contact") {
  World world;
  StackSettings settings;
  settings.shard = 0x2a;
  Agent ann(world, "192.0.2.1:5060", settings);
  RawPeer bob(world, "192.0.2.9:5060");
  REQUIRE(ann.stack.invite(ann.to({at("192.0.2.9:5060")})));
  world.run(50ms);
  const Message invite = bob.last_message("INVITE");
  CHECK(invite.top_via()->branch().substr(7, 2) == "2a");
  CHECK(invite.from_tag().substr(0, 2) == "2a");
  CHECK(invite.contact()->uri.user == "2a");
}

TEST_CASE("a re-INVITE that met only a provisional response goes when its dialog has gone") {
  World world;
  Agent ann(world, "192.0.2.1:5060");
  RawPeer bob(world, "192.0.2.9:5060");
  const auto call = *ann.stack.invite(ann.to({at("192.0.2.9:5060")}));
  world.run(50ms);
  bob.answer("INVITE", 200, "t", {}, "v=0\r\n");
  world.run(50ms);
  REQUIRE(ann.stack.reinvite(call, sdp()));
  world.run(50ms);
  bob.answer("INVITE", 100, {});
  world.run(50ms);
  ann.stack.end(call);
  world.run(50ms);
  bob.answer("BYE", 200, {});
  world.run(1s);
  CHECK(ann.stack.dialogs() == 0);
  world.run(40s);
  CHECK(ann.stack.transactions() == 0);
}

TEST_CASE("a re-INVITE without a final response for three minutes ends the talk") {
  World world;
  Agent ann(world, "192.0.2.1:5060");
  RawPeer bob(world, "192.0.2.9:5060");
  const auto call = *ann.stack.invite(ann.to({at("192.0.2.9:5060")}));
  world.run(50ms);
  bob.answer("INVITE", 200, "t", {}, "v=0\r\n");
  world.run(50ms);
  REQUIRE(ann.stack.reinvite(call, sdp()));
  world.run(50ms);
  bob.answer("INVITE", 100, {});
  world.run(170s);
  CHECK(ann.count<event::Refused>() == 0);
  world.run(11s);
  CHECK(ann.last<event::Refused>().status == 408);
  CHECK(bob.count("BYE") >= 1);
}
