#include "unit/router/bench.hpp"

// The flows with real gateways on the other side of the link: what one side says the other understands.

namespace nearend::router::test {
namespace {

using gateway::test::Region;

gateway::Settings edge(std::string name, std::string region, std::string_view in, std::string_view out) {
  gateway::Settings settings = gateway::test::two_providers();
  settings.name = std::move(name);
  settings.region = std::move(region);
  settings.providers.resize(2);
  settings.providers[0].addresses = {*parse_cidr(in)};
  settings.providers[1].targets = {{.host = std::string(out)}};
  settings.reanchor = gateway::ReanchorBy::router;
  return settings;
}

/// A caller behind eu-gw1 and callees behind eu-gw1 (+4...) and eu-gw2 (+3...); the router is far from both.
struct Flow : Bench {
  explicit Flow(Settings settings = defaults(),
                gateway::Settings first = edge("eu-gw1", "eu/de1", "192.0.2.1/32", "192.0.2.2"),
                gateway::Settings second = edge("eu-gw2", "eu/ie1", "192.0.2.4/32", "192.0.2.3"))
      : Bench(std::move(settings)),
        near(world, "198.51.100.7", std::move(first)),
        far(world, "198.51.100.8", std::move(second)),
        caller(world, "192.0.2.1:5060"),
        near_callee(world, "192.0.2.2:5060"),
        far_callee(world, "192.0.2.3:5060") {
    add_gateway("eu-gw1", "eu/de1", "198.51.100.7:5070", {"+4"});
    add_gateway("eu-gw2", "eu/ie1", "198.51.100.8:5070", {"+3"});
    policy.topology.rtts = {{"eu/de1", "eu/ie1", 20}};
    for (Region* region : {&near, &far})
      region->policy.answer.routers = {{"us-r1", "us/va1", "sip:198.51.100.9:5070;transport=tcp", ""}};
    request.targets = {{.address = "+353123"}};
    verbs = [this](Call& call) { return dial(call); };
  }
  Task<void> dial(Call& call) {
    call::DialRequest wanted = request;
    auto answered = is_answered_first ? co_await call.answer() : Result<void>();
    if (!answered) co_return;
    result = co_await call.dial(std::move(wanted));
    if (result->is_caller_gone || next_text.empty()) co_return;
    media::PlayRequest play;
    play.sources.push_back({.kind = media::Source::Kind::speech, .value = next_text});
    played = co_await call.play(std::move(play));
  }
  void call(std::string_view number = "+15550100") {
    sip::InviteRequest invite;
    invite.uri = fmt::format("sip:{}@198.51.100.7", number);
    invite.from = "<sip:+15550199@192.0.2.1>";
    invite.targets = {{sip::Protocol::udp, near.gateway->outside_addresses().front(), {}, 0}};
    invite.body = sdp_of("192.0.2.1", 4000);
    caller_dialog = *caller.stack.invite(std::move(invite));
    world.run(1s);
  }
  void ring(Agent& callee) {
    REQUIRE(callee.count<sip::event::Invited>() == 1);
    (void)callee.stack.progress(callee.dialog_of<sip::event::Invited>(), 180);
    world.run(1s);
  }
  void answer(Agent& callee) {
    const std::string address = callee.endpoint.address.to_string();
    (void)callee.stack.accept(callee.dialog_of<sip::event::Invited>(), sdp_of(address, 5000));
    world.run(500ms);
  }
  void hang_up(Agent& callee) {
    callee.stack.end(callee.dialog_of<sip::event::Invited>());
    world.run(500ms);
  }
  void finish() {
    world.run(40s);
    CHECK(router.calls() == 0);
    CHECK(router.is_idle());
    CHECK(is_clean());
    CHECK(near.is_clean());
    CHECK(far.is_clean());
  }
  bool any(const Region& region, std::string_view part) const {
    return std::ranges::any_of(region.media.lines, [&](const std::string& line) { return line.contains(part); });
  }

