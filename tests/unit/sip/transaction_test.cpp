#include <doctest/doctest.h>

#include "unit/sip/test_agents.hpp"

using namespace nearend;
using namespace nearend::sip;
using namespace nearend::sip::test;

TEST_CASE("an INVITE that nobody answers is sent seven times in 64*T1 and then fails with 408") {
  World world;
  Agent ann(world, "192.0.2.1:5060");
  RawPeer silent(world, "192.0.2.9:5060");
  REQUIRE(ann.stack.invite(ann.to({at("192.0.2.9:5060")})));
  world.run(31s);
  CHECK(silent.count("INVITE") == 6);
  world.run(2s);
  CHECK(silent.count("INVITE") == 7);
  CHECK(ann.last<event::Refused>().status == 408);
  CHECK(ann.last<event::Refused>().is_local);
  CHECK(ann.count<event::Released>() == 1);
  CHECK(ann.stack.transactions() == 0);
}

TEST_CASE("a provisional response ends the INVITE's retransmission") {
  World world;
  Agent ann(world, "192.0.2.1:5060");
  RawPeer bob(world, "192.0.2.9:5060");
  REQUIRE(ann.stack.invite(ann.to({at("192.0.2.9:5060")})));
  world.run(100ms);
  bob.answer("INVITE", 100, {});
  world.run(20s);
  CHECK(bob.count("INVITE") == 1);
}

TEST_CASE("another request is sent eleven times, at most T2 apart, and then fails with 408") {
  World world;
  Agent ann(world, "192.0.2.1:5060");
  RawPeer silent(world, "192.0.2.9:5060");
  int status = 0;
  REQUIRE(ann.stack.send_request(Method::options, "sip:192.0.2.9", "<sip:ann@192.0.2.1>", {}, {}, {},
                                 [&](int got, const Message&) { status = got; }));
  world.run(33s);
  CHECK(silent.count("OPTIONS") == 11);
  CHECK(status == 408);
}

TEST_CASE("a refusal is acknowledged on the INVITE's branch, each time it comes, and told once") {
  World world;
  Agent ann(world, "192.0.2.1:5060");
  RawPeer bob(world, "192.0.2.9:5060");
  REQUIRE(ann.stack.invite(ann.to({at("192.0.2.9:5060")})));
  world.run(100ms);
  for (int i = 0; i < 3; ++i) {
    bob.answer("INVITE", 486, "bobtag");
    world.run(100ms);
  }
  CHECK(bob.count("ACK") == 3);
  CHECK(bob.last_message("ACK").header(HeaderId::via) == bob.last_message("INVITE").header(HeaderId::via));
  CHECK(bob.last_message("ACK").to_tag() == "bobtag");
  CHECK(ann.count<event::Refused>() == 1);
  CHECK(ann.last<event::Refused>().status == 486);
  CHECK_FALSE(ann.last<event::Refused>().is_local);
}

TEST_CASE("a refusal we send is repeated until its ACK comes") {
  World world;
  Agent bob(world, "192.0.2.2:5060");
  bob.on_event = [&](DialogId dialog, DialogEvent& event) {
    if (std::holds_alternative<event::Invited>(event)) (void)bob.stack.refuse(dialog, 486);
  };
  RawPeer raw(world, "192.0.2.9:5060");
  const RawRequest invite;
  raw.send(bob.endpoint, invite.text());
  world.run(4s);
  CHECK(raw.count("SIP/2.0 486") == 4);  // at 0, 0.5, 1.5, 3.5 s
  const std::string tag(raw.last_message("SIP/2.0 486").to_tag());
  RawRequest ack = invite;
  ack.method = "ACK";
  ack.to_tag = tag;
  raw.send(bob.endpoint, ack.text());
  world.run(30s);
  CHECK(raw.count("SIP/2.0 486") == 4);
  CHECK(bob.stack.transactions() == 0);
  CHECK(bob.count<event::Acknowledged>() == 0);
}

TEST_CASE("a request that comes again is answered again and told once") {
  World world;
  Agent bob(world, "192.0.2.2:5060");
  RawPeer raw(world, "192.0.2.9:5060");
  int told = 0;
  bob.on_outside = [&](ServerTransactionId transaction, const Message&, const Flow&) {
    ++told;
    (void)bob.stack.respond(transaction, 200);
  };
  const RawRequest options{.method = "OPTIONS"};
  for (int i = 0; i < 3; ++i) {
    raw.send(bob.endpoint, options.text());
    world.run(100ms);
  }
  CHECK(told == 1);
  CHECK(raw.count("SIP/2.0 200") == 3);
  world.run(33s);
  CHECK(bob.stack.transactions() == 0);
}

TEST_CASE("an INVITE of RFC 2543, without a branch, is recognised when it comes again") {
  World world;
  Agent bob(world, "192.0.2.2:5060");
  RawPeer raw(world, "192.0.2.9:5060");
  RawRequest invite;
  invite.branch = "1";
  for (int i = 0; i < 3; ++i) {
    raw.send(bob.endpoint, invite.text());
    world.run(100ms);
  }
  CHECK(bob.count<event::Invited>() == 1);
}

TEST_CASE("answers go to the port that rport asks for, and else to the port in Via") {
  World world;
  Agent bob(world, "192.0.2.2:5060");
  RawPeer asked(world, "192.0.2.9:7000"), elsewhere(world, "192.0.2.9:5060");
  asked.send(bob.endpoint, RawRequest{.method = "OPTIONS"}.text());
  world.run(100ms);
  REQUIRE(asked.count("SIP/2.0 200") == 1);
  const auto via = asked.last_message("SIP/2.0 200").top_via();
  CHECK(via->rport() == 7000);
  CHECK(via->received() == "192.0.2.9");
  std::string text = RawRequest{.method = "OPTIONS", .branch = "z9hG4bKother", .cseq = 2}.text();
  text.replace(text.find(";rport"), 6, "");
  asked.send(bob.endpoint, text);
  world.run(100ms);
  CHECK(elsewhere.count("SIP/2.0 200") == 1);
}

TEST_CASE("a response with a guessed branch finds nobody") {
  World world;
  Agent ann(world, "192.0.2.1:5060");
  RawPeer bob(world, "192.0.2.9:5060");
  REQUIRE(ann.stack.invite(ann.to({at("192.0.2.9:5060")})));
  world.run(100ms);
  Message forged = Message::response(bob.last_message("INVITE"), 486);
  auto via = *forged.top_via();
  std::string branch(via.branch());
  branch[30] = branch[30] == '0' ? '1' : '0';
  via.parameters.set("branch", branch);
  REQUIRE(forged.set_top_via(via));
  bob.send(ann.endpoint, forged.serialize());
  world.run(100ms);
  CHECK(ann.count<event::Refused>() == 0);
}
