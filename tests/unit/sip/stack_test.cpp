#include <doctest/doctest.h>

#include "unit/sip/test_agents.hpp"

using namespace nearend;
using namespace nearend::sip;
using namespace nearend::sip::test;

TEST_CASE("a call is set up, talked on and torn down over UDP and over TCP") {
  for (const Protocol protocol : {Protocol::udp, Protocol::tcp}) {
    World world;
    Agent ann(world, "192.0.2.1:5060"), bob(world, "192.0.2.2:5060");
    bob.answer_all();
    const auto call = ann.stack.invite(ann.to(bob, protocol));
    REQUIRE(call);
    world.run(1s);
    CHECK(bob.count<event::Invited>() == 1);
    CHECK(ann.last<event::Progress>().status == 180);
    CHECK(ann.count<event::Accepted>() == 1);
    CHECK(ann.last<event::Accepted>().body.is_sdp());
    CHECK(bob.count<event::Acknowledged>() == 1);
    ann.stack.end(*call);
    world.run(1s);
    CHECK(bob.count<event::Ended>() == 1);
    CHECK(ann.last<event::Released>().is_answered);
    CHECK(ann.stack.dialogs() == 0);
    CHECK(bob.stack.dialogs() == 0);
    world.run(40s);
    CHECK(ann.stack.transactions() == 0);
    CHECK(bob.stack.transactions() == 0);
  }
}

TEST_CASE("1000 calls are set up over a network that loses 5 %, doubles 2 % and reorders 5 %") {
  World world(42);
  world.sim.paths().set_default_quality({.loss = 0.05, .duplicate = 0.02, .reorder = 0.05});
  Agent ann(world, "192.0.2.1:5060"), bob(world, "192.0.2.2:5060");
  bob.answer_all();
  size_t accepted = 0, refused = 0, invited = 0, released = 0;
  ann.is_remembering = bob.is_remembering = false;
  ann.on_event = [&](DialogId dialog, DialogEvent& event) {
    if (std::holds_alternative<event::Accepted>(event)) {
      ++accepted;
      ann.stack.end(dialog);
    }
    if (std::holds_alternative<event::Refused>(event)) ++refused;
    if (std::holds_alternative<event::Released>(event)) ++released;
  };
  auto answer = bob.on_event;
  bob.on_event = [&](DialogId dialog, DialogEvent& event) {
    if (std::holds_alternative<event::Invited>(event)) ++invited;
    answer(dialog, event);
  };
  for (int i = 0; i < 1000; ++i) {
    REQUIRE(ann.stack.invite(ann.to(bob)));
    world.run(20ms);
  }
  world.run(120s);
  CHECK(accepted >= 999);
  CHECK(accepted + refused == 1000);
  CHECK(invited == 1000);
  CHECK(released == 1000);
  CHECK(ann.stack.dialogs() == 0);
  CHECK(bob.stack.dialogs() == 0);
  CHECK(ann.stack.transactions() == 0);
  CHECK(bob.stack.transactions() == 0);
}
