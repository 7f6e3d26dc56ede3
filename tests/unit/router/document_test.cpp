#include "unit/router/bench.hpp"

// From INVITE to BYE with a document that is fetched: the interpreter, the call and the link together.

namespace nearend::router::test {
namespace {

struct DocumentBench : Bench {
  explicit DocumentBench(Settings settings = defaults())
      : Bench(std::move(settings), false),
        near(*this, "eu-gw1", "eu/de1", "198.51.100.7:5070"),
        far(*this, "eu-gw2", "eu/ie1", "198.51.100.8:5070"),
        web(world.sim.add_host("app.example", "us")) {
    add_gateway("eu-gw1", "eu/de1", "198.51.100.7:5070", {"+4"});
    add_gateway("eu-gw2", "eu/ie1", "198.51.100.8:5070", {"+3"});
    world.sim.paths().set_rtt("us", "us", 1ms);
    auto serving = web.http_servers().serve(web.endpoint(80),
                                            [this](http::ServerRequest request) { return answer(std::move(request)); });
    REQUIRE(serving);
    server = std::move(*serving);
  }
  Task<http::Response> answer(http::ServerRequest request) {
    auto form = http::parse_form(request.body);
    asked.push_back(request.path);
    forms.push_back(form ? *form : http::Form{});
    http::Response response{.status = 200, .headers = {{"Content-Type", "text/xml"}}, .body = "<Response/>"};
    if (auto found = documents.find(request.path); found != documents.end()) response.body = found->second;
    co_return response;
  }
  std::string parameter(std::string_view path, std::string_view name) const {
    for (size_t i = asked.size(); i-- > 0;) {
      if (asked[i] != path) continue;
      for (const auto& [key, value] : forms[i])
        if (key == name) return value;
    }
    return "";
  }

