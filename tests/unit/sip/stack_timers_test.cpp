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
};

StackSettings preferring_reliable() {
  StackSettings settings;
  settings.is_reliable_provisional_preferred = true;
  return settings;
}

}  // namespace

TEST_CASE("a provisional response with SDP is sent reliably and acknowledged by PRACK") {
  Pair pair(preferring_reliable());
  REQUIRE(pair.ann.stack.invite(pair.ann.to(pair.bob)));
  pair.world.run(100ms);
  const auto callee = pair.bob.dialog_of<event::Invited>();
  size_t pracks = 0;
  pair.world.sim.network().observe([&](const sim::PacketSeen& packet) {
    pracks += std::string_view(reinterpret_cast<const char*>(packet.bytes.data()), 5) == "PRACK";
  });
  REQUIRE(pair.bob.stack.progress(callee, 183, sdp()));
  REQUIRE(pair.bob.stack.progress(callee, 183, sdp("v=0\r\nsecond\r\n")));  // waits for the first one's PRACK
  REQUIRE(pair.bob.stack.accept(callee, sdp()));                            // waits for the second's
  pair.world.run(1s);
  CHECK(pracks == 2);
  CHECK(pair.ann.count<event::Progress>() == 2);
  CHECK(pair.ann.last<event::Progress>().body.content == "v=0\r\nsecond\r\n");
  CHECK(pair.ann.count<event::Accepted>() == 1);
}

TEST_CASE("a reliable response is sent again until PRACK comes, and told once") {
  Pair pair(preferring_reliable());
  REQUIRE(pair.ann.stack.invite(pair.ann.to(pair.bob)));
  pair.world.run(100ms);
  size_t sent_183 = 0;
  pair.world.lose([&](const Endpoint&, const Endpoint&, std::string_view text) {
    if (text.starts_with("SIP/2.0 183")) return ++sent_183 < 3;
    return text.starts_with("PRACK") && sent_183 < 5;
  });
  REQUIRE(pair.bob.stack.progress(pair.bob.dialog_of<event::Invited>(), 183, sdp()));
  pair.world.run(60s);
  CHECK(sent_183 >= 5);
  CHECK(sent_183 <= 6);
  CHECK(pair.ann.count<event::Progress>() == 1);
}

TEST_CASE("without PRACK the call is refused after 64*T1") {
  World world;
  Agent bob(world, "192.0.2.2:5060", preferring_reliable());
  RawPeer raw(world, "192.0.2.9:5060");
  raw.send(bob.endpoint, RawRequest{.extra = "Supported: 100rel\r\n", .body = "v=0\r\n"}.text());
  world.run(50ms);
  REQUIRE(bob.stack.progress(bob.dialog_of<event::Invited>(), 183, sdp()));
  world.run(33s);
  CHECK(raw.count("SIP/2.0 183") == 7);
  CHECK(raw.count("SIP/2.0 504") >= 1);
  CHECK(bob.last<event::Ended>().is_local);
  CHECK(bob.stack.dialogs() == 0);
}

TEST_CASE("PRACK is taken for the right response only") {
  World world;
  Agent bob(world, "192.0.2.2:5060");
  RawPeer raw(world, "192.0.2.9:5060");
  raw.send(bob.endpoint, RawRequest{.extra = "Require: 100rel\r\n", .body = "v=0\r\n"}.text());
  world.run(50ms);
  REQUIRE(bob.stack.progress(bob.dialog_of<event::Invited>(), 180));
  world.run(50ms);
  const Message ringing = raw.last_message("SIP/2.0 180");
  CHECK(ringing.has_option_tag(HeaderId::require, "100rel"));
  const uint32_t rseq = ringing.number(HeaderId::rseq).value_or(0);
  CHECK(rseq >= 1);
  const auto prack = [&](uint32_t number, uint32_t cseq) {
    raw.send(bob.endpoint, RawRequest{.method = "PRACK",
                                      .branch = "z9hG4bKprack" + std::to_string(cseq),
                                      .to_tag = std::string(ringing.to_tag()),
                                      .cseq = cseq,
                                      .extra = fmt::format("RAck: {} 1 INVITE\r\n", number)}
                               .text());
    world.run(50ms);
  };
  prack(rseq + 1, 2);
  CHECK(raw.count("SIP/2.0 481") == 1);
  prack(rseq, 3);
  CHECK(raw.count("SIP/2.0 200") == 1);
  prack(rseq, 4);
  CHECK(raw.count("SIP/2.0 481") == 2);
}

TEST_CASE("a reliable response out of order is not acknowledged, one with an offer leaves the PRACK to the listener") {
  World world;
  Agent ann(world, "192.0.2.1:5060");
  RawPeer bob(world, "192.0.2.9:5060");
  auto request = ann.to({at("192.0.2.9:5060")});
  request.body = {};
  const auto call = *ann.stack.invite(std::move(request));
  world.run(50ms);
  const auto answer = [&](int status, std::string_view rseq, std::string_view body = {}) {
    bob.answer("INVITE", status, "t", {{"Require", "100rel"}, {"RSeq", std::string(rseq)}}, body);
    world.run(50ms);
  };
  answer(183, "7", "v=0\r\n");
  CHECK(bob.count("PRACK") == 0);
  REQUIRE(ann.stack.request(call, Method::prack, sdp("v=0\r\nanswer\r\n")));
  world.run(50ms);
  REQUIRE(bob.count("PRACK") == 1);
  CHECK(bob.last_message("PRACK").header(HeaderId::rack) == "7 1 INVITE");
  CHECK(bob.last_message("PRACK").body() == "v=0\r\nanswer\r\n");
  bob.answer("PRACK", 200, {});
  answer(180, "9");
  CHECK(bob.count("PRACK") == 1);
  answer(180, "8");
  CHECK(bob.count("PRACK") == 2);
  answer(180, "8");
  CHECK(bob.count("PRACK") == 2);
  CHECK(ann.count<event::Progress>() == 2);
}

