#include "call/planner.hpp"

#include <doctest/doctest.h>

namespace nearend::call {
namespace {

const std::vector<std::string> whole{"bridge", "play", "local-tts", "record", "collect"};

LegPlace leg(std::string gateway, std::string region, std::vector<std::string> features = whole) {
  return {.gateway = std::move(gateway), .region = std::move(region), .features = std::move(features)};
}

struct Row {
  std::string what;
  Step step;
  Plan plan;
  bool is_armed;
  std::string reason;
};

std::vector<Row> rows() {
  const LegPlace eu = leg("eu-gw1", "eu/de1"), ie = leg("eu-gw2", "eu/ie1");
  const LegPlace bare = leg("sa-gw1", "sa/br1", {"bridge"});
  const LegPlace tapped = leg("sa-gw1", "sa/br1", {"bridge", "tap"}), nothing = leg("as-gw1", "as/in1", {});
  LegPlace open_eu = eu, open_ie = ie;
  open_eu.is_direct_possible = open_ie.is_direct_possible = true;
  return {
      {"Reject opens no media", {.verb = "Reject", .legs = {eu}}, Plan::none, false, "Reject: needs no media"},
      {"a prompt runs where the caller is",
       {.verb = "Say", .needs = {"play", "local-tts"}, .legs = {eu}},
       Plan::local,
       false,
       "Say: eu/de1 has all it needs"},
      {"the node's name of speech is understood",
       {.verb = "Say", .needs = {"play", "tts"}, .legs = {eu}},
       Plan::local,
       false,
       ""},
      {"a region without a player sends its media away",
       {.verb = "Play", .needs = {"play"}, .legs = {bare}},
       Plan::remote,
       false,
       "Play: sa/br1 has no play, media at the router"},
      {"the policy may prefer the router's player",
       {.verb = "Play",
        .needs = {"play"},
        .legs = {eu},
        .is_resource_local = false,
        .resource_reason = "eu/de1 is full"},
       Plan::remote,
       false,
       "Play: eu/de1 is full, media at the router"},
      {"prompts can be set to run at the router",
       {.verb = "Say", .needs = {"play"}, .legs = {eu}, .preference = PlanPreference::remote},
       Plan::remote,
       false,
       "Say: set to run prompts at the router, media at the router"},
      {"that setting leaves bridges local",
       {.verb = "Dial", .needs = {"bridge"}, .legs = {eu, ie}, .preference = PlanPreference::remote},
       Plan::local,
       true,
       "Dial: bridge in eu/de1 and eu/ie1, armed while ringing"},
      {"two legs on one gateway collapse there",
       {.verb = "Dial", .needs = {"bridge"}, .legs = {eu, eu}},
       Plan::local,
       true,
       "Dial: bridge in eu/de1 on one gateway, armed while ringing"},
      {"a whisper keeps the router between answer and bridge",
       {.verb = "Dial", .needs = {"bridge"}, .legs = {eu, ie}, .is_answer_screened = true},
       Plan::local,
       false,
       "Dial: bridge in eu/de1 and eu/ie1, bridged after the callee's document"},
      {"several ringing phones are not armed",
       {.verb = "Dial", .needs = {"bridge"}, .legs = {eu, ie}, .are_several_ringing = true},
       Plan::local,
       false,
       "Dial: bridge in eu/de1 and eu/ie1, bridged when the router hears of the answer"},
      {"arming can be switched off to be measured against",
       {.verb = "Dial", .needs = {"bridge"}, .legs = {eu, ie}, .is_arming_wanted = false},
       Plan::local,
       false,
       ""},
      {"a gateway that cannot bridge takes the trombone",
       {.verb = "Dial", .needs = {"bridge"}, .legs = {eu, nothing}},
       Plan::remote,
       false,
       "Dial: as/in1 has no bridge, media at the router"},
      {"gateways that could not be joined take the trombone",
       {.verb = "Dial", .needs = {"bridge"}, .legs = {eu, ie}, .can_gateways_meet = false},
       Plan::remote,
       false,
       "Dial: eu-gw1 and eu-gw2 could not be joined, media at the router"},
      {"the trombone can be asked for",
       {.verb = "Dial", .needs = {"bridge"}, .legs = {eu, ie}, .preference = PlanPreference::trombone},
       Plan::remote,
       false,
       ""},
      {"a recorder is needed at the caller's side only",
       {.verb = "Dial", .needs = {"bridge", "record"}, .legs = {eu, bare}},
       Plan::local,
       true,
       ""},
      {"without a recorder but with a tap the media stays and a copy travels",
       {.verb = "Dial", .needs = {"bridge", "record"}, .legs = {tapped, tapped}},
       Plan::split,
       false,
       "Dial: sa/br1 has no record, a copy goes to the router"},
      {"without a tap the whole talk travels to the recorder",
       {.verb = "Dial", .needs = {"bridge", "record"}, .legs = {bare, bare}},
       Plan::remote,
       false,
       ""},
      {"two providers that allow it talk past their gateways",
       {.verb = "Dial", .needs = {"bridge"}, .legs = {open_eu, open_ie}, .is_direct_wanted = true},
       Plan::direct,
       true,
       "Dial: both providers take media past their gateways"},
      {"one that does not allow it keeps the gateways in",
       {.verb = "Dial", .needs = {"bridge"}, .legs = {open_eu, ie}, .is_direct_wanted = true},
       Plan::local,
       true,
       ""},
  };
}

TEST_CASE("each step gets the plan that its legs' regions allow, with the reason") {
  for (const Row& row : rows()) {
    CAPTURE(row.what);
    const Decision decision = plan_step(row.step);
    CHECK(to_string(decision.plan) == to_string(row.plan));
    CHECK(decision.is_armed == row.is_armed);
    CHECK_FALSE(decision.reason.empty());
    if (!row.reason.empty()) CHECK(decision.reason == row.reason);
  }
}

}  // namespace
}  // namespace nearend::call
