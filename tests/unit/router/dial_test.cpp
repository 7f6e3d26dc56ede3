#include "unit/router/dial_bench.hpp"

namespace nearend::router::test {
namespace {

TEST_CASE("an armed Dial bridges at the gateways and costs no message after the answer but the confirmation") {
  DialBench bench;
  bench.ring();
  CHECK(bench.near.heard("200 "));
  CHECK(bench.near.body_of("200").contains("a=inactive"));
  const link::Headers asked = *link::read_headers(bench.far.invite);
  CHECK(asked.action("dial")->parameter("timeout") == "30");
  REQUIRE(asked.feature("bridge-on-answer"));
  CHECK(asked.feature("bridge-on-answer")->parameter("peer") == "LG1");
  CHECK(asked.feature("bridge-on-answer")->parameter("gateway") == bench.near.uri());
  CHECK(bench.far.invite.has_option_tag(sip::HeaderId::require, "local-bridge"));
  CHECK(asked.context.parent_leg == "LG1");
  CHECK(asked.context.epoch == 1);
  CHECK(bench.far.invite.body().contains("m=audio 20002"));
  CHECK(bench.near.heard("INFO arm;peer=" + asked.context.leg));
  CHECK(bench.near.body_of("INFO arm").contains("m=audio 30002"));
  CHECK(bench.near.heard("INFO ring"));
  const size_t before = bench.near.lines.size();
  bench.far.answer("bridged;at=0;sip-call-id=\"out-1\"");
  bench.near.say(bench.near.caller, fmt::format("bridged;peer={}", asked.context.leg));
  bench.world.run(5s);
  CHECK(bench.near.count("INVITE") == 0);
  CHECK(bench.near.lines.size() == before + 1);  // The reply to its INFO.
  bench.far.bye(bench.far.callee);
  bench.world.run(1s);
  REQUIRE(bench.result);
  CHECK(bench.result->outcome == call::Outcome::completed);
  CHECK(bench.result->duration == 4s);
  CHECK(bench.result->was_bridged);
  CHECK(bench.result->sip_call_id == "out-1");
  CHECK(bench.near.heard("BYE"));
  CHECK(bench.is_clean());
}

TEST_CASE("the callee's gateway is told which providers the policy server proposes, and the call's events keep it") {
  DialBench bench;
  bench.policy.providers = {"carrier-b", "carrier-a"};
  bench.ring();
  CHECK(link::read_headers(bench.far.invite)->action("dial")->parameter("providers") == "carrier-b,carrier-a");
  const auto kept = bench.kept("providers");
  REQUIRE(kept.size() == 1);
  CHECK(kept[0].contains(R"("proposed":["carrier-b","carrier-a"])"));
}

TEST_CASE("an armed bridge that nobody confirms is asked for again") {
  DialBench bench;
  bench.ring();
  bench.far.answer("bridged;at=0");
  bench.world.run(500ms);
  CHECK(bench.near.count("INVITE bridge") == 0);
  bench.world.run(1s);
  CHECK(bench.near.count("INVITE bridge") == 1);
}

TEST_CASE("without arming both gateways are asked in parallel when the answer is heard") {
  Settings settings = Bench::defaults();
  settings.is_arming_wanted = false;
  DialBench bench(settings);
  bench.ring();
  CHECK_FALSE(bench.near.heard("INFO arm"));
  CHECK_FALSE(bench.far.invite.has_option_tag(sip::HeaderId::require, "local-bridge"));
  bench.far.answer();
  // One way to the router, one way back: a round trip and a little.
  bench.world.run(21ms);
  CHECK(bench.near.heard("INVITE bridge;peer=" + bench.far.callee_context.leg));
  CHECK(bench.near.body_of("INVITE bridge").contains("m=audio 30002"));
  CHECK(bench.far.heard("INVITE bridge;peer=LG1"));
  CHECK(bench.far.body_of("INVITE bridge").contains("m=audio 20002"));
  bench.world.run(1s);
  CHECK(bench.kept("bridged").size() == 1);
}

TEST_CASE("a caller who is to hear the callee's answer is armed by 183 and answered by the bridge") {
  DialBench bench;
  bench.request.is_answer_on_bridge = true;
  bench.ring();
  CHECK_FALSE(bench.near.heard("200"));
  CHECK(bench.near.heard("183 arm;peer="));
  CHECK(bench.near.heard("180 ring"));
  bench.far.answer("bridged;at=0");
  bench.world.run(100ms);
  CHECK(bench.near.heard("200 bridge;peer=" + bench.far.callee_context.leg));
  CHECK(bench.near.body_of("200").contains("m=audio 30002"));
}

TEST_CASE(
    "the callee's own ringing is asked for, but not in place of a tone of the document's or of several callees'") {
  struct Case {
    std::string ring_tone;
    bool are_several, is_screened, is_wanted;
  };
  for (const Case& one : {Case{"", false, false, true}, Case{"de", false, false, false}, Case{"", true, false, false},
                          Case{"", false, true, false}}) {
    DialBench bench;
    bench.request.ring_tone = one.ring_tone;
    if (one.are_several) bench.request.targets.push_back({.address = "+4930"});
    if (one.is_screened) bench.request.targets.front().send_digits = "1";
    bench.ring();
    CHECK(link::read_headers(bench.far.invite)->action("dial")->has("early") == one.is_wanted);
  }
}

TEST_CASE("what follows the Dial travels to the caller's gateway and is not said twice") {
  DialBench bench;
  bench.request.continuation = {.kind = call::Continuation::Kind::play,
                                .sources = {{.kind = media::Source::Kind::speech, .value = "Bye"}}};
  bench.talk();
  REQUIRE(bench.near.heard("INFO continuation"));
  CHECK(bench.near.body_of("INFO continuation").contains("Bye"));
  bench.near.say(bench.near.caller, "continuing");
  bench.far.bye(bench.far.callee);
  bench.world.run(10s);
  CHECK_FALSE(bench.result);
  bench.near.say(bench.near.caller, "continued", R"({"done":1})");
  bench.world.run(100ms);
  REQUIRE(bench.result);
  CHECK(bench.result->continuation_done == 1);
}

TEST_CASE("a continuation that does not begin is taken back") {
  DialBench bench;
  bench.request.continuation = {.kind = call::Continuation::Kind::hangup};
  bench.talk();
  bench.far.bye(bench.far.callee);
  bench.world.run(1s);
  CHECK_FALSE(bench.result);
  bench.world.run(2s);
  CHECK(bench.near.count("INFO continuation") == 2);
  CHECK(bench.near.body_of("INFO continuation").empty());
  CHECK(bench.result);
}

TEST_CASE("a busy callee leaves the caller to the document") {
  DialBench bench;
  bench.next_text = "Busy";
  bench.near.call();
  bench.world.run(200ms);
  (void)bench.far.agent.stack.refuse(bench.far.callee, 486);
  bench.world.run(200ms);
  REQUIRE(bench.result);
  CHECK(bench.result->outcome == call::Outcome::busy);
  CHECK(bench.result->sip_code == 486);
  CHECK(bench.near.heard("INFO play;job=1"));
  CHECK_FALSE(bench.near.heard("BYE"));
}

TEST_CASE("a gateway without a way out makes room for another one, and the callee has one call id") {
  DialBench bench;
  bench.add_gateway("eu-gw3", "eu/fr1", "198.51.100.6:5070", {"+3"});
  FakeGateway third(bench, "eu-gw3", "eu/fr1", "198.51.100.6:5070");
  bench.near.call();
  bench.world.run(200ms);
  const std::string first_leg = bench.far.callee_context.leg;
  (void)bench.far.agent.stack.refuse(bench.far.callee, 503);
  bench.world.run(200ms);
  REQUIRE(third.callee != sip::DialogId::none);
  CHECK(third.callee_context.leg != first_leg);
  CHECK(bench.policy.routes.back().exclude == std::vector<std::string>{"eu-gw2"});
  CHECK_FALSE(bench.result);
  (void)third.agent.stack.refuse(third.callee, 404);
  bench.world.run(200ms);
  REQUIRE(bench.result);
  CHECK(bench.result->outcome == call::Outcome::failed);
}

TEST_CASE("a gateway that does not know local-bridge is dialled without it") {
  DialBench bench;
  bench.near.call();
  bench.world.run(200ms);
  (void)bench.far.agent.stack.refuse(bench.far.callee, 420);
  bench.world.run(200ms);
  CHECK_FALSE(bench.far.invite.has_option_tag(sip::HeaderId::require, "local-bridge"));
  CHECK(bench.far.count("INVITE") == 2);
}

TEST_CASE("the row of a dialled leg tells when it began, was answered and ended") {
  DialBench bench;
  bench.talk();
  bench.world.run(10s);
  bench.far.bye(bench.far.callee, "ended;duration-ms=10400");
  bench.world.run(1s);
  struct Read {
    static Task<void> rows(store::Store& store, std::vector<store::Call>& into) {
      auto found = co_await store.calls("AC1", 10);
      if (found) into = std::move(*found);
    }
  };
  std::vector<store::Call> rows;
  io::Scope scope(bench.host.loop());
  scope.spawn(Read::rows(bench.store, rows));
  const auto leg = std::ranges::find(rows, "CA1", &store::Call::parent_sid);
  REQUIRE(leg != rows.end());
  CHECK(leg->sid == bench.result->child_sid);
  CHECK(leg->status == "completed");
  CHECK(leg->duration_s == 10);
  CHECK(leg->ended_ms - leg->started_ms == 10'000);
  // It rang for a while before it was answered, and was there before it rang.
  CHECK(leg->started_ms - leg->created_ms >= 200);
  CHECK(leg->started_ms - leg->created_ms < 1'000);
}

TEST_CASE("the first of several to answer wins and the others stop ringing") {
  DialBench bench;
  bench.request = dial_of({"+353123", "+49301"});
  bench.ring();
  CHECK_FALSE(bench.near.heard("INFO arm"));
  REQUIRE(bench.near.callee != sip::DialogId::none);  // The second one rings behind the caller's own gateway.
  bench.far.answer();
  bench.world.run(200ms);
  CHECK(bench.near.heard("CANCEL SIP;cause=200"));
  CHECK(bench.near.heard("INVITE bridge;peer=" + bench.far.callee_context.leg));
  bench.far.bye(bench.far.callee);
  bench.world.run(200ms);
  REQUIRE(bench.result);
  CHECK(bench.result->outcome == call::Outcome::completed);
  bench.world.run(2s);
  CHECK(bench.is_clean());
}

TEST_CASE("one after another, each has its own time to answer") {
  DialBench bench;
  bench.request = dial_of({"+353123", "+353124"});
  bench.request.is_sequential = true;
  bench.request.timeout = 10s;
  bench.near.call();
  bench.world.run(200ms);
  CHECK(bench.far.count("INVITE") == 1);
  bench.world.run(15s);
  CHECK(bench.far.heard("CANCEL"));
  CHECK(bench.far.count("INVITE") == 2);
  bench.world.run(20s);
  REQUIRE(bench.result);
  CHECK(bench.result->outcome == call::Outcome::no_answer);
}

TEST_CASE("a caller who hangs up while it rings ends the callee") {
  DialBench bench;
  bench.ring();
  bench.near.bye(bench.near.caller);
  bench.world.run(200ms);
  CHECK(bench.far.heard("CANCEL"));
  REQUIRE(bench.result);
  CHECK(bench.result->is_caller_gone);
  CHECK(bench.result->outcome == call::Outcome::canceled);
  bench.world.run(2s);
  CHECK(bench.is_clean());
}

TEST_CASE("the caller's * ends the callee and the document goes on") {
  DialBench bench;
  bench.request.is_hangup_on_star = true;
  bench.next_text = "Back again";
  bench.talk();
  CHECK(link::read_headers(bench.far.invite)->feature("hangup-on-star"));
  bench.near.reinvite(bench.near.caller, "hangup;target=peer");
  bench.world.run(200ms);
  CHECK(bench.far.heard("BYE"));
  CHECK(bench.near.body_of("200").contains("a=inactive"));
  CHECK(bench.near.heard("INFO play;job=1"));
  REQUIRE(bench.result);
  CHECK(bench.result->outcome == call::Outcome::completed);
}

TEST_CASE("a silent caller ends both legs with the reason") {
  DialBench bench;
  bench.talk();
  bench.near.say(bench.near.caller, "timeout", R"({"since_ms":60000})");
  bench.world.run(200ms);
  CHECK(bench.near.heard("BYE SIP;cause=408;text=\"RTP timeout\""));
  CHECK(bench.far.heard("BYE SIP;cause=408;text=\"RTP timeout\""));
  bench.world.run(1s);
  CHECK(bench.is_clean());
}

TEST_CASE("a silent callee is ended alone and the caller hears the next verb") {
  DialBench bench;
  bench.next_text = "Your party is gone";
  bench.talk();
  bench.far.say(bench.far.callee, "timeout", R"({"since_ms":60000})");
  bench.world.run(200ms);
  CHECK(bench.far.heard("BYE SIP;cause=408;text=\"RTP timeout\""));
  CHECK_FALSE(bench.near.heard("BYE"));
  CHECK(bench.near.heard("INFO play;job=1"));
}

TEST_CASE("gateways that cannot bridge are joined at the router") {
  DialBench bench;
  bench.policy.topology.gateways[1].features = {"play"};
  bench.near.call();
  bench.world.run(200ms);
  CHECK(bench.far.invite.body().contains("198.51.100.9"));
  bench.far.answer();
  bench.world.run(200ms);
  CHECK(bench.near.heard("INVITE anchor"));
  CHECK(
      std::ranges::any_of(bench.media.lines, [](const std::string& line) { return line.contains("connect bridge"); }));
  CHECK(bench.router.anchors() == 2);
  bench.near.bye(bench.near.caller);
  bench.world.run(2s);
  CHECK(bench.far.heard("BYE"));
  CHECK(bench.is_clean());
}

TEST_CASE("a bridge that a gateway refuses is made at the router") {
  Settings settings = Bench::defaults();
  settings.is_arming_wanted = false;
  DialBench bench(settings);
  bench.ring();
  bench.near.refusals["bridge"] = 488;
  bench.far.answer();
  bench.world.run(500ms);
  CHECK(bench.near.heard("INVITE anchor"));
  CHECK(bench.far.heard("INVITE anchor"));
  CHECK(bench.kept("plan").size() == 2);
  CHECK(bench.kept("bridged").size() == 1);
}

TEST_CASE("digits to send keep the router between answer and bridge") {
  DialBench bench;
  bench.request.targets[0].send_digits = "ww12";
  bench.ring();
  CHECK_FALSE(bench.far.invite.has_option_tag(sip::HeaderId::require, "local-bridge"));
  bench.far.answer();
  bench.world.run(200ms);
  CHECK(bench.far.body_of("INFO play;job=1").contains("ww12"));
  CHECK_FALSE(bench.near.heard("INVITE bridge"));
  bench.far.say(bench.far.callee, "done;job=1;kind=play", "{}");
  bench.world.run(200ms);
  CHECK(bench.near.heard("INVITE bridge"));
}

TEST_CASE("a talk ends at its time limit") {
  DialBench bench;
  bench.request.time_limit = 20s;
  bench.talk();
  bench.world.run(25s);
  CHECK(bench.far.heard("BYE"));
  REQUIRE(bench.result);
  CHECK(bench.result->outcome == call::Outcome::completed);
}

TEST_CASE("a talk is recorded where the bridge is") {
  DialBench bench;
  bench.request.record = media::RecordRequest{.is_dual = true, .path_hint = "RE1"};
  bench.talk();
  CHECK(bench.near.heard("INFO record;job=1;peer=" + bench.far.callee_context.leg));
  bench.far.bye(bench.far.callee);
  bench.near.say(bench.near.caller, "done;job=1;kind=record", R"({"reason":"hangup","length_ms":4000,"channels":2})");
  bench.world.run(1s);
  REQUIRE(bench.result);
  REQUIRE(bench.result->recording);
  CHECK(bench.result->recording->length == 4000ms);
  CHECK(bench.result->recording_sid == "RE1");
}

TEST_CASE("when gateway and router both ask for the caller's media, it ends at the router, once") {
  Settings settings = Bench::defaults();
  settings.plan = call::PlanPreference::remote;
  DialBench bench(settings);
  bench.next_text = "Back again";
  bench.talk();
  bench.far.bye(bench.far.callee);
  bench.near.reinvite(bench.near.caller, "anchor");  // Both are on their way at once.
  bench.world.run(8s);
  CHECK(bench.router.anchors() == 1);
  CHECK(bench.media.has("1 play Back again"));
  CHECK(bench.running->caller().media() == Party::Media::router);
  bench.near.bye(bench.near.caller);
  bench.world.run(2s);
  CHECK(bench.is_clean());
}

}  // namespace
}  // namespace nearend::router::test
