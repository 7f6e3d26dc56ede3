#include <doctest/doctest.h>

#include "script/url.hpp"
#include "unit/script/world.hpp"

using namespace nearend;
using namespace nearend::script;
using test::World;
using Done = std::vector<std::string>;

TEST_CASE("verbs run from top to bottom, the call is answered by the first that is heard, and the end hangs up") {
  World world;
  world.document("<Say>Hello</Say><Play>a.wav</Play>");
  CHECK(world.run() == Finish::end_of_document);
  CHECK(world.control.done == Done{"answer", "play Hello", "play http://app.test/a.wav", "hangup"});
  CHECK(world.control.notes.empty());
}

TEST_CASE("the first request carries the standard parameters") {
  World world;
  world.control.call.caller_name = "Ann";
  world.control.call.more = {{"SipCallId", "x@y"}};
  world.document("<Hangup/>");
  world.run();
  REQUIRE(world.client.asked.size() == 1);
  CHECK(world.client.asked[0].method == "POST");
  const http::Form expected{{"CallSid", "CA1"},       {"AccountSid", "AC1"},     {"From", "+15550001"},
                            {"To", "+15550002"},      {"CallStatus", "ringing"}, {"ApiVersion", "2010-04-01"},
                            {"Direction", "inbound"}, {"Caller", "+15550001"},   {"Called", "+15550002"},
                            {"CallerName", "Ann"},    {"SipCallId", "x@y"}};
  CHECK(world.client.form(0) == expected);
}

TEST_CASE("a first Hangup answers, then ends") {
  World world;
  world.document("<Hangup/><Say>never</Say>");
  CHECK(world.run() == Finish::hung_up);
  CHECK(world.control.done == Done{"answer", "hangup"});
}

TEST_CASE("Reject never answers") {
  World world;
  world.document("<Reject reason='busy'/><Say>never</Say>");
  CHECK(world.run() == Finish::rejected);
  CHECK(world.control.done == Done{"reject busy"});
}

TEST_CASE("Reject after an answer can only hang up, and says so") {
  World world;
  world.document("<Say>Hello</Say><Reject/>");
  CHECK(world.run() == Finish::hung_up);
  CHECK(world.control.done == Done{"answer", "play Hello", "hangup"});
  CHECK(world.was_noted("<Reject> comes after the call was answered"));
}

TEST_CASE("a first Pause waits before picking up, and Reject may follow it") {
  World world;
  world.document("<Pause length='3'/><Reject/>");
  CHECK(world.run() == Finish::rejected);
  CHECK(world.control.done == Done{"pause 3000", "reject rejected"});
}

TEST_CASE("Redirect gives the call to another document, relative to the current one") {
  World world;
  world.document("<Redirect method='GET'>next?a=1</Redirect><Say>never</Say>");
  world.page("/next", "<Response><Say>Two</Say></Response>");
  CHECK(world.run() == Finish::end_of_document);
  REQUIRE(world.client.asked.size() == 2);
  CHECK(world.client.asked[1].method == "GET");
  CHECK(world.client.asked[1].url.starts_with("http://app.test/next?a=1&CallSid=CA1"));
  CHECK(world.control.done == Done{"answer", "play Two", "hangup"});
}

TEST_CASE("a document that redirects to itself ends after a thousand steps") {
  World world;
  world.document("<Redirect/>");
  CHECK(world.run() == Finish::hung_up);
  CHECK(world.client.asked.size() <= 1000);
  CHECK(world.control.done == Done{"hangup"});
  CHECK(world.was_noted("has run 1000 steps"));
}

TEST_CASE("an unsupported verb is a warning and the next one runs") {
  World world;
  world.document("\n<Enqueue>support</Enqueue><Sai>x</Sai><Say>Hello</Say>");
  world.run();
  CHECK(world.control.done == Done{"answer", "play Hello", "hangup"});
  CHECK(world.was_noted("line 2, column 1: <Enqueue> is not supported yet"));
  CHECK(world.was_noted("there is no verb <Sai>: did you mean <Say>?"));
}

