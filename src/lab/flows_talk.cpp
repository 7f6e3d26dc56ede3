#include <algorithm>

#include "lab/flow.hpp"

namespace nearend::lab {
namespace {

using namespace std::chrono_literals;

constexpr int talk_packets = 75;  // 1.5 s each way
constexpr size_t talk_frames = 60;

const std::string dial_document =
    "<Response><Dial timeout=\"20\"><Number>" + callee_number + "</Number></Dial></Response>";

// Headline figures of a talk: M1 (later, against the run at T = 0), M3, M4, M6 and packets between the regions.
void measure_talk(FlowRun& run, const CallTrace& trace, double answer_slope) {
  const SipSeen* bye = find_request(trace, "BYE", trace.sites.callee, trace.sites.x2);
  if (bye == nullptr) bye = find_request(trace, "BYE", trace.sites.caller, trace.sites.x1);
  const SipSeen* answer = find_response(trace, 200, "INVITE", trace.sites.callee, trace.sites.x2);
  if (!run.expect(bye != nullptr && answer != nullptr, "the tap has not seen answer and BYE")) return;
  const int64_t begin = answer->entered_ns + static_cast<int64_t>((run.rtt_ms + 200) * 1e6);
  const int64_t end = bye->entered_ns - 200'000'000;
  const Delivery to_callee = delivery(trace, true, begin, end);
  const Delivery to_caller = delivery(trace, false, begin, end);
  run.metrics["m2e_to_caller"] = to_caller.median_ms();
  run.metrics["m2e_to_callee"] = to_callee.median_ms();
  run.metrics["m3_to_caller"] = answer_to_ear_ms(trace, false, Platform::access_ms).value_or(-1);
  run.metrics["m3_to_callee"] = answer_to_ear_ms(trace, true, Platform::access_ms).value_or(-1);
  run.metrics["m2e_ms"] = std::max(to_callee.median_ms(), to_caller.median_ms());
  run.metrics["lost"] = static_cast<double>(to_callee.lost + to_caller.lost);
  run.metrics["doubled"] = static_cast<double>(to_callee.doubled + to_caller.doubled);
  run.expect(to_callee.lost + to_caller.lost == 0, "speech was lost in the talk");
  run.at_most("m3_ms", answer_to_media_ms(trace, Platform::access_ms, Platform::access_ms),
              run.limit_at(answer_slope, 10) + (trace.sites.x1 == trace.sites.x2 ? 0 : Platform::edge_to_edge_ms));
  if (answer_slope < 0.5) run.at_most("m4_packets", clipped_packets(trace), 1);
  run.at_most("cross_region_rtp", static_cast<double>(cross_region_rtp(trace)), 0);
}

void measure_set_up(FlowRun& run, const CallTrace& trace) {
  const SipSeen* in = find_request(trace, "INVITE", trace.sites.caller, trace.sites.x1);
  const SipSeen* out = find_request(trace, "INVITE", trace.sites.x2, trace.sites.callee);
  if (!run.expect(in != nullptr && out != nullptr, "the callee was not called")) return;
  const double w = application_ms(trace, in->left_ns, out->entered_ns);
  run.metrics["w_ms"] = w;
  const double detour = trace.sites.x1 == trace.sites.x2 ? 0 : 2;  // the two gateways' regions are equally far from H
  run.at_most("m6_ms", set_up_ms(trace), run.limit_at(1.05, 15) + w + detour);
}

void talk_and_hang_up(FlowRun& run) {
  if (!run.dial()) return;
  if (!run.expect(run.callee.wait_talking(8s), "the callee did not answer")) return;
  run.talk(talk_packets);
  run.callee.hangup();
  run.expect(run.caller.wait_ended(5s), "the caller's call did not end after the callee hung up");
}

void number_to_number(FlowRun& run) {
  talk_and_hang_up(run);
  const CallTrace trace = run.trace();
  measure_set_up(run, trace);
  if (run.callee.exact() != nullptr) {
    measure_talk(run, trace, 0.02);
  } else {
    run.at_most("cross_region_rtp", static_cast<double>(cross_region_rtp(trace)), 0);
  }
  run.check_ears(trace, talk_frames);
}

void router_asked(FlowRun& run) {
  talk_and_hang_up(run);
  const CallTrace trace = run.trace();
  measure_talk(run, trace, 1.05);
  run.check_ears(trace, talk_frames);
}

/// The caller's phone rings until the callee's is answered, and not a packet's time longer.
void answer_on_bridge(FlowRun& run) {
  talk_and_hang_up(run);
  const CallTrace trace = run.trace();
  measure_talk(run, trace, 0.02);
  run.check_ears(trace, talk_frames);
  const SipSeen* by_callee = find_response(trace, 200, "INVITE", trace.sites.callee, trace.sites.x2);
  const SipSeen* to_caller = find_response(trace, 200, "INVITE", trace.sites.x1, trace.sites.caller);
  const SipSeen* ringing = find_response(trace, 180, "INVITE", trace.sites.x1, trace.sites.caller);
  if (!run.expect(by_callee != nullptr && to_caller != nullptr, "the tap has not seen both answers")) return;
  run.expect(ringing != nullptr && ringing->entered_ns < by_callee->entered_ns, "the caller's phone did not ring");
  run.expect(to_caller->entered_ns >= by_callee->left_ns, "the caller was answered before the callee");
  const double took_ms = static_cast<double>(to_caller->entered_ns - by_callee->left_ns) / 1e6;
  run.at_most("answer_passed_ms", took_ms, run.limit_at(0.02, 10) + Platform::edge_to_edge_ms);
}

bool wait_direct(FlowRun& run, SiteId from, SiteId to) {
  const auto is_there = [&](const Captured& packet) {
    return packet.from == from && packet.to == to && packet.has_arrived() && rtp_in(packet);
  };
  return run.expect(run.platform.capture().wait(is_there, 8s).has_value(), "no speech went past the gateways");
}

/// The gateways step out of a talk whose providers allow it (M26): both ears hear on, from one another.
void direct(FlowRun& run) {
  run.platform.set_rtt("caller", "callee", 2 * (2 * Platform::access_ms + Platform::edge_to_edge_ms));
  if (!run.dial()) return;
  if (!run.expect(run.callee.wait_talking(8s), "the callee did not answer")) return;
  if (!wait_direct(run, run.sites.caller, run.sites.callee) || !wait_direct(run, run.sites.callee, run.sites.caller))
    return;
  const int64_t stepped_out_ns = now_ns() + static_cast<int64_t>((run.rtt_ms + 300) * 1e6);
  run.talk(2 * talk_packets);
  run.callee.hangup();
  run.expect(run.caller.wait_ended(5s), "the caller's call did not end after the callee hung up");
  const CallTrace trace = run.trace();
  const SipSeen* bye = find_request(trace, "BYE", trace.sites.callee, trace.sites.x2);
  if (!run.expect(bye != nullptr, "the tap has not seen the callee's BYE")) return;
  for (const bool is_caller : {true, false}) {
    const SiteId mouth = is_caller ? trace.sites.caller : trace.sites.callee;
    const SiteId ear = is_caller ? trace.sites.callee : trace.sites.caller;
    const SiteId gateway = is_caller ? trace.sites.x1 : trace.sites.x2;
    const std::string who = is_caller ? "callee" : "caller";
    const auto heard = hear(listen(rtp_between(trace.packets, mouth, ear)).samples);
    const size_t frames = heard[static_cast<size_t>(is_caller ? Voice::caller : Voice::callee)].frames;
    run.metrics["direct_frames_at_" + who] = static_cast<double>(frames);
    run.expect(frames >= talk_frames, fmt::format("the {} heard {} frames past the gateways", who, frames));
    const auto still = std::ranges::count_if(rtp_between(trace.packets, mouth, gateway), [&](const RtpSeen& packet) {
      return packet.entered_ns > stepped_out_ns && packet.entered_ns < bye->entered_ns;
    });
    run.expect(still == 0, fmt::format("{} packets still went to the gateway instead of the {}", still, who));
  }
  run.at_most("cross_region_rtp", static_cast<double>(cross_region_rtp(trace)), 0);
}

void with_video(FlowRun& run) {
  talk_and_hang_up(run);
  const CallTrace trace = run.trace();
  run.check_ears(trace, talk_frames);
  const auto pictures = [](std::vector<RtpSeen> packets) {
    std::erase_if(packets, [](const RtpSeen& packet) { return packet.payload.size() < 500; });
    return packets;
  };
  const auto seen_by_callee = pictures(rtp_between(trace.packets, trace.sites.x2, trace.sites.callee));
  const auto seen_by_caller = pictures(rtp_between(trace.packets, trace.sites.x1, trace.sites.caller));
  run.metrics["video_to_callee"] = static_cast<double>(seen_by_callee.size());
  run.metrics["video_to_caller"] = static_cast<double>(seen_by_caller.size());
  run.expect(seen_by_callee.size() >= talk_frames, "the callee got no video");
  run.expect(seen_by_caller.size() >= talk_frames, "the caller got no video");
  run.at_most("cross_region_rtp", static_cast<double>(cross_region_rtp(trace)), 0);
}

Flow dial_flow(std::string id, std::string title, PlatformPlan plan) {
  Flow flow{
      .id = std::move(id), .title = std::move(title), .plan = std::move(plan), .documents = {{"start", dial_document}}};
  flow.callee.ring = 900ms;  // longer than the 1.5 T that arming needs
  flow.run = number_to_number;
  return flow;
}

}  // namespace

std::vector<Flow> talk_flows() {
  std::vector<Flow> out;
  out.push_back(dial_flow("f1", "number to number in one region, bridge armed while ringing (C5)", one_region()));
  out.back().has_real_phones = true;
  out.push_back(dial_flow("f1ask", "the same with the router asked at the answer (C3)", one_region()));
  out.back().plan.has_arming = false;
  out.back().run = router_asked;
  out.push_back(dial_flow("f1x", "number to number across two edge regions", two_regions()));
  out.back().has_real_phones = true;
  out.push_back(dial_flow("f1answer", "the caller is answered when the callee is (answerOnBridge)", two_regions()));
  out.back().documents["start"] =
      "<Response><Dial timeout=\"20\" answerOnBridge=\"true\"><Number>" + callee_number + "</Number></Dial></Response>";
  out.back().run = answer_on_bridge;
  out.push_back(dial_flow("direct", "the gateways step out of the media of a talk (DIRECT)", two_regions()));
  out.back().plan.is_direct = true;
  for (RegionPlan& region : out.back().plan.regions) region.features.emplace_back("direct");
  for (AccessPlan& access : out.back().plan.accesses) access.can_direct = true;
  out.back().run = direct;
  out.push_back(dial_flow("f2", "a call with a video line, relayed", one_region()));
  out.back().caller.has_video = out.back().callee.has_video = true;
  out.back().run = with_video;
  return out;
}

}  // namespace nearend::lab
