#include <doctest/doctest.h>

#include "base/json.hpp"
#include "sdp/sdp.hpp"
#include "unit/gateway/region.hpp"

namespace nearend::gateway::test {
namespace {

using namespace sip;

/// A forwarded talk whose media node can be lost.
struct Lost {
  Lost() {
    region.media.node = "http://node1";
    callee.on_event = [this](DialogId dialog, DialogEvent& event) {
      if (std::holds_alternative<event::Invited>(event)) (void)callee.stack.accept(dialog, sdp_of("192.0.2.2", 5000));
      if (const auto* requested = std::get_if<event::Requested>(&event))
        (void)callee.stack.respond(requested->transaction, callee_status, sdp_of("192.0.2.2", 5000));
    };
    caller.on_event = [this](DialogId, DialogEvent& event) {
      if (const auto* requested = std::get_if<event::Requested>(&event))
        (void)caller.stack.respond(requested->transaction, 200, sdp_of("192.0.2.1", 4000));
    };
    InviteRequest request;
    request.uri = "sip:+15550101@192.0.2.10";
    request.from = "<sip:+15550177@carrier.example>";
    request.targets = {{Protocol::udp, at("192.0.2.10:5060"), {}, 0}};
    request.body = sdp_of("192.0.2.1", 4000);
    dialog = *caller.stack.invite(std::move(request));
    world.run(1s);
    REQUIRE(region.media.anchors_made == 2);
  }
  void lose() {
    region.media.node = "http://node2";
    region.media.lines.clear();
    for (const uint64_t anchor : {1, 2})
      region.media.tell(static_cast<media::AnchorId>(anchor), media::event::Lost{"media node lost", 700ms});
  }
  void hear(uint64_t anchor) {
    region.media.tell(static_cast<media::AnchorId>(anchor), media::event::FirstPacket{media::Side::outer});
    world.run(50ms);
  }
  static uint16_t port_told(const Agent& agent) {
    const auto description = nearend::sdp::parse_sdp(agent.last<event::Requested>().body.content);
    return description ? description->media.front().port : 0;
  }

  World world;
  Region region{world, "192.0.2.10", two_providers()};
  Agent caller{world, "192.0.2.1:5060"}, callee{world, "192.0.2.2:5060"};
  DialogId dialog = DialogId::none;
  int callee_status = 200;
};

}  // namespace

TEST_CASE("legs whose media node is lost go on at another one, and their endpoints are told") {
  Lost talk;
  talk.lose();
  talk.world.run(500ms);
  CHECK(talk.region.gateway->legs() == 2);
  CHECK(talk.region.media.anchors_made == 4);
  CHECK(talk.caller.count<event::Requested>() == 1);
  CHECK(talk.callee.count<event::Requested>() == 1);
  CHECK(Lost::port_told(talk.caller) == 20008);
  CHECK(Lost::port_told(talk.callee) == 20012);
  CHECK(talk.region.media.has("3 outer 192.0.2.1:4000 PCMU"));
  CHECK(talk.region.media.has("4 outer 192.0.2.2:5000 PCMU"));
  CHECK((talk.region.media.has("4 connect bridge 3") || talk.region.media.has("3 connect bridge 4")));
  CHECK(talk.region.media.has("3 watch 60000"));
  CHECK(talk.region.events("move") == 0);

  talk.hear(3);
  REQUIRE(talk.region.events("move") == 1);
  const auto detail = parse_json(talk.region.last_event("move").event.detail);
  CHECK(json_string_or(detail->as_object(), "reason", "") == "media node lost");
  CHECK(json_string_or(detail->as_object(), "from", "") == "http://node1");
  CHECK(json_string_or(detail->as_object(), "to", "") == "http://node2");
  CHECK(json_integer_or(detail->as_object(), "gap_ms", 0) >= 1200);
  talk.hear(4);
  CHECK(talk.region.events("move") == 2);
  talk.hear(4);
  CHECK(talk.region.events("move") == 2);

  talk.callee.stack.end(talk.callee.dialog_of<event::Invited>());
  talk.world.run(1s);
  CHECK(talk.region.events("end") == 2);
  CHECK(talk.region.gateway->legs() == 0);
  CHECK(talk.region.media.has("3 release"));
  CHECK(talk.region.media.has("4 release"));
}

TEST_CASE("an endpoint that will not go to another node ends the call with the reason") {
  Lost talk;
  talk.callee_status = 488;
  talk.lose();
  talk.world.run(1s);
  CHECK(talk.region.gateway->legs() == 0);
  CHECK(talk.region.last_event("end").event.detail.contains("media node lost"));
  CHECK(talk.caller.last<event::Ended>().reason.contains("media node lost"));
}

TEST_CASE("a call that no node takes ends after a while, with the reason") {
  Lost talk;
  talk.region.media.is_full = true;
  talk.lose();
  talk.world.run(3s);
  CHECK(talk.region.gateway->legs() == 2);
  talk.world.run(4s);
  CHECK(talk.region.gateway->legs() == 0);
  CHECK(std::ranges::any_of(talk.region.journal.records(), [](const Record& record) {
    return record.event.detail.contains("media node lost, no other: no ports");
  }));
}

TEST_CASE("a node that comes in time saves the call") {
  Lost talk;
  talk.region.media.is_full = true;
  talk.lose();
  talk.world.run(2s);
  talk.region.media.is_full = false;
  talk.world.run(1s);
  CHECK(talk.region.gateway->legs() == 2);
  CHECK(talk.caller.count<event::Requested>() == 1);
}

TEST_CASE("what media tells of a leg that is over reaches nobody") {
  Lost talk;
  talk.caller.stack.end(talk.dialog);
  talk.world.run(5s);
  REQUIRE(talk.region.gateway->legs() == 0);
  const auto told = talk.region.journal.records().size();
  for (const uint64_t anchor : {1, 2})
    talk.region.media.tell(static_cast<media::AnchorId>(anchor),
                           media::event::Moved{{.lost = 1}, media::Path::Kind::bridge});
  talk.world.run(1s);
  CHECK(talk.region.journal.records().size() == told);
}

}  // namespace nearend::gateway::test