TEST_CASE("what cannot be had goes to the fallback once, with ErrorCode and ErrorUrl") {
  struct Row {
    const char* name;
    test::Client::Page page;
    int code;
  };
  const Row rows[] = {{"not found", {.status = 404}, 11200},
                      {"server error", {.body = "<Response/>", .status = 500}, 11200},
                      {"down", {.is_down = true}, 11205},
                      {"broken", {.body = "<Response><Say></Response>"}, 12100},
                      {"not a Response", {.body = "<html/>"}, 12100},
                      {"wrong type", {.body = "{}", .type = "application/json"}, 12300},
                      {"empty", {.body = ""}, 12100}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    World world;
    world.binding.fallback_url = "http://app.test/fallback";
    world.binding.fallback_method = "GET";
    world.client.pages["http://app.test/voice"] = row.page;
    world.page("/fallback", "<Response><Say>Sorry</Say></Response>");
    CHECK(world.run() == Finish::end_of_document);
    const size_t last = world.client.asked.size() - 1;
    CHECK(world.client.asked[last].method == "GET");
    CHECK(world.client.value(last, "ErrorCode") == fmt::format("{}", row.code));
    CHECK(world.client.value(last, "ErrorUrl") == "http://app.test/voice");
    CHECK(world.client.value(last, "CallSid") == "CA1");
    CHECK(world.control.done == Done{"answer", "play Sorry", "hangup"});
    REQUIRE_FALSE(world.control.notes.empty());
    CHECK(world.control.notes[0].first == row.code);
  }
}

TEST_CASE("when the fallback fails too, the caller is told and hung up") {
  World world;
  world.binding.fallback_url = "http://app.test/fallback";
  CHECK(world.run() == Finish::failed);
  CHECK(world.control.done.size() == 3);
  CHECK(world.control.done[1].find("application error") != std::string::npos);
  CHECK(world.control.done[2] == "hangup");
}

TEST_CASE("the type of the answer decides what is done with it") {
  World world;
  SUBCASE("audio is played, then the call ends") {
    world.page("/voice", "RIFF", "audio/wav");
    world.run();
    CHECK(world.control.done == Done{"answer", "play http://app.test/voice", "hangup"});
  }
  SUBCASE("plain text is read aloud") {
    world.page("/voice", "Hello <world> & all", "text/plain; charset=utf-8");
    world.run();
    CHECK(world.control.done == Done{"answer", "play Hello <world> & all", "hangup"});
  }
  SUBCASE("plain text that is TwiML is TwiML") {
    world.page("/voice", "<Response><Reject/></Response>", "text/plain");
    world.run();
    CHECK(world.control.done == Done{"reject rejected"});
  }
  SUBCASE("text/html is TwiML") {
    world.page("/voice", "<Response><Reject/></Response>", "text/html; charset=utf-8");
    world.run();
    CHECK(world.control.done == Done{"reject rejected"});
  }
}

TEST_CASE("a caller who hangs up ends the script") {
  World world;
  world.document("<Say>One</Say><Say>Two</Say>");
  world.control.plays.push_back({.is_caller_gone = true});
  CHECK(world.run() == Finish::caller_gone);
  CHECK(world.control.done == Done{"answer", "play One"});
}

TEST_CASE("a prompt that cannot be played is a warning and the next verb runs") {
  World world;
  world.document("<Play>gone.wav</Play><Say>Two</Say>");
  world.control.plays.push_back({.error = Error{Error::Kind::not_found, "404"}});
  CHECK(world.run() == Finish::end_of_document);
  CHECK(world.was_noted("<Play> was not heard: 404"));
  CHECK(world.control.done.size() == 4);
}

TEST_CASE("the capsule is written before every outside effect") {
  World world;
  world.document("<Say>One</Say><Say>Two</Say><Reject/>");
  world.run();
  REQUIRE(world.control.checkpoints.size() == 3);
  CHECK(world.control.checkpoints[0].second.find("\"pending\"") != std::string::npos);
  CHECK(world.control.checkpoints[1].first == 0);
  CHECK(world.control.checkpoints[2].first == 1);
}

TEST_CASE("a router whose call was adopted by another does nothing more to it") {
  World world;
  world.document("<Say>One</Say>");
  world.control.checkpoint_error = Error{Error::Kind::refused, "epoch 4 is newer"};
  CHECK(world.run() == Finish::fenced);
  CHECK(world.control.done.empty());
  CHECK(world.client.asked.empty());
}