TEST_CASE("the session is refreshed at half its time and the talk outlives it") {
  Pair pair;
  pair.bob.answer_all();
  auto request = pair.ann.to(pair.bob);
  request.session_expires = 100s;
  REQUIRE(pair.ann.stack.invite(std::move(request)));
  size_t updates = 0;
  pair.world.sim.network().observe([&](const sim::PacketSeen& packet) {
    updates += std::string_view(reinterpret_cast<const char*>(packet.bytes.data()), 6) == "UPDATE";
  });
  pair.world.run(1s);
  CHECK(pair.ann.last<event::Accepted>().response.session_expires()->seconds == 100);
  CHECK(pair.ann.last<event::Accepted>().response.session_expires()->refresher == "uac");
  pair.world.run(48s);
  CHECK(updates == 0);
  pair.world.run(2s);
  CHECK(updates == 1);
  pair.world.run(1000s);
  CHECK(updates >= 20);
  CHECK(pair.ann.stack.dialogs() == 1);
  CHECK(pair.bob.stack.dialogs() == 1);
  CHECK(pair.bob.count<event::Requested>() == 0);  // refreshing is the stacks' own affair
}

TEST_CASE("a session that nobody refreshes is hung up before it expires, by both sides") {
  Pair pair;
  pair.bob.answer_all();
  auto request = pair.ann.to(pair.bob);
  request.session_expires = 90s;
  REQUIRE(pair.ann.stack.invite(std::move(request)));
  pair.world.run(1s);
  pair.world.lose([](const Endpoint&, const Endpoint&, std::string_view) { return true; });
  pair.world.run(58s);
  CHECK(pair.bob.count<event::Ended>() == 0);
  pair.world.run(3s);  // 90 - min(32, 30) = 60 s
  CHECK(pair.bob.last<event::Ended>().is_local);
  CHECK(pair.ann.last<event::Ended>().is_local);
  pair.world.run(40s);
  CHECK(pair.bob.stack.dialogs() + pair.ann.stack.dialogs() == 0);
}

TEST_CASE("an interval that is too short is answered 422, and we ask again with the longer one") {
  Pair pair;
  pair.bob.answer_all();
  World& world = pair.world;
  RawPeer raw(world, "192.0.2.9:5060");
  raw.send(pair.bob.endpoint,
           RawRequest{.extra = "Supported: timer\r\nSession-Expires: 30\r\n", .body = "v=0\r\n"}.text());
  world.run(50ms);
  CHECK(raw.last_message("SIP/2.0 422").min_se() == 90);

  auto request = pair.ann.to({at("192.0.2.9:5060")});
  request.session_expires = 120s;
  REQUIRE(pair.ann.stack.invite(std::move(request)));
  world.run(50ms);
  raw.answer("INVITE", 422, "t", {{"Min-SE", "600"}});
  world.run(50ms);
  REQUIRE(raw.count("INVITE") == 2);
  const Message again = raw.last_message("INVITE");
  CHECK(again.session_expires()->seconds == 600);
  CHECK(again.min_se() == 600);
  CHECK(again.cseq()->number == 2);
}

TEST_CASE("a peer without UPDATE is refreshed by a re-INVITE with our last description") {
  World world;
  Agent ann(world, "192.0.2.1:5060");
  RawPeer bob(world, "192.0.2.9:5060");
  auto request = ann.to({at("192.0.2.9:5060")});
  request.session_expires = 100s;
  REQUIRE(ann.stack.invite(std::move(request)));
  world.run(50ms);
  bob.answer("INVITE", 200, "t", {{"Session-Expires", "100;refresher=uac"}, {"Allow", "INVITE, ACK, BYE"}}, "v=0\r\n");
  world.run(51s);
  REQUIRE(bob.count("INVITE") >= 2);
  const Message again = bob.last_message("INVITE");
  CHECK(again.body() == sdp().content);
  CHECK(again.session_expires()->refresher == "uac");
  bob.answer("INVITE", 200, {}, {{"Session-Expires", "100;refresher=uac"}}, "v=0\r\n");
  world.run(100ms);
  CHECK(ann.count<event::Accepted>() == 1);
  CHECK(bob.last_message("ACK").cseq()->number == again.cseq()->number);
}

TEST_CASE("the callee refreshes for a caller that does not know timers") {
  World world;
  Agent bob(world, "192.0.2.2:5060");
  bob.answer_all();
  RawPeer raw(world, "192.0.2.9:5060");
  raw.send(bob.endpoint,
           RawRequest{.extra = "Session-Expires: 100\r\nAllow: INVITE, UPDATE\r\n", .body = "v=0\r\n"}.text());
  world.run(50ms);
  const Message answer = raw.last_message("SIP/2.0 200");
  CHECK(answer.session_expires()->refresher == "uas");
  raw.send(bob.endpoint,
           RawRequest{.method = "ACK", .branch = "z9hG4bKa", .to_tag = std::string(answer.to_tag())}.text());
  world.run(51s);
  CHECK(raw.count("UPDATE") >= 1);
}
