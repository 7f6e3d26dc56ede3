#include "lab/measure.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <unordered_map>
#include <unordered_set>

#include "lab/packet.hpp"
#include "rtp/g711.hpp"

namespace nearend::lab {
namespace {

constexpr int64_t match_window_ns = 2'500'000'000;   // half a marker cycle: the same content comes again after 5.12 s
constexpr int64_t still_under_way_ns = 400'000'000;  // speech sent so shortly before the end is not expected to arrive

double ms(int64_t ns) {
  return static_cast<double>(ns) / 1e6;
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

const SipSeen* find(const CallTrace& trace, int status, std::string_view method, SiteId from, SiteId to,
                    int64_t after_ns) {
  for (const SipSeen& seen : trace.sip) {
    if (seen.entered_ns < after_ns || seen.from != from || seen.to != to || !seen.has_arrived) continue;
    if (seen.status() == status && seen.method() == method) return &seen;
  }
  return nullptr;
}

// How long after `answer_ns` (at the gateway) one direction stayed shut: from the first packet of the talker that came
// to his gateway to the first that was passed on, and its way through. The wait for the talker's next packet is not
// ours.
std::optional<double> shut_ms(const CallTrace& trace, bool is_from_caller, int64_t answer_ns, double access_ms) {
  const CallSites& sites = trace.sites;
  const auto spoken = is_from_caller ? rtp_between(trace.packets, sites.caller, sites.x1)
                                     : rtp_between(trace.packets, sites.callee, sites.x2);
  const auto heard = is_from_caller ? rtp_between(trace.packets, sites.x2, sites.callee)
                                    : rtp_between(trace.packets, sites.x1, sites.caller);
  std::unordered_map<uint64_t, int64_t> heard_at;
  for (const RtpSeen& packet : heard) {
    if (packet.left_ns > answer_ns && packet.has_arrived() && !is_silence(packet)) {
      heard_at.try_emplace(packet.content, packet.left_ns);
    }
  }
  std::optional<int64_t> first_in;
  for (const RtpSeen& packet : spoken) {
    if (packet.left_ns < answer_ns || !packet.has_arrived()) continue;
    if (!first_in) first_in = packet.left_ns;
    const auto it = heard_at.find(packet.content);
    if (it != heard_at.end() && it->second > packet.left_ns) return ms(it->second - *first_in) - access_ms;
  }
  return {};
}

const SipSeen* callee_answer(const CallTrace& trace) {
  return find(trace, 200, "INVITE", trace.sites.callee, trace.sites.x2, 0);
}

}  // namespace

CallTrace trace_of(const CallSites& sites, std::vector<Captured> packets) {
  CallTrace trace{.sites = sites, .packets = std::move(packets), .sip = {}};
  trace.sip = sip_messages(trace.packets);
  return trace;
}

double Delivery::median_ms() const {
  return median(delays_ms);
}

double Delivery::longest_gap_ms() const {
  double longest = 0;
  for (size_t i = 1; i < times_ns.size(); ++i) {
    const double spoken = ms(times_ns[i].first - times_ns[i - 1].first);
    const double heard = ms(times_ns[i].second - times_ns[i - 1].second);
    longest = std::max(longest, heard - std::max(0.0, spoken - 20));
  }
  return longest;
}

Delivery delivery(const CallTrace& trace, bool is_from_caller, int64_t begin_ns, int64_t end_ns) {
  const CallSites& sites = trace.sites;
  const auto sent = is_from_caller ? rtp_between(trace.packets, sites.caller, sites.x1)
                                   : rtp_between(trace.packets, sites.callee, sites.x2);
  const auto got = is_from_caller ? rtp_between(trace.packets, sites.x2, sites.callee)
                                  : rtp_between(trace.packets, sites.x1, sites.caller);
  std::unordered_map<uint64_t, std::vector<int64_t>> arrivals;
  for (const RtpSeen& packet : got) {
    if (packet.has_arrived()) arrivals[packet.content].push_back(packet.left_ns);
  }
  Delivery out;
  for (const RtpSeen& packet : sent) {
    if (packet.entered_ns < begin_ns || packet.entered_ns > end_ns || packet.payload_type >= 96) continue;
    ++out.sent;
    size_t times = 0;
    for (const int64_t arrival : arrivals[packet.content]) {
      const int64_t delay = arrival - packet.entered_ns;
      if (delay < 0 || delay > match_window_ns) continue;
      if (times++ > 0) continue;
      out.delays_ms.push_back(ms(delay));
      out.times_ns.emplace_back(packet.entered_ns, arrival);
    }
    out.lost += times == 0 ? 1 : 0;
    out.doubled += times > 1 ? times - 1 : 0;
  }
  std::ranges::sort(out.times_ns, {}, [](const auto& times) { return times.second; });
  return out;
}

const SipSeen* find_request(const CallTrace& trace, std::string_view method, SiteId from, SiteId to, int64_t after_ns) {
  return find(trace, 0, method, from, to, after_ns);
}

const SipSeen* find_response(const CallTrace& trace, int status, std::string_view method, SiteId from, SiteId to,
                             int64_t after_ns) {
  return find(trace, status, method, from, to, after_ns);
}

std::optional<double> answer_to_ear_ms(const CallTrace& trace, bool is_from_caller, double access_ms) {
  const SipSeen* answer = callee_answer(trace);
  return answer == nullptr ? std::nullopt : shut_ms(trace, is_from_caller, answer->left_ns, access_ms);
}

std::optional<double> answer_to_media_ms(const CallTrace& trace, double caller_access_ms, double callee_access_ms) {
  const auto to_caller = answer_to_ear_ms(trace, false, caller_access_ms);
  const auto to_callee = answer_to_ear_ms(trace, true, callee_access_ms);
  if (!to_caller || !to_callee) return {};
  return std::max(*to_caller, *to_callee);
}

std::optional<double> clipped_packets(const CallTrace& trace) {
  const SipSeen* answer = callee_answer(trace);
  if (answer == nullptr) return {};
  int64_t end_ns = 0;
  for (const Captured& packet : trace.packets) end_ns = std::max(end_ns, packet.left_ns);
  for (const SipSeen& seen : trace.sip) {
    if (seen.method() == "BYE" && seen.entered_ns > answer->left_ns) end_ns = std::min(end_ns, seen.entered_ns);
  }
  // Only what was spoken in the first second counts as clipped; later holes are losses.
  end_ns = std::min(end_ns - still_under_way_ns, answer->entered_ns + 1'000'000'000);
  return static_cast<double>(delivery(trace, false, answer->entered_ns, end_ns).lost);
}

std::optional<double> hangup_to_verb_ms(const CallTrace& trace, double caller_access_ms, int64_t after_ns) {
  const CallSites& sites = trace.sites;
  const SipSeen* bye = find_request(trace, "BYE", sites.callee, sites.x2, after_ns);
  if (bye == nullptr) return {};
  std::unordered_set<uint64_t> callee_said;
  for (const RtpSeen& packet : rtp_between(trace.packets, sites.callee, sites.x2)) callee_said.insert(packet.content);
  for (const RtpSeen& packet : rtp_between(trace.packets, sites.x1, sites.caller)) {
    if (packet.left_ns < bye->left_ns || !packet.has_arrived() || is_silence(packet)) continue;
    if (!callee_said.contains(packet.content)) return ms(packet.left_ns - bye->left_ns) - caller_access_ms;
  }
  return {};
}

std::optional<double> set_up_ms(const CallTrace& trace) {
  const CallSites& sites = trace.sites;
  const SipSeen* in = find_request(trace, "INVITE", sites.caller, sites.x1);
  const SipSeen* out = find_request(trace, "INVITE", sites.x2, sites.callee);
  if (in == nullptr || out == nullptr) return {};
  return ms(out->entered_ns - in->left_ns);
}

double application_ms(const CallTrace& trace, int64_t begin_ns, int64_t end_ns) {
  int64_t first = 0, last = 0;
  for (const Captured& packet : trace.packets) {
    const bool is_question = packet.from == trace.sites.router && packet.to == trace.sites.app;
    const bool is_answer = packet.from == trace.sites.app && packet.to == trace.sites.router;
    if (packet.entered_ns < begin_ns || packet.entered_ns > end_ns || (!is_question && !is_answer)) continue;
    const auto tcp = read_tcp(packet.packet);
    if (!tcp) continue;
    if (is_question && first == 0) first = packet.entered_ns;
    const bool is_http_answer = is_answer && as_text(tcp->payload).starts_with("HTTP/1.");
    if (is_http_answer && first != 0) last = packet.left_ns;
  }
  return last > first ? ms(last - first) : 0;
}

size_t cross_region_rtp(const CallTrace& trace) {
  const CallSites& sites = trace.sites;
  size_t count = 0;
  for (const Captured& packet : trace.packets) {
    const bool is_out = (packet.from == sites.x1 || packet.from == sites.x2) && packet.to == sites.router;
    const bool is_back = packet.from == sites.router && (packet.to == sites.x1 || packet.to == sites.x2);
    if ((is_out || is_back) && rtp_in(packet)) ++count;
  }
  return count;
}

Continuity continuity(const std::vector<RtpSeen>& stream) {
  Continuity out;
  const RtpSeen* last = nullptr;
  for (const RtpSeen& packet : stream) {
    if (!packet.has_arrived()) continue;
    ++out.packets;
    if (last != nullptr) {
      out.longest_gap_ms = std::max(out.longest_gap_ms, ms(packet.left_ns - last->left_ns));
      const auto by = static_cast<int16_t>(packet.sequence - last->sequence);
      if (packet.ssrc != last->ssrc) {
        ++out.ssrc_changes;
      } else if (by <= 0) {
        ++out.doubled;
        continue;
      } else {
        out.lost += static_cast<size_t>(by - 1);
      }
    }
    last = &packet;
  }
  return out;
}

Line fit(const std::vector<std::pair<double, double>>& points) {
  const auto count = static_cast<double>(points.size());
  double x = 0, y = 0, xx = 0, xy = 0;
  for (const auto& [px, py] : points) {
    x += px;
    y += py;
    xx += px * px;
    xy += px * py;
  }
  const double spread = count * xx - x * x;
  if (points.empty()) return {};
  if (spread == 0) return {0, y / count};
  const double slope = (count * xy - x * y) / spread;
  return {slope, (y - slope * x) / count};
}

bool is_silence(const RtpSeen& packet) {
  if (packet.payload_type == 13) return true;  // comfort noise, RFC 3389
  constexpr int quiet = 500;
  if (!packet.is_ulaw()) return false;
  return std::ranges::all_of(packet.payload, [](uint8_t code) { return std::abs(rtp::decode_ulaw(code)) < quiet; });
}

}  // namespace nearend::lab
