#include <doctest/doctest.h>

#include <map>

#include "unit/sip/test_agents.hpp"

using namespace nearend;
using namespace nearend::sip;
using namespace nearend::sip::test;

namespace {

/// Does something at random in each of its talks, and counts what was asked for and what became of it.
class Restless {
 public:
  Restless(World& world, Agent& agent) : world_(world), agent_(agent) {
    agent_.is_remembering = false;
    agent_.on_event = [this](DialogId dialog, DialogEvent& event) { on_event(dialog, event); };
  }
  void call(const Agent& callee) {
    auto request = agent_.to(callee);
    if (world_.sim.random() % 4 == 0) request.body = {};
    request.session_expires = std::chrono::seconds(world_.sim.random() % 3 == 0 ? 90 : 1800);
    if (const auto dialog = agent_.stack.invite(std::move(request))) talks[*dialog].is_ours = true;
  }
  void stir() {
    for (auto& [dialog, talk] : talks) {
      if (talk.is_over) continue;
      switch (world_.sim.random() % 12) {
        case 0:
        case 1:
          talk.changes_asked += talk.is_talking && agent_.stack.reinvite(dialog, sdp()).has_value();
          break;
        case 2:
          talk.requests_asked += talk.is_talking && agent_.stack.request(dialog, Method::update, sdp()).has_value();
          break;
        case 3:
          talk.requests_asked += talk.is_talking && agent_.stack.request(dialog, Method::info, {}).has_value();
          break;
        case 4:
          if (world_.sim.random() % 8 == 0) agent_.stack.end(dialog);
          break;
        case 5:
          if (world_.sim.random() % 20 == 0) agent_.stack.cancel(dialog);
          break;
        default:
          break;
      }
    }
  }
  void end_all() {
    for (auto& [dialog, talk] : talks) agent_.stack.end(dialog);
  }

  struct Talk {
    bool is_ours = false, is_talking = false, is_over = false;
    int changes_asked = 0, changes_done = 0, requests_asked = 0, requests_done = 0, released = 0, answers = 0;
  };
  std::map<DialogId, Talk> talks;

 private:
  void on_event(DialogId dialog, DialogEvent& event) {
    Talk& talk = talks[dialog];
    CHECK(talk.released == 0);  // Released is the last
    if (std::holds_alternative<event::Invited>(event)) {
      if (world_.sim.random() % 2) (void)agent_.stack.progress(dialog, 183, sdp());
      if (world_.sim.random() % 10)
        (void)agent_.stack.accept(dialog, sdp());
      else
        (void)agent_.stack.refuse(dialog, 486);
    }
    if (const auto* accepted = std::get_if<event::Accepted>(&event)) {
      if (accepted->is_ack_owed) CHECK(agent_.stack.acknowledge(dialog, sdp()));
      if (talk.is_ours && talk.answers++ == 0)
        talk.is_talking = true;
      else
        ++talk.changes_done;
    }
    if (std::holds_alternative<event::Acknowledged>(event)) talk.is_talking = true;
    if (const auto* refused = std::get_if<event::Refused>(&event)) {
      if (talk.is_talking) ++talk.changes_done;
      talk.is_over = talk.is_over || refused->is_dialog_over;
    }
    if (const auto* asked = std::get_if<event::Requested>(&event)) {
      const bool is_change = asked->method != Method::info;
      (void)agent_.stack.respond(asked->transaction, 200, is_change ? sdp() : Body{});
    }
    if (std::holds_alternative<event::Responded>(event)) ++talk.requests_done;
    if (std::holds_alternative<event::Ended>(event) || std::holds_alternative<event::NotAcknowledged>(event))
      talk.is_over = true;
    if (std::holds_alternative<event::Released>(event)) ++talk.released, talk.is_over = true;
  }
  World& world_;
  Agent& agent_;
};

void check_quiet(const Restless& side) {
  for (const auto& [dialog, talk] : side.talks) {
    CHECK(talk.released == 1);
    CHECK(talk.changes_done <= talk.changes_asked);
    CHECK(talk.requests_done <= talk.requests_asked);
  }
}

}  // namespace

TEST_CASE(
    "whatever is lost, doubled or overtaken, and whatever both sides do at once, every call ends and nothing is left") {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    CAPTURE(seed);
    World world(seed);
    StackSettings settings;
    settings.is_reliable_provisional_preferred = seed % 2;
    Agent ann(world, "192.0.2.1:5060", settings), bob(world, "192.0.2.2:5060", settings);
    Restless one(world, ann), other(world, bob);
    world.sim.paths().set_default_quality({.jitter = 30ms, .loss = 0.05, .duplicate = 0.05, .reorder = 0.05});
    for (int i = 0; i < 20; ++i) {
      one.call(bob);
      other.call(ann);
      world.run(100ms);
    }
    for (int i = 0; i < 120; ++i) {
      one.stir();
      other.stir();
      world.run(1s);
    }
    one.end_all();
    other.end_all();
    world.run(200s);
    check_quiet(one);
    check_quiet(other);
    CHECK(ann.stack.dialogs() == 0);
    CHECK(bob.stack.dialogs() == 0);
    CHECK(ann.stack.transactions() == 0);
    CHECK(bob.stack.transactions() == 0);
  }
}

TEST_CASE("on a clean network each change and request of a talk that goes on has one outcome") {
  World world(3);
  Agent ann(world, "192.0.2.1:5060"), bob(world, "192.0.2.2:5060");
  bob.answer_all();
  ann.answer_all();
  const auto call = *ann.stack.invite(ann.to(bob));
  world.run(1s);
  const auto callee = bob.dialog_of<event::Invited>();
  const auto asked = [&](Agent& agent, DialogId dialog) {
    REQUIRE(agent.stack.reinvite(dialog, sdp()));
    REQUIRE(agent.stack.request(dialog, Method::update, sdp()));
    REQUIRE(agent.stack.request(dialog, Method::info, {}));
  };
  for (int i = 0; i < 20; ++i) {
    asked(ann, call);
    asked(bob, callee);
    world.run(std::chrono::milliseconds(world.sim.random() % 5000));
  }
  world.run(120s);
  CHECK(ann.count<event::Accepted>() + ann.count<event::Refused>() == 21);
  CHECK(bob.count<event::Accepted>() + bob.count<event::Refused>() == 20);
  CHECK(ann.count<event::Responded>() == 40);
  CHECK(bob.count<event::Responded>() == 40);
}
