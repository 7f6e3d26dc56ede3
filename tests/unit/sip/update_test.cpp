#include <doctest/doctest.h>

#include "unit/sip/test_agents.hpp"

using namespace nearend;
using namespace nearend::sip;
using namespace nearend::sip::test;

namespace {

struct Pair {
  explicit Pair(StackSettings settings = {})
      : ann(world, "192.0.2.1:5060", settings), bob(world, "192.0.2.2:5060", settings) {}
  World world;
  Agent ann, bob;
  size_t answers(std::string_view first_line) const {
    return static_cast<size_t>(std::ranges::count(seen, first_line));
  }
  void watch() {
    world.sim.network().observe([this](const sim::PacketSeen& packet) {
      seen.emplace_back(reinterpret_cast<const char*>(packet.bytes.data()), 11);
    });
  }
  std::vector<std::string> seen;
};

/// A raw caller whose INVITE has been answered, or waits if `is_answered` is false.
struct RawCall {
  explicit RawCall(bool is_answered, std::string extra = {}) {
    invite.extra = std::move(extra);
    if (is_answered)
      bob.on_event = [this](DialogId dialog, DialogEvent& event) {
        if (std::holds_alternative<event::Invited>(event)) (void)bob.stack.accept(dialog, sdp());
      };
    raw.send(bob.endpoint, invite.text());
    world.run(50ms);
    if (is_answered) {
      tag = raw.last_message("SIP/2.0 200").to_tag();
      send("ACK", 1);
    }
  }
  Message send(std::string method, uint32_t cseq, std::string body = {}, std::string extra = {}) {
    RawRequest request = invite;
    request.method = std::move(method);
    request.cseq = cseq;
    request.to_tag = tag;
    request.branch = "z9hG4bK" + request.method + std::to_string(cseq);
    request.extra = std::move(extra);
    request.body = std::move(body);
    raw.send(bob.endpoint, request.text());
    world.run(50ms);
    return parse_message(raw.heard.back()).message;
  }
  World world;
  Agent bob{world, "192.0.2.2:5060"};
  RawPeer raw{world, "192.0.2.9:5060"};
  RawRequest invite{.body = "v=0\r\n"};
  std::string tag;
};

}  // namespace

TEST_CASE("UPDATE changes the session before the call is answered, from either side (RFC 3311)") {
  StackSettings reliable;
  reliable.is_reliable_provisional_preferred = true;
  Pair pair(reliable);
  const DialogId call = *pair.ann.stack.invite(pair.ann.to(pair.bob));
  pair.world.run(50ms);
  const DialogId callee = pair.bob.dialog_of<event::Invited>();
  REQUIRE(pair.bob.stack.progress(callee, 183, sdp()));
  pair.world.run(50ms);
  const auto answer_with = [](Agent& agent, std::string text) {
    agent.on_event = [&agent, text = std::move(text)](DialogId, DialogEvent& event) {
      if (const auto* requested = std::get_if<event::Requested>(&event))
        (void)agent.stack.respond(requested->transaction, 200, sdp(text));
    };
  };
  answer_with(pair.bob, "v=0\r\nof bob\r\n");
  answer_with(pair.ann, "v=0\r\nof ann\r\n");
  REQUIRE(pair.ann.stack.request(call, Method::update, sdp("v=0\r\nhold\r\n")));
  pair.world.run(50ms);
  CHECK(pair.bob.last<event::Requested>().body.content == "v=0\r\nhold\r\n");
  CHECK(pair.ann.last<event::Responded>().body.content == "v=0\r\nof bob\r\n");
  REQUIRE(pair.bob.stack.request(callee, Method::update, sdp("v=0\r\nother codec\r\n")));
  pair.world.run(50ms);
  CHECK(pair.ann.last<event::Requested>().body.content == "v=0\r\nother codec\r\n");
  CHECK(pair.bob.last<event::Responded>().body.content == "v=0\r\nof ann\r\n");
  REQUIRE(pair.bob.stack.accept(callee, {}));
  pair.world.run(1s);
  CHECK(pair.ann.count<event::Accepted>() == 1);
}

TEST_CASE("an UPDATE with an offer that crosses ours is answered 491, and both get through") {
  Pair pair;
  pair.bob.answer_all();
  const DialogId call = *pair.ann.stack.invite(pair.ann.to(pair.bob));
  pair.world.run(1s);
  pair.ann.answer_all();
  pair.watch();
  REQUIRE(pair.ann.stack.request(call, Method::update, sdp("v=0\r\nann\r\n")));
  REQUIRE(pair.bob.stack.request(pair.bob.dialog_of<event::Invited>(), Method::update, sdp("v=0\r\nbob\r\n")));
  pair.world.run(10s);
  CHECK(pair.answers("SIP/2.0 491") == 2);
  CHECK(pair.ann.last<event::Responded>().status == 200);
  CHECK(pair.bob.last<event::Responded>().status == 200);
}

TEST_CASE("a second offer by UPDATE, or one before the INVITE's is answered, is 500 with Retry-After") {
  RawCall ringing(false);
  REQUIRE(ringing.bob.stack.progress(ringing.bob.dialog_of<event::Invited>(), 180));
  ringing.world.run(50ms);
  ringing.tag = ringing.raw.last_message("SIP/2.0 180").to_tag();
  const Message early = ringing.send("UPDATE", 2, "v=0\r\n");
  CHECK(early.status() == 500);
  CHECK(early.has(HeaderId::retry_after));

  RawCall talk(true);
  (void)talk.send("UPDATE", 2, "v=0\r\n");  // waits for the listener's answer
  CHECK(talk.bob.count<event::Requested>() == 1);
  const Message second = talk.send("UPDATE", 3, "v=0\r\n");
  CHECK(second.status() == 500);
  CHECK(second.has(HeaderId::retry_after));
  CHECK(talk.bob.count<event::Requested>() == 1);
}

TEST_CASE("an UPDATE without an offer is answered by the stack, with its Contact") {
  RawCall talk(true);
  const Message answer = talk.send("UPDATE", 2);
  CHECK(answer.status() == 200);
  CHECK(answer.contact());
  CHECK(talk.bob.count<event::Requested>() == 0);
}

TEST_CASE("an UPDATE that asks for too short a session is 422 with Min-SE") {
  RawCall talk(true);
  const Message answer = talk.send("UPDATE", 2, {}, "Supported: timer\r\nSession-Expires: 30\r\n");
  CHECK(answer.status() == 422);
  CHECK(answer.header(HeaderId::min_se) == "90");
}

TEST_CASE("a PRACK that names another INVITE is 481") {
  RawCall talk(false, "Require: 100rel\r\n");
  REQUIRE(talk.bob.stack.progress(talk.bob.dialog_of<event::Invited>(), 180));
  talk.world.run(50ms);
  const Message ringing = talk.raw.last_message("SIP/2.0 180");
  talk.tag = ringing.to_tag();
  const std::string rseq(ringing.header(HeaderId::rseq));
  CHECK(talk.send("PRACK", 2, {}, "RAck: " + rseq + " 7 INVITE\r\n").status() == 481);
  CHECK(talk.send("PRACK", 3, {}, "RAck: " + rseq + " 1 INVITE\r\n").status() == 200);
}