  FakeGateway near, far;
  sim::Host& web;
  std::unique_ptr<http::Server> server;
  std::map<std::string, std::string, std::less<>> documents;
  std::vector<std::string> asked;
  std::vector<http::Form> forms;
};

TEST_CASE("a document dials, its action is told how it came out, and what it answers is heard") {
  DocumentBench bench;
  bench.documents["/voice"] =
      "<Response><Dial action=\"/after\"><Number statusCallback=\"http://app.example/progress\" "
      "statusCallbackEvent=\"initiated ringing answered completed\">+353123</Number></Dial></Response>";
  bench.documents["/after"] = "<Response><Say>Bye</Say></Response>";
  bench.near.call();
  bench.world.run(100ms);
  CHECK(bench.parameter("/voice", "From") == "+15550199");
  CHECK(bench.parameter("/voice", "CallStatus") == "ringing");
  REQUIRE(bench.far.callee != sip::DialogId::none);
  bench.far.progress(183, true);
  bench.far.progress(180, false);
  bench.world.run(100ms);
  bench.far.answer("bridged;at=0;sip-call-id=\"out-1\"");
  bench.near.say(bench.near.caller, fmt::format("bridged;peer={}", bench.far.callee_context.leg));
  bench.world.run(5s);
  bench.far.bye(bench.far.callee, "ended;duration-ms=5300");
  bench.world.run(200ms);
  CHECK(bench.parameter("/after", "DialCallStatus") == "completed");
  CHECK(bench.parameter("/after", "DialCallDuration") == "5");
  CHECK(bench.parameter("/after", "DialBridged") == "true");
  CHECK(bench.near.body_of("INFO play").contains("Bye"));
  CHECK(std::ranges::count(bench.asked, "/progress") == 4);
  CHECK(bench.parameter("/progress", "CallStatus") == "completed");
  CHECK(bench.parameter("/progress", "ParentCallSid") == "CA1");
  CHECK(bench.parameter("/progress", "SequenceNumber") == "3");
  bench.near.say(bench.near.caller, "done;job=1;kind=play", "{}");
  bench.world.run(1s);
  CHECK(bench.near.heard("BYE"));
  CHECK(bench.is_clean());
}

TEST_CASE("a recorded talk is told with its recording: to the action, to the callee's callback and at the call's end") {
  Settings settings = Bench::defaults();
  settings.public_url = "http://api.example";
  settings.numbers.front().status_callback = "http://app.example/ended";
  DocumentBench bench(settings);
  bench.documents["/voice"] =
      "<Response><Dial record=\"true\" action=\"/after\"><Number statusCallback=\"http://app.example/progress\">"
      "+353123</Number></Dial></Response>";
  bench.near.call();
  bench.world.run(100ms);
  bench.far.progress(183, true);
  bench.far.progress(180, false);
  bench.world.run(100ms);
  bench.far.answer("bridged;at=0;sip-call-id=\"out-1\"");
  bench.near.say(bench.near.caller, fmt::format("bridged;peer={}", bench.far.callee_context.leg));
  bench.world.run(5s);
  REQUIRE(bench.near.heard("INFO record;job=1"));
  bench.far.bye(bench.far.callee, "ended;duration-ms=5300");
  bench.near.say(bench.near.caller, "done;job=1;kind=record", R"({"reason":"hangup","length_ms":5100})");
  bench.world.run(200ms);
  const std::string url = bench.parameter("/after", "RecordingUrl");
  CHECK(url.starts_with("http://api.example/2010-04-01/Accounts/AC1/Recordings/RE"));
  CHECK(bench.parameter("/progress", "RecordingUrl") == url);
  CHECK(url.ends_with(bench.parameter("/progress", "RecordingSid")));
  CHECK(bench.parameter("/progress", "RecordingDuration") == "6");
  bench.world.run(2s);
  CHECK(bench.parameter("/ended", "CallStatus") == "completed");
  CHECK(bench.parameter("/ended", "RecordingUrl") == url);
  CHECK(bench.parameter("/ended", "RecordingDuration") == "6");
}

TEST_CASE("the callee is called a trip, the document's time and a trip after the call came") {
  DocumentBench bench;
  bench.documents["/voice"] = "<Response><Dial>+353123</Dial></Response>";
  bench.near.call();
  // Connections: gateway to router, router to the application, router to the other gateway; then three half trips.
  // The bound of M6 leaves 15 ms for the work.
  bench.world.run(10ms + 20ms + 2ms + 20ms + 10ms + 15ms);
  CHECK(bench.far.callee != sip::DialogId::none);
}

TEST_CASE("a screening document that hangs up keeps the caller from the callee") {
  DocumentBench bench;
  bench.documents["/voice"] =
      "<Response><Dial action=\"/after\"><Number url=\"/screen\">+353123</Number></Dial></Response>";
  bench.documents["/screen"] = "<Response><Hangup/></Response>";
  bench.near.call();
  bench.world.run(200ms);
  REQUIRE(bench.far.callee != sip::DialogId::none);
  bench.far.progress(183, true);
  bench.far.answer();
  bench.world.run(500ms);
  CHECK(std::ranges::count(bench.asked, "/screen") == 1);
  CHECK(bench.far.heard("BYE"));
  CHECK_FALSE(bench.near.heard("INVITE bridge"));
  CHECK(bench.parameter("/after", "DialCallStatus") == "no-answer");
}

TEST_CASE("a screening document that ends lets the two talk") {
  DocumentBench bench;
  bench.documents["/voice"] = "<Response><Dial><Number url=\"/screen\">+353123</Number></Dial></Response>";
  bench.documents["/screen"] = "<Response><Say>A call for you</Say></Response>";
  bench.near.call();
  bench.world.run(200ms);
  REQUIRE(bench.far.callee != sip::DialogId::none);
  bench.far.progress(183, true);
  bench.far.answer();
  bench.world.run(200ms);
  REQUIRE(bench.far.body_of("INFO play").contains("A call for you"));
  bench.far.say(bench.far.callee, "done;job=1;kind=play", "{}");
  bench.world.run(200ms);
  CHECK(bench.near.heard("INVITE bridge"));
  CHECK(bench.far.heard("INVITE bridge"));
}

TEST_CASE("an application that cannot be reached is told to the caller") {
  DocumentBench bench;
  bench.server.reset();
  bench.near.call();
  bench.world.run(40s);
  CHECK(bench.near.heard("INFO play"));
  bench.call_sid = "CA1";
  CHECK_FALSE(bench.kept("warning").empty());
}

TEST_CASE("a call that another router left goes on at its verb, and the application is not asked again") {
  DocumentBench bench;
  struct Leave {
    static Task<void> capsule(store::LiveState& live) {
      call::Capsule kept;
      kept.facts = {.call_sid = "CA1", .account_sid = "AC1"};
      kept.document_url = "http://app.example/voice";
      kept.document = "<Response><Say>First</Say><Say>Second</Say></Response>";
      kept.verb = 1;
      (void)co_await live.put_capsule({.call_sid = "CA1", .owner = "us-r0", .epoch = 4, .content = to_json_text(kept)});
    }
  };
  io::Scope scope(bench.host.loop());
  scope.spawn(Leave::capsule(bench.live));
  bench.near.call();
  bench.world.run(200ms);
  CHECK(bench.asked.empty());
  CHECK(bench.near.body_of("INFO play").contains("Second"));
}

}  // namespace
}  // namespace nearend::router::test
