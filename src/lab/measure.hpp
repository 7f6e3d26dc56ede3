#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lab/rtp_trace.hpp"
#include "lab/sip_trace.hpp"

namespace nearend::lab {

/// Figures of one run by their ids (m1_ms ...), in the order of their names.
using Metrics = std::map<std::string, double>;

/// The sites of one call. x1 serves the caller, x2 the callee; they may be one.
struct CallSites {
  SiteId caller = 0;
  SiteId callee = 0;
  SiteId x1 = 0;
  SiteId x2 = 0;
  SiteId router = 0;
  SiteId app = 0;
};

/// What a tap has kept of one call.
struct CallTrace {
  CallSites sites;
  std::vector<Captured> packets;
  std::vector<SipSeen> sip;
};
CallTrace trace_of(const CallSites& sites, std::vector<Captured> packets);

/// How one direction's speech arrived: packets matched by their contents.
struct Delivery {
  std::vector<double> delays_ms;  ///< Mouth to ear, of each packet that arrived.
  size_t sent = 0;
  size_t lost = 0;
  size_t doubled = 0;
  std::vector<std::pair<int64_t, int64_t>> times_ns;  ///< Left the mouth, reached the ear; in order of arrival.
  double median_ms() const;
  /// Between arrivals, less what the talker himself paused beyond his 20 ms.
  double longest_gap_ms() const;
};
/// Speech that left `from` and came to `to`, sent within the window. `from_gateway` and `to_gateway` are the gateways'
/// sites.
Delivery delivery(const CallTrace& trace, bool is_from_caller, int64_t begin_ns, int64_t end_ns);

/// The message that satisfies these, from number `after_ns` on; nullptr when there is none.
const SipSeen* find_request(const CallTrace& trace, std::string_view method, SiteId from, SiteId to,
                            int64_t after_ns = 0);
const SipSeen* find_response(const CallTrace& trace, int status, std::string_view method, SiteId from, SiteId to,
                             int64_t after_ns = 0);

/// M3: from the callee's 200 OK entering the gateway to speech of the other at both ears, less the access networks'
/// delay.
std::optional<double> answer_to_media_ms(const CallTrace& trace, double caller_access_ms, double callee_access_ms);
/// The same for one direction.
std::optional<double> answer_to_ear_ms(const CallTrace& trace, bool is_from_caller, double access_ms);
/// M4: packets the callee spoke after its 200 OK that never reached the caller.
std::optional<double> clipped_packets(const CallTrace& trace);
/// M5: from the callee's BYE entering the gateway to the first sound of the next verb at the caller, less the access
/// delay. Sound is a packet that is neither the callee's nor silence.
std::optional<double> hangup_to_verb_ms(const CallTrace& trace, double caller_access_ms, int64_t after_ns = 0);
/// M6: from the caller's INVITE entering its gateway to the INVITE leaving the callee's gateway.
std::optional<double> set_up_ms(const CallTrace& trace);
/// The application server's part of M6: from the first packet to it to the last of its answer.
double application_ms(const CallTrace& trace, int64_t begin_ns, int64_t end_ns);
/// RTP packets between the router's site and the gateways' sites, both directions.
size_t cross_region_rtp(const CallTrace& trace);

/// The stream that an endpoint receives, as its jitter buffer sees it.
struct Continuity {
  size_t packets = 0;
  size_t lost = 0;     ///< Numbers skipped.
  size_t doubled = 0;  ///< Numbers that came again.
  size_t ssrc_changes = 0;
  double longest_gap_ms = 0;
};
Continuity continuity(const std::vector<RtpSeen>& stream);

/// The straight line y = intercept + slope x through points, least squares.
struct Line {
  double slope = 0;
  double intercept = 0;
};
Line fit(const std::vector<std::pair<double, double>>& points);

bool is_silence(const RtpSeen& packet);

}  // namespace nearend::lab
