#include "call/capsule.hpp"

#include <doctest/doctest.h>

namespace nearend::call {
namespace {

Capsule example() {
  Capsule capsule;
  capsule.facts = {.call_sid = "CA1",
                   .account_sid = "AC1",
                   .from = "+15550199",
                   .to = "+15550100",
                   .more = {{"SipCallId", "abc@host"}, {"SipHeader_X-Room", "\"7\""}}};
  capsule.is_answered = true;
  capsule.document_url = "http://app.example/voice";
  capsule.document = "<Response><Say>Hi &amp; bye</Say></Response>";
  capsule.verb = 3;
  capsule.verb_state = "{\"loop\":2}";
  capsule.legs = {{"LG1", "eu-gw1", "sip:198.51.100.7:5070", "answered", "bridged", "call-1", "a", "b"},
                  {.leg = "LG2"}};
  return capsule;
}

TEST_CASE("a capsule comes back as it was written") {
  const Capsule before = example();
  auto after = parse_capsule(to_json_text(before));
  REQUIRE(after);
  CHECK(after->facts.call_sid == "CA1");
  CHECK(after->facts.more == before.facts.more);
  CHECK(after->is_answered);
  CHECK(after->document == before.document);
  CHECK(after->verb == 3);
  CHECK(after->verb_state == before.verb_state);
  CHECK(after->legs == before.legs);
}

TEST_CASE("a capsule of a newer version is read without what is unknown") {
  auto capsule = parse_capsule(R"({"v":2,"facts":{"call":"CA1","account":"AC1","mood":"good"},"taps":[1]})");
  REQUIRE(capsule);
  CHECK(capsule->facts.account_sid == "AC1");
  CHECK(capsule->legs.empty());
}

TEST_CASE("a broken capsule is refused with the name of what is wrong") {
  for (const auto& [text, word] : std::vector<std::pair<std::string, std::string>>{
           {"", ""},
           {"[]", "object"},
           {"{}", "facts"},
           {R"({"facts":{"account":"AC1"}})", "call"},
           {R"({"facts":{"call":"CA1","account":"AC1"},"verb":-1})", "verb"},
           {R"({"facts":{"call":"CA1","account":"AC1"},"legs":[7]})", "legs"}}) {
    CAPTURE(text);
    auto capsule = parse_capsule(text);
    REQUIRE_FALSE(capsule);
    CHECK(capsule.error().text.contains(word));
  }
}

}  // namespace
}  // namespace nearend::call
