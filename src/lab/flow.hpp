#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "lab/measure.hpp"
#include "lab/party.hpp"
#include "lab/platform.hpp"

namespace nearend::lab {

/// The number that the platform owns in every flow, and the callee's.
inline const std::string platform_number = "+15550900";
inline const std::string caller_number = "+15550111";
inline const std::string callee_number = "+15550222";

/// One run of a flow: the platform and the parties are up, the network is set.
class FlowRun {
 public:
  FlowRun(Platform& platform, double rtt_ms, Party& caller, Party& callee, const CallSites& sites)
      : platform(platform), rtt_ms(rtt_ms), caller(caller), callee(callee), sites(sites) {}

  Platform& platform;
  double rtt_ms;
  Party& caller;
  Party& callee;
  CallSites sites;
  Metrics metrics;
  std::vector<std::string> failures;
  double margin_ms = 0;  ///< Added to the bound of every metric in ms.
  uint16_t caller_port = PhoneSettings().rtp_port, callee_port = PhoneSettings().rtp_port;

  /// Notes a failure in words when `is_so` is false; gives `is_so` back, for leaving early.
  bool expect(bool is_so, std::string failure);
  /// The metric must not be above `most`; a missing one is a failure too.
  void at_most(const std::string& metric, std::optional<double> value, double most);

  /// The caller dials the platform's number; true when it was answered.
  bool dial();
  /// Waits until both hear `packets` more packets of the other.
  bool talk(int packets);
  /// Waits until the caller hears `packets` packets that are neither silence nor the callee's.
  bool hear_prompt(int packets);
  /// Waits until `packets` RTP packets have come to the caller, whatever they carry.
  bool wait_at_caller(int packets);
  /// Waits for a SIP message since the last call of this or since the begin of the run.
  bool wait_sip(const SipMatch& match, std::chrono::milliseconds limit);

  /// Everything since the begin of the run. What is under way gets time to arrive.
  CallTrace trace();
  /// Audio at both ends, read from the tap: each heard the other's marker and nobody heard himself.
  void check_ears(const CallTrace& trace, size_t least_frames);
  /// The part of an answer to the router that T does not explain.
  double limit_at(double slope, double intercept_ms) const { return slope * rtt_ms + intercept_ms; }
};

/// One flow: how the platform is set up, which documents the customer serves, what happens, what must come out.
struct Flow {
  std::string id;
  std::string title;
  PlatformPlan plan;
  std::map<std::string, std::string> documents;  ///< Name without ".xml" to TwiML.
  PhoneSettings caller{.user = caller_number, .voice = Voice::caller};
  PhoneSettings callee{.user = callee_number, .voice = Voice::callee};
  MediaKeys caller_keys = MediaKeys::none;  ///< An end with keys is a baresip in every run.
  MediaKeys callee_keys = MediaKeys::none;
  bool has_real_phones = false;  ///< It is run with baresip at both ends as well.
  bool is_rtt_free = false;      ///< The round-trip time does not matter: one run.
  bool is_long = false;          ///< It runs only where it is named.
  bool ends_platform = false;    ///< It kills programs: the platform is started anew after it.
  RolesWanted roles;
  std::function<void(FlowRun&)> run;
};

/// One region (eu) with both parties, the router across the ocean (us).
PlatformPlan one_region();
/// The callee's access network belongs to another edge region (as).
PlatformPlan two_regions();

std::vector<Flow> talk_flows();
std::vector<Flow> verb_flows();
std::vector<Flow> control_flows();
std::vector<Flow> quiet_flows();
std::vector<Flow> srtp_flows();
std::vector<Flow> node_flows();
std::vector<Flow> way_flows();
std::vector<Flow> all_flows();

}  // namespace nearend::lab