  Region near, far;
  Agent caller, near_callee, far_callee;
  sip::DialogId caller_dialog = sip::DialogId::none;
  call::DialRequest request;
  std::optional<call::DialResult> result;
  std::optional<call::PlayResult> played;
  std::string next_text;
  bool is_answered_first = false;
};

TEST_CASE("F1: a call to a number of the same gateway collapses there, without media at the router") {
  Flow flow;
  flow.request.targets = {{.address = "+4930123"}};
  flow.call();
  CHECK(flow.caller.count<sip::event::Accepted>() == 1);
  flow.ring(flow.near_callee);
  flow.answer(flow.near_callee);
  CHECK(flow.any(flow.near, "bridge"));
  CHECK(flow.media.anchors_made == 0);
  flow.world.run(7s);
  flow.hang_up(flow.near_callee);
  REQUIRE(flow.result);
  CHECK(flow.result->outcome == call::Outcome::completed);
  CHECK(flow.result->was_bridged);
  CHECK(flow.result->duration >= 7s);
  CHECK(flow.caller.count<sip::event::Ended>() == 1);
  flow.finish();
}

TEST_CASE("F1x: across two gateways the armed bridge is open before the router hears of the answer") {
  Flow flow;
  flow.call();
  flow.ring(flow.far_callee);
  CHECK(flow.any(flow.far, "arm inner"));
  (void)flow.far_callee.stack.accept(flow.far_callee.dialog_of<sip::event::Invited>(), sdp_of("192.0.2.3", 5000));
  // Callee to eu-gw2 1 ms; a connection from eu-gw2 to eu-gw1 2 ms, the notice 1 ms. The router is 10 ms away.
  flow.world.run(5ms);
  CHECK(flow.any(flow.far, "open"));
  CHECK(flow.any(flow.near, "connect inner"));
  flow.world.run(1s);
  CHECK(flow.kept("bridged").size() == 1);
  CHECK(flow.media.anchors_made == 0);
  flow.caller.stack.end(flow.caller_dialog);
  flow.world.run(1s);
  CHECK(flow.far_callee.count<sip::event::Ended>() == 1);
  REQUIRE(flow.result);
  CHECK(flow.result->is_caller_gone);
  flow.finish();
}

TEST_CASE("a caller who is to hear the callee's answer is answered by it") {
  Flow flow;
  flow.request.is_answer_on_bridge = true;
  flow.call();
  CHECK(flow.caller.count<sip::event::Accepted>() == 0);
  flow.ring(flow.far_callee);
  CHECK(flow.caller.last<sip::event::Progress>().status == 180);
  flow.answer(flow.far_callee);
  CHECK(flow.caller.count<sip::event::Accepted>() == 1);
  CHECK(flow.any(flow.near, "connect inner"));
  flow.hang_up(flow.far_callee);
  flow.finish();
}

TEST_CASE("without arming the bridge opens when the router has heard of the answer") {
  Settings settings = Bench::defaults();
  settings.is_arming_wanted = false;
  Flow flow(settings);
  flow.call();
  flow.ring(flow.far_callee);
  (void)flow.far_callee.stack.accept(flow.far_callee.dialog_of<sip::event::Invited>(), sdp_of("192.0.2.3", 5000));
  flow.world.run(20ms);
  CHECK_FALSE(flow.any(flow.near, "connect inner"));
  flow.world.run(2ms);  // Callee to eu-gw2 1 ms, then a round trip to the router.
  CHECK(flow.any(flow.near, "connect inner"));
  CHECK(flow.any(flow.far, "connect inner"));
  flow.world.run(500ms);
  CHECK(flow.kept("bridged").size() == 1);
  flow.hang_up(flow.far_callee);
  flow.finish();
}

TEST_CASE("F3: when the callee is gone the caller hears the next verb, whoever brings the media back") {
  for (const auto by : {gateway::ReanchorBy::router, gateway::ReanchorBy::gateway, gateway::ReanchorBy::both}) {
    for (const bool is_local : {true, false}) {
      CAPTURE(static_cast<int>(by));
      CAPTURE(is_local);
      Settings settings = Bench::defaults();
      if (!is_local) settings.plan = call::PlanPreference::remote;
      gateway::Settings first = edge("eu-gw1", "eu/de1", "192.0.2.1/32", "192.0.2.2");
      first.reanchor = by;
      Flow flow(settings, first);
      flow.next_text = "Back again";
      flow.call();
      flow.ring(flow.far_callee);
      flow.answer(flow.far_callee);
      flow.world.run(2s);
      flow.hang_up(flow.far_callee);
      REQUIRE(flow.result);
      if (is_local) {
        CHECK(flow.near.media.has("1 play Back again"));
        CHECK(flow.media.anchors_made == 0);
      } else {
        CHECK(flow.media.has("1 play Back again"));
        CHECK(flow.near.media.lines.back().contains("connect inner"));
        flow.media.tell(media::AnchorId{1}, media::event::PlayEnded{.job = media::JobId{1}, .error = {}});
      }
      if (is_local)
        flow.near.media.tell(media::AnchorId{1},
                             media::event::PlayEnded{.job = media::JobId{flow.near.media.jobs_made}, .error = {}});
      flow.world.run(1s);
      REQUIRE(flow.played);
      CHECK_FALSE(flow.played->error);
      CHECK(flow.caller.count<sip::event::Ended>() == 1);
      flow.finish();
    }
  }
}

TEST_CASE("a call whose media moves out and back a hundred times holds no more than in the first round") {
  constexpr int rounds = 100;
  Settings settings = Bench::defaults();
  settings.plan = call::PlanPreference::remote;
  Flow flow(settings);
  int done = 0;
  flow.verbs = [&](Call& call) {
    struct Rounds {
      static Task<void> run(Flow& flow, Call& call, int& done) {
        for (; done < rounds && !call.is_over(); ++done) {
          call::DialRequest wanted = flow.request;
          (void)co_await call.dial(std::move(wanted));
          media::PlayRequest play;
          play.sources.push_back({.kind = media::Source::Kind::speech, .value = "Next"});
          (void)co_await call.play(std::move(play));
        }
      }
    };
    return Rounds::run(flow, call, done);
  };
  // The callee answers each call and hangs up a second later; the router's node plays each prompt to its end.
  flow.far_callee.on_event = [&](sip::DialogId dialog, sip::DialogEvent& event) {
    if (!std::holds_alternative<sip::event::Invited>(event)) return;
    (void)flow.far_callee.stack.accept(dialog, sdp_of("192.0.2.3", 5000));
    flow.world.sim.at(flow.world.sim.now() + 1s, [&flow, dialog] { flow.far_callee.stack.end(dialog); });
  };
  flow.far_callee.is_remembering = false;
  flow.call();
  for (uint64_t job = 1; job <= rounds; ++job) {
    REQUIRE(flow.world.sim.run_until([&] { return flow.media.jobs_made == job; }, 20s));
    CHECK(flow.media.anchors_held == 1);
    CHECK(flow.near.media.anchors_held == 1);
    flow.media.tell(media::AnchorId{flow.media.anchors_made},
                    media::event::PlayEnded{.job = media::JobId{job}, .error = {}});
  }
  flow.world.run(1s);
  CHECK(done == rounds);
  CHECK(flow.caller.count<sip::event::Ended>() == 1);
  flow.finish();
}

TEST_CASE("F4: a prompt at the router, then a bridge in the region: the media comes home") {
  Settings settings = Bench::defaults();
  settings.plan = call::PlanPreference::remote;
  Flow flow(settings);
  flow.is_answered_first = true;
  flow.call();
  CHECK(flow.media.anchors_made == 1);
  CHECK(flow.near.media.has("1 connect inner"));
  flow.ring(flow.far_callee);
  flow.answer(flow.far_callee);
  flow.world.run(1s);
  CHECK(flow.router.anchors() == 0);
  CHECK(flow.near.media.remotes.back().rtp.address == *parse_ip("198.51.100.8"));
  flow.hang_up(flow.far_callee);
  flow.finish();
}

namespace {

Task<void> say_hello(Flow& flow, Call& call) {
  auto answered = co_await call.answer();
  if (!answered) co_return;
  media::PlayRequest play;
  play.sources.push_back({.kind = media::Source::Kind::speech, .value = "hello"});
  flow.played = co_await call.play(std::move(play));
}

}  // namespace

TEST_CASE("media nodes that are lost at either end of a prompt are replaced, and the prompt is heard") {
  Settings settings = Bench::defaults();
  settings.plan = call::PlanPreference::remote;
  Flow flow(settings);
  flow.verbs = [&](Call& call) { return say_hello(flow, call); };
  flow.caller.on_event = [&](sip::DialogId, sip::DialogEvent& event) {
    if (const auto* requested = std::get_if<sip::event::Requested>(&event))
      (void)flow.caller.stack.respond(requested->transaction, 200, sdp_of("192.0.2.1", 4000));
  };
  flow.call();
  REQUIRE(flow.media.has("1 play hello"));
  REQUIRE(flow.near.media.has("1 connect inner"));

  flow.near.media.tell(static_cast<media::AnchorId>(1), media::event::Lost{"media node lost", 500ms});
  flow.world.run(500ms);
  CHECK(flow.near.media.has("2 connect inner"));
  CHECK(flow.media.has("1 outer 198.51.100.7:20006 PCMU"));  // the router's node follows
  CHECK(flow.caller.count<sip::event::Requested>() == 1);

  flow.media.tell(static_cast<media::AnchorId>(1), media::event::Lost{"media node lost", 500ms});
  flow.world.run(500ms);
  CHECK(flow.media.has("2 play hello"));
  CHECK(flow.near.media.has("2 inner 198.51.100.9:20004 PCMU"));
  CHECK_FALSE(flow.played.has_value());
  flow.media.tell(static_cast<media::AnchorId>(2), media::event::PlayEnded{.job = static_cast<media::JobId>(2)});
  flow.world.run(2s);
  CHECK(flow.played.has_value());
  CHECK(flow.near.gateway->legs() == 0);
  CHECK(flow.router.anchors() == 0);
}

TEST_CASE("a continuation runs at the gateway and the router does not repeat it") {
  Flow flow;
  flow.request.continuation = {.kind = call::Continuation::Kind::play,
                               .sources = {{.kind = media::Source::Kind::speech, .value = "Thank you"}},
                               .is_hangup_after = true};
  flow.call();
  flow.ring(flow.far_callee);
  flow.answer(flow.far_callee);
  flow.hang_up(flow.far_callee);
  CHECK(flow.near.media.has("1 play Thank you"));
  flow.world.run(5s);
  CHECK_FALSE(flow.result);
  flow.near.media.tell(media::AnchorId{1},
                       media::event::PlayEnded{.job = media::JobId{flow.near.media.jobs_made}, .error = {}});
  flow.world.run(1s);
  REQUIRE(flow.result);
  CHECK(flow.caller.count<sip::event::Ended>() == 1);
  flow.finish();
}

TEST_CASE("F5: the caller's * ends the callee on either path and the document goes on") {
  for (const auto path : {gateway::StarPath::router, gateway::StarPath::peer_gateway}) {
    CAPTURE(static_cast<int>(path));
    gateway::Settings first = edge("eu-gw1", "eu/de1", "192.0.2.1/32", "192.0.2.2");
    first.star = path;
    Flow flow(Bench::defaults(), first);
    flow.request.is_hangup_on_star = true;
    flow.next_text = "Back again";
    flow.call();
    flow.ring(flow.far_callee);
    flow.answer(flow.far_callee);
    flow.near.media.tell(media::AnchorId{1}, media::event::Digit{.digit = '*'});
    flow.world.run(1s);
    CHECK(flow.far_callee.count<sip::event::Ended>() == 1);
    CHECK(flow.caller.count<sip::event::Ended>() == 0);
    REQUIRE(flow.result);
    CHECK(flow.near.media.has("1 play Back again"));
    flow.caller.stack.end(flow.caller_dialog);
    flow.finish();
  }
}

TEST_CASE("F6: the caller's silence ends both, the callee's only the callee") {
  for (const bool is_callers : {true, false}) {
    CAPTURE(is_callers);
    Flow flow;
    flow.next_text = "Your party is gone";
    flow.call();
    flow.ring(flow.far_callee);
    flow.answer(flow.far_callee);
    Region& region = is_callers ? flow.near : flow.far;
    region.media.tell(media::AnchorId{1}, media::event::Silent{.since = 60s});
    flow.world.run(1s);
    CHECK(flow.far_callee.count<sip::event::Ended>() == 1);
    CHECK(flow.far_callee.last<sip::event::Ended>().reason.contains("RTP timeout"));
    CHECK(flow.caller.count<sip::event::Ended>() == (is_callers ? 1 : 0));
    if (!is_callers) CHECK(flow.near.media.has("1 play Your party is gone"));
    if (!is_callers) flow.caller.stack.end(flow.caller_dialog);
    flow.finish();
  }
}

TEST_CASE("headers of a document reach the SIP address that it dials, and those of its answer come back") {
  Flow flow;
  flow.request.targets = {{.kind = call::DialTarget::Kind::sip,
                           .address = "sip:bob@192.0.2.3",
                           .headers = {{"X-Order", "12"}, {"P-Called-Party-ID", "<sip:b@c>"}}}};
  flow.policy.topology.gateways[1].prefixes = {""};
  flow.call();
  REQUIRE(flow.far_callee.count<sip::event::Invited>() == 1);
  const sip::Message& invite = flow.far_callee.last<sip::event::Invited>().request;
  CHECK(invite.header("X-Order") == "12");
  CHECK(invite.header("P-Called-Party-ID") == "<sip:b@c>");
  CHECK_FALSE(invite.request_uri().contains("?"));
  (void)flow.far_callee.stack.accept(flow.far_callee.dialog_of<sip::event::Invited>(), sdp_of("192.0.2.3", 5000),
                                     {{"X-Agent", "Ann"}, {"Server", "pbx"}});
  flow.world.run(500ms);
  flow.hang_up(flow.far_callee);
  REQUIRE(flow.result);
  REQUIRE(flow.result->sip_headers.size() == 1);
  CHECK(flow.result->sip_headers.front() == std::pair<std::string, std::string>{"X-Agent", "Ann"});
  flow.finish();
}

TEST_CASE("what a callee sends before it answers is heard by the caller, in the region and by way of the router") {
  for (const bool is_remote : {false, true}) {
    for (const bool is_answer_on_bridge : {false, true}) {
      CAPTURE(is_remote);
      CAPTURE(is_answer_on_bridge);
      Settings settings = Bench::defaults();
      if (is_remote) settings.plan = call::PlanPreference::trombone;
      Flow flow(settings);
      flow.request.is_answer_on_bridge = is_answer_on_bridge;
      flow.is_answered_first = !is_answer_on_bridge;
      flow.call();
      REQUIRE(flow.far_callee.count<sip::event::Invited>() == 1);
      const sip::DialogId at_callee = flow.far_callee.dialog_of<sip::event::Invited>();
      (void)flow.far_callee.stack.progress(at_callee, 183, sdp_of("192.0.2.3", 5000));
      flow.world.run(1s);
      // A description alone is nothing to hear: the caller has ring-back.
      CHECK(flow.near.media.has("1 play ringback") == !is_answer_on_bridge);
      CHECK_FALSE(flow.far.media.has("1 connect inner"));
      flow.far.media.tell(media::AnchorId{1}, media::event::FirstPacket{media::Side::outer});
      flow.world.run(500ms);
      CHECK(flow.far.media.has("1 connect inner"));
      CHECK(flow.near.media.has("1 connect inner"));
      const bool is_joined = flow.media.has("2 connect bridge 1") || flow.media.has("1 connect bridge 2");
      CHECK(is_joined == is_remote);
      if (!is_answer_on_bridge) CHECK(flow.near.media.has("1 stop 1"));
      if (is_answer_on_bridge) {
        CHECK(flow.caller.count<sip::event::Accepted>() == 0);
        CHECK(flow.caller.last<sip::event::Progress>().status == 183);
        CHECK(flow.caller.last<sip::event::Progress>().body.is_sdp());
      }
      flow.answer(flow.far_callee);
      CHECK(flow.caller.count<sip::event::Accepted>() == 1);
      CHECK(flow.near.events("answer") == 1);
      flow.hang_up(flow.far_callee);
      REQUIRE(flow.result);
      CHECK(flow.result->outcome == call::Outcome::completed);
      CHECK(flow.result->was_bridged);
      flow.finish();
    }
  }
}

TEST_CASE("a callee of the same gateway is heard before it answers, and no more when it has refused") {
  Flow flow;
  flow.request.targets = {{.address = "+4930123"}};
  flow.request.is_answer_on_bridge = true;
  flow.call();
  const sip::DialogId at_callee = flow.near_callee.dialog_of<sip::event::Invited>();
  (void)flow.near_callee.stack.progress(at_callee, 183, sdp_of("192.0.2.2", 5000, "8 101"));
  flow.world.run(200ms);
  flow.near.media.tell(media::AnchorId{2}, media::event::FirstPacket{media::Side::outer});
  flow.world.run(200ms);
  CHECK(flow.near.media.has("2 connect bridge 1"));
  CHECK(flow.caller.last<sip::event::Progress>().body.content.contains("RTP/AVP 8"));
  (void)flow.near_callee.stack.refuse(at_callee, 486);
  flow.world.run(500ms);
  CHECK(flow.near.media.has("1 connect idle"));
  REQUIRE(flow.result);
  CHECK(flow.result->outcome == call::Outcome::busy);
  flow.finish();
}

TEST_CASE("Reject opens no media on any node of the router, and the caller is refused") {
  Flow flow;
  flow.verbs = [](Call& call) -> Task<void> { (void)co_await call.reject("rejected"); };
  flow.call();
  CHECK(flow.caller.last<sip::event::Refused>().status == 603);
  CHECK(flow.media.anchors_made == 0);
  flow.finish();
}

TEST_CASE("a busy callee's status reaches the document through both gateways") {
  Flow flow;
  flow.next_text = "Busy";
  flow.call();
  REQUIRE(flow.far_callee.count<sip::event::Invited>() == 1);
  (void)flow.far_callee.stack.refuse(flow.far_callee.dialog_of<sip::event::Invited>(), 486);
  flow.world.run(1s);
  REQUIRE(flow.result);
  CHECK(flow.result->outcome == call::Outcome::busy);
  CHECK(flow.near.media.has("1 play Busy"));
  flow.caller.stack.end(flow.caller_dialog);
  flow.finish();
}

TEST_CASE("providers that allow it exchange media directly") {
  Settings settings = Bench::defaults();
  settings.is_direct_wanted = true;
  auto first = edge("eu-gw1", "eu/de1", "192.0.2.1/32", "192.0.2.2"),
       second = edge("eu-gw2", "eu/ie1", "192.0.2.4/32", "192.0.2.3");
  for (gateway::Settings* gateway : {&first, &second}) {
    gateway->features.emplace_back("direct");
    for (gateway::Provider& provider : gateway->providers) provider.can_direct = true;
  }
  Flow flow(settings, first, second);
  for (policy::GatewayEntry& entry : flow.policy.topology.gateways) entry.features.emplace_back("direct");
  for (Agent* phone : {&flow.caller, &flow.far_callee}) {
    phone->on_event = [phone](sip::DialogId, sip::DialogEvent& event) {
      const auto* requested = std::get_if<sip::event::Requested>(&event);
      if (requested == nullptr) return;
      const bool is_caller = phone->endpoint.address == *parse_ip("192.0.2.1");
      (void)phone->stack.respond(requested->transaction, 200,
                                 sdp_of(phone->endpoint.address.to_string(), is_caller ? 4000 : 5000));
    };
  }
  flow.call();
  flow.ring(flow.far_callee);
  flow.answer(flow.far_callee);
  flow.world.run(1s);
  REQUIRE(flow.kept("direct").size() == 1);
  CHECK(flow.kept("direct")[0].contains("true"));
  CHECK(flow.far_callee.last<sip::event::Requested>().body.content.contains("c=IN IP4 192.0.2.1"));
  CHECK(flow.caller.last<sip::event::Requested>().body.content.contains("c=IN IP4 192.0.2.3"));
  flow.hang_up(flow.far_callee);
  flow.finish();
}

TEST_CASE("ring-back of an answered caller ends where the router's media node joins the two") {
  Settings settings = Bench::defaults();
  settings.plan = call::PlanPreference::trombone;
  Flow flow(settings);
  flow.is_answered_first = true;
  flow.call();
  const sip::DialogId at_callee = flow.far_callee.dialog_of<sip::event::Invited>();
  (void)flow.far_callee.stack.progress(at_callee, 180);
  flow.world.run(1s);
  REQUIRE(flow.near.media.has("1 play ringback"));
  CHECK_FALSE(flow.near.media.has("1 stop 1"));
  flow.answer(flow.far_callee);
  flow.world.run(1s);
  CHECK(flow.near.media.has("1 stop 1"));
  flow.hang_up(flow.far_callee);
  flow.finish();
}

}  // namespace
}  // namespace nearend::router::test
