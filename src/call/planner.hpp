#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nearend::call {

/// Where the media of one step of a call runs (design section 2).
enum class Plan {
  none,    ///< The step needs no media: Reject, Redirect, Hangup, Pause before answering.
  local,   ///< In the legs' region or regions: bridge, hairpin, player, recorder, collector of the gateways.
  remote,  ///< At the router's media node.
  split,   ///< Bridge in the region, a copy to a tap at the router.
  direct,  ///< Provider to provider; the gateways only signal.
};
std::string_view to_string(Plan plan);

/// What one leg brings to the decision: its gateway, and the catalogue that gateway stated (Features of its INVITE).
struct LegPlace {
  std::string gateway, region;
  std::vector<std::string> features;
  bool is_direct_possible = false;  ///< Its provider allows media past the gateway.
};

/// What the operator wants where both would do.
enum class PlanPreference {
  local,    ///< Media stays near the endpoints whenever it can.
  remote,   ///< Prompts and collectors run at the router; bridges stay local.
  trombone  ///< Everything runs through the router: the old way, kept to measure against.
};

/// One step: a verb with its legs.
struct Step {
  std::string verb;                ///< For the reason: "Say", "Dial".
  std::vector<std::string> needs;  ///< Capabilities: play, local-tts, collect, record, bridge.
  std::vector<LegPlace> legs;      ///< One; or two, the caller's first.
  PlanPreference preference = PlanPreference::local;
  /// What the policy server says about the resource: where it is best used. Nothing: not asked, the catalogue decides.
  std::optional<bool> is_resource_local;
  std::string resource_reason;       ///< The policy server's words.
  bool can_gateways_meet = true;     ///< False once a local bridge between these two gateways has failed.
  bool is_answer_screened = false;   ///< The router must act between answer and bridge: whisper, digits to send.
  bool are_several_ringing = false;  ///< The peer is not known before it answers.
  bool is_arming_wanted = true;      ///< Setting: pre-armed bridges (C5) rather than parallel re-INVITEs (C3).
  bool is_direct_wanted = false;
};

/// The decision with its reason, which is kept as an event of the call.
struct Decision {
  Plan plan = Plan::none;
  bool is_armed = false;  ///< local bridges: both gateways are made ready while the callee rings (C5).
  std::string reason;
};

/// Decides one step. Pure; the same facts give the same decision.
Decision plan_step(const Step& step);

/// "tts" and "local-tts" are one thing, spelled after the node and after the region's catalogue.
bool offers(const LegPlace& leg, std::string_view need);

}  // namespace nearend::call