TEST_CASE("an adopted call goes on at its verb, or repeats its request under the same token") {
  World world;
  Interpreter interpreter(world.loop, world.client, world.callbacks, world.settings, world.control, world.binding);
  world.control.answered = true;
  SUBCASE("a verb") {
    interpreter.resume_at({.document_url = "http://app.test/voice",
                           .document = "<Response><Say>One</Say><Say>Two</Say></Response>",
                           .verb = 1,
                           .verb_state = "{\"steps\":2}"});
    CHECK(world.run(interpreter) == Finish::end_of_document);
    CHECK(world.control.done == Done{"play Two", "hangup"});
    CHECK(world.client.asked.empty());
  }
  SUBCASE("a request") {
    world.page("/digits", "<Response><Say>Done</Say></Response>");
    Next pending{.kind = Next::Kind::document, .url = "digits", .method = "POST", .form = {{"Digits", "12"}}};
    interpreter.resume_at({.document_url = "http://app.test/voice",
                           .document = "<Response><Gather/></Response>",
                           .verb = 0,
                           .verb_state = verb_state_text({3, pending})});
    CHECK(world.run(interpreter) == Finish::end_of_document);
    REQUIRE(world.client.asked.size() == 1);
    CHECK(world.client.asked[0].url == "http://app.test/digits");
    CHECK(world.client.value(0, "Digits") == "12");
    CHECK(http::find_header(world.client.asked[0].headers, "I-Twilio-Idempotency-Token") == "CA1-3");
    CHECK(world.control.done == Done{"play Done", "hangup"});
  }
  SUBCASE("a state that makes no sense starts the document's verb anew") {
    interpreter.resume_at({.document_url = "http://app.test/voice",
                           .document = "<Response><Say>One</Say></Response>",
                           .verb_state = "{\"pending\":{\"form\":3}}"});
    CHECK(world.run(interpreter) == Finish::end_of_document);
    CHECK(world.control.done == Done{"play One", "hangup"});
  }
}

TEST_CASE("a document on a called party before it is connected: its end connects, Hangup refuses, Dial is unknown") {
  World world;
  world.settings.dialect = Dialect::screen;
  world.control.answered = true;
  SUBCASE("end") {
    world.document("<Say>A call for you</Say><Dial>+15550003</Dial>");
    CHECK(world.run() == Finish::end_of_document);
    CHECK(world.control.done == Done{"play A call for you"});
    CHECK(world.was_noted("<Dial> cannot run on a called party"));
  }
  SUBCASE("Hangup") {
    world.document("<Hangup/>");
    CHECK(world.run() == Finish::hung_up);
    CHECK(world.control.done == Done{"hangup"});
  }
  SUBCASE("no document") {
    CHECK(world.run() == Finish::failed);
    CHECK(world.control.done == Done{"hangup"});
  }
}

TEST_CASE("references are resolved against the document") {
  CHECK(resolve_url("http://a.test/x/y?q", "z") == "http://a.test/x/z");
  CHECK(resolve_url("http://a.test/x/y?q", "/z?b#rc=2") == "http://a.test/z?b#rc=2");
  CHECK(resolve_url("http://a.test/x/y?q", "") == "http://a.test/x/y?q");
  CHECK(resolve_url("http://a.test/x/y", "?n=1") == "http://a.test/x/y?n=1");
  CHECK(resolve_url("http://u:p@a.test/x", "y") == "http://u:p@a.test/y");
  CHECK(resolve_url("http://a.test/x", "https://b.test:8443/") == "https://b.test:8443/");
  CHECK(resolve_url("", "https://b.test/") == "https://b.test/");
  CHECK_FALSE(resolve_url("", "y"));
  CHECK_FALSE(resolve_url("http://a.test/", "ftp://b.test/"));
  CHECK_FALSE(resolve_url("http://a.test/", "javascript:alert(1)"));
  CHECK_FALSE(resolve_url("http://a.test/", "http://a_b.test/"));
  CHECK_FALSE(resolve_url("http://a.test/", "a\r\nb"));
}

TEST_CASE("cookies of the application stay with the call, also when another router takes it up") {
  World world;
  world.document("<Redirect>/next</Redirect>");
  world.client.pages["http://app.test/voice"].headers.emplace_back("Set-Cookie", "session=abc; Path=/");
  world.page("/next", "<Response><Say>x</Say></Response>");
  world.run();
  REQUIRE(world.client.asked.size() == 2);
  CHECK(http::find_header(world.client.asked[0].headers, "Cookie").empty());
  CHECK(http::find_header(world.client.asked[1].headers, "Cookie") == "session=abc");
  const auto state = parse_verb_state(world.control.checkpoints.back().second);
  REQUIRE(state);
  REQUIRE(state->cookies.size() == 1);
  CHECK(state->cookies[0].value == "abc");
  CHECK(state->cookies[0].domain == "app.test");
}

TEST_CASE("requests are signed, and a redirect of the application loses the digits but moves the base") {
  World world;
  world.document("<Gather action='/old'/>");
  world.client.pages["http://app.test/old"] = {.status = 302, .headers = {{"Location", "/dir/new"}}};
  world.page("/dir/new", "<Response><Play>a.wav</Play></Response>");
  world.control.gathers.push_back({.digits = "1"});
  world.run();
  CHECK_FALSE(http::find_header(world.client.asked[0].headers, "X-Twilio-Signature").empty());
  REQUIRE(world.client.asked.size() == 3);
  CHECK(world.client.asked[2].method == "GET");
  CHECK_FALSE(world.client.has(2, "Digits"));
  CHECK(world.control.done == Done{"answer", "gather", "play http://app.test/dir/a.wav", "hangup"});
}
