#include "call/planner.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace nearend::call {

namespace {

/// The first need that a leg's region lacks, and where.
struct Lack {
  std::string need, region;
};

std::optional<Lack> first_lack(const Step& step) {
  for (const std::string& need : step.needs)
    for (const LegPlace& leg : step.legs)
      // A recorder is needed once, where the bridge is; everything else on each leg.
      if (!offers(leg, need) && !(need == "record" && &leg != &step.legs.front())) return Lack{need, leg.region};
  return std::nullopt;
}

bool is_bridge(const Step& step) {
  return step.legs.size() == 2;
}

std::string regions_of(const Step& step) {
  if (!is_bridge(step) || step.legs[0].region == step.legs[1].region) return step.legs[0].region;
  return fmt::format("{} and {}", step.legs[0].region, step.legs[1].region);
}

Decision remote(const Step& step, std::string why) {
  return {.plan = Plan::remote, .reason = fmt::format("{}: {}, media at the router", step.verb, why)};
}

bool is_only_record_lacking(const Step& step, const Lack& lack) {
  return lack.need == "record" && std::ranges::all_of(step.legs, [](const LegPlace& leg) {
           return offers(leg, "bridge") && offers(leg, "tap");
         });
}

Decision plan_single(const Step& step) {
  if (step.preference != PlanPreference::local) return remote(step, "set to run prompts at the router");
  if (step.is_resource_local == false)
    return remote(step,
                  step.resource_reason.empty() ? "the policy prefers the router's resource" : step.resource_reason);
  return {.plan = Plan::local, .reason = fmt::format("{}: {} has all it needs", step.verb, regions_of(step))};
}

Decision plan_bridge(const Step& step) {
  if (step.preference == PlanPreference::trombone) return remote(step, "set to run talks through the router");
  if (!step.can_gateways_meet)
    return remote(step, fmt::format("{} and {} could not be joined", step.legs[0].gateway, step.legs[1].gateway));
  const bool is_one_gateway = step.legs[0].gateway == step.legs[1].gateway;
  Decision decision;
  decision.plan = Plan::local;
  decision.is_armed = step.is_arming_wanted && !step.is_answer_screened && !step.are_several_ringing;
  const bool is_direct = step.is_direct_wanted && step.legs[0].is_direct_possible && step.legs[1].is_direct_possible;
  if (is_direct && !is_one_gateway) {
    // Bridged first, as any talk; then the gateways step out.
    decision.plan = Plan::direct;
    decision.reason = fmt::format("{}: both providers take media past their gateways", step.verb);
    return decision;
  }
  std::string_view how = "bridged when the router hears of the answer";
  if (decision.is_armed) how = "armed while ringing";
  if (step.is_answer_screened) how = "bridged after the callee's document";
  decision.reason =
      fmt::format("{}: bridge in {}{}, {}", step.verb, regions_of(step), is_one_gateway ? " on one gateway" : "", how);
  return decision;
}

}  // namespace

std::string_view to_string(Plan plan) {
  switch (plan) {
    case Plan::none:
      return "NONE";
    case Plan::local:
      return "LOCAL";
    case Plan::remote:
      return "REMOTE";
    case Plan::split:
      return "SPLIT";
    case Plan::direct:
      return "DIRECT";
  }
  return "NONE";
}

bool offers(const LegPlace& leg, std::string_view need) {
  if (need == "tts") need = "local-tts";
  return std::ranges::find(leg.features, need) != leg.features.end();
}

Decision plan_step(const Step& step) {
  if (step.needs.empty() || step.legs.empty()) return {.reason = fmt::format("{}: needs no media", step.verb)};
  if (auto lack = first_lack(step)) {
    const std::string why = fmt::format("{} has no {}", lack->region, lack->need);
    if (is_bridge(step) && step.preference == PlanPreference::local && is_only_record_lacking(step, *lack))
      return {.plan = Plan::split, .reason = fmt::format("{}: {}, a copy goes to the router", step.verb, why)};
    return remote(step, why);
  }
  return is_bridge(step) ? plan_bridge(step) : plan_single(step);
}

}  // namespace nearend::call
