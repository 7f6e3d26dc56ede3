#include "unit/router/bench.hpp"

namespace nearend::router::test {
namespace {

media::PlayRequest say(std::string text) {
  media::PlayRequest request;
  request.sources.push_back({.kind = media::Source::Kind::speech, .value = std::move(text)});
  return request;
}

/// A call that says one thing.
struct SayBench : Bench {
  explicit SayBench(Settings settings = defaults(), std::vector<std::string> features = whole_catalogue)
      : Bench(std::move(settings)), gateway(*this, "eu-gw1", "eu/de1", "198.51.100.7:5070", features) {
    add_gateway("eu-gw1", "eu/de1", "198.51.100.7:5070", {""}, features);
    verbs = [this](Call& call) { return speak(call); };
  }
  Task<void> speak(Call& call) {
    auto answered = co_await call.answer();
    if (!answered) co_return;
    result = co_await call.play(say("Hello"));
  }
  FakeGateway gateway;
  std::optional<call::PlayResult> result;
};

TEST_CASE("a prompt is played by the caller's gateway when its region can") {
  SayBench bench;
  bench.gateway.call();
  bench.world.run(200ms);
  CHECK(bench.gateway.body_of("200").contains("a=inactive"));
  REQUIRE(bench.gateway.heard("INFO play;job=1"));
  CHECK(bench.gateway.body_of("INFO play").contains("Hello"));
  CHECK(bench.router.anchors() == 0);
  CHECK_FALSE(bench.result);
  bench.gateway.say(bench.gateway.caller, "done;job=1;kind=play", R"({"played_ms":700})");
  bench.world.run(200ms);
  REQUIRE(bench.result);
  CHECK_FALSE(bench.result->error);
  CHECK(bench.gateway.heard("BYE"));
  CHECK(bench.is_clean());
  REQUIRE(bench.kept("plan").size() == 1);
  CHECK(bench.kept("plan")[0].contains("LOCAL"));
}

TEST_CASE("a prompt that the region cannot play is answered with the router's media and played there") {
  SayBench bench(Bench::defaults(), {"bridge"});
  bench.gateway.call();
  bench.world.run(200ms);
  CHECK(bench.gateway.body_of("200").contains("c=IN IP4 198.51.100.9"));
  CHECK(bench.gateway.count("INVITE") == 0);
  CHECK(bench.media.has("1 outer 198.51.100.7:20002 PCMU"));
  CHECK(bench.media.has("1 play Hello"));
  bench.media.tell(media::AnchorId{1}, media::event::PlayEnded{.job = media::JobId{1}, .error = {}});
  bench.world.run(1s);
  REQUIRE(bench.result);
  CHECK(bench.is_clean());
  CHECK(bench.kept("plan")[0].contains("REMOTE"));
}

TEST_CASE("a gateway that turns out to be unable makes the router play, in one round trip") {
  SayBench bench;
  bench.gateway.refusals["play"] = 501;
  bench.gateway.call();
  bench.world.run(300ms);
  CHECK(bench.gateway.heard("INVITE anchor"));
  CHECK(bench.media.has("1 play Hello"));
}

TEST_CASE("a caller who hangs up in a prompt ends the document") {
  for (const bool is_local : {true, false}) {
    CAPTURE(is_local);
    SayBench bench(Bench::defaults(), is_local ? whole_catalogue : std::vector<std::string>{"bridge"});
    bench.gateway.call();
    bench.world.run(200ms);
    bench.gateway.bye(bench.gateway.caller);
    bench.world.run(1s);
    REQUIRE(bench.result);
    CHECK(bench.result->is_caller_gone);
    CHECK(bench.is_clean());
  }
}

TEST_CASE("a caller who cancels before the answer leaves nothing behind") {
  SayBench bench;
  bench.verbs = [](Call& call) -> Task<void> { (void)co_await call.pause(5s); };
  bench.gateway.call();
  bench.world.run(200ms);
  bench.gateway.agent.stack.cancel(bench.gateway.caller);
  bench.world.run(1s);
  CHECK(bench.is_clean());
}

TEST_CASE("Reject opens no media anywhere") {
  SayBench bench;
  bench.verbs = [](Call& call) -> Task<void> { (void)co_await call.reject("busy"); };
  bench.gateway.call();
  bench.world.run(200ms);
  CHECK(bench.gateway.heard("486"));
  CHECK(bench.media.anchors_made == 0);
  CHECK(bench.is_clean());
}

TEST_CASE("an unknown number is 404, a full or draining router 503 with Retry-After") {
  Settings settings = Bench::defaults();
  settings.calls_max = 1;
  SayBench bench(settings);
  bench.gateway.call("+15559999");
  bench.world.run(200ms);
  CHECK(bench.gateway.heard("404"));
  bench.gateway.call();
  bench.world.run(200ms);
  REQUIRE(bench.router.calls() == 1);
  bench.gateway.call("+15550100", "CA2");
  bench.world.run(200ms);
  CHECK(bench.gateway.heard("503"));
  CHECK(bench.gateway.retry_after == "5");
  bench.router.drain();
  bench.gateway.lines.clear();
  bench.gateway.call("+15550100", "CA3");
  bench.world.run(200ms);
  CHECK(bench.gateway.heard("503"));
  CHECK(bench.router.calls() == 1);
}

TEST_CASE("strangers' and unsigned messages are not taken") {
  Settings settings = Bench::defaults();
  settings.link_key = "a shared key of the platform";
  SayBench bench(settings);
  bench.gateway.call();
  bench.world.run(200ms);
  CHECK(bench.gateway.heard("403"));
}

TEST_CASE("a request of an owner that was replaced is refused") {
  SayBench bench;
  struct Put {
    static Task<void> capsule(store::LiveState& live) {
      (void)co_await live.put_capsule({.call_sid = "CA1", .owner = "us-r0", .epoch = 6, .content = "{}"});
    }
  };
  io::Scope scope(bench.host.loop());
  scope.spawn(Put::capsule(bench.live));
  bench.gateway.call();
  bench.world.run(200ms);
  REQUIRE(bench.running);
  CHECK(bench.running->start().epoch == 7);
  bench.gateway.context.epoch = 6;
  bench.gateway.say(bench.gateway.caller, "timeout");
  bench.world.run(200ms);
  CHECK(bench.gateway.heard("reply 412"));
  CHECK(bench.router.calls() == 1);
  bench.gateway.context.epoch = 7;
  bench.gateway.say(bench.gateway.caller, "done;job=1;kind=play", "{}");
  bench.world.run(200ms);
  CHECK(bench.gateway.heard("reply 200"));
}

TEST_CASE("a router that was replaced stops before the next outside effect") {
  SayBench bench;
  bool was_refused = false;
  bench.verbs = [&](Call& call) {
    struct Run {
      static Task<void> it(Call& on, store::LiveState& live, bool& refused) {
        (void)co_await live.put_capsule({.call_sid = "CA1", .owner = "us-r2", .epoch = 9, .content = "{}"});
        auto kept = co_await on.checkpoint("http://app.example/voice", "<Response/>", 0, "");
        refused = !kept && kept.error().kind == Error::Kind::refused;
      }
    };
    return Run::it(call, bench.live, was_refused);
  };
  bench.gateway.call();
  bench.world.run(200ms);
  CHECK(was_refused);
}

TEST_CASE("a gateway that answers nothing any more is given up, and its call with it") {
  SayBench bench;
  bench.gateway.call();
  bench.world.run(200ms);
  REQUIRE(bench.router.calls() == 1);
  bench.gateway.agent.host.kill();
  bench.world.run(20s);
  REQUIRE(bench.result);
  CHECK(bench.result->is_caller_gone);
  CHECK(bench.is_clean());
}

TEST_CASE("a gateway that offers its media is answered idle, or with the router's node where prompts run") {
  for (const bool is_local : {true, false}) {
    CAPTURE(is_local);
    SayBench bench(Bench::defaults(), is_local ? whole_catalogue : std::vector<std::string>{"bridge"});
    bench.verbs = [](Call& call) -> Task<void> {
      call.set_prompts_expected(false);
      (void)co_await call.answer();
      (void)co_await call.pause(60s);
    };
    bench.gateway.call();
    bench.world.run(200ms);
    bench.gateway.reinvite(bench.gateway.caller, "anchor");
    bench.world.run(200ms);
    const std::string& said = bench.gateway.body_of("200");
    CHECK(said.contains(is_local ? "a=inactive" : "c=IN IP4 198.51.100.9"));
    CHECK(bench.router.anchors() == (is_local ? 0 : 1));
  }
}

TEST_CASE("a call's row and capsule tell where it is") {
  SayBench bench;
  bench.gateway.call();
  bench.world.run(200ms);
  struct Read {
    static Task<void> row(store::Store& store, std::optional<store::Call>& into) {
      auto found = co_await store.call("AC1", "CA1");
      if (found) into = std::move(*found);
    }
  };
  std::optional<store::Call> row;
  io::Scope scope(bench.host.loop());
  scope.spawn(Read::row(bench.store, row));
  REQUIRE(row);
  CHECK(row->status == "in-progress");
  CHECK(row->from == "+15550199");
  bench.world.run(3s);
  bench.gateway.bye(bench.gateway.caller, "ended;duration-ms=2600");
  bench.world.run(1s);
  scope.spawn(Read::row(bench.store, row));
  CHECK(row->status == "completed");
  CHECK(row->duration_s == 3);
}

}  // namespace
}  // namespace nearend::router::test
