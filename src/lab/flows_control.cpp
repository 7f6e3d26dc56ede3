#include <algorithm>

#include "lab/flow.hpp"

namespace nearend::lab {
namespace {

using namespace std::chrono_literals;

constexpr int talk_packets = 50;
constexpr int prompt_packets = 20;
constexpr auto rtp_timeout_text = 3s;

std::string document(std::string_view attributes) {
  return fmt::format("<Response><Dial timeout=\"20\"{}><Number>{}</Number></Dial><Play>prompt.wav</Play></Response>",
                     attributes, callee_number);
}

bool begin_talk(FlowRun& run) {
  if (!run.dial()) return false;
  if (!run.expect(run.callee.wait_talking(10s), "the callee did not answer")) return false;
  return run.talk(talk_packets);
}

bool has_header_action(const CallTrace& trace, std::string_view method, std::string_view action) {
  return std::ranges::any_of(trace.sip, [&](const SipSeen& seen) {
    return seen.method() == method && seen.is_request() && seen.header("Action").starts_with(action);
  });
}

void star(FlowRun& run, bool is_by_peer_gateway) {
  if (!begin_talk(run)) return;
  run.caller.press('*');
  run.expect(run.callee.wait_ended(5s), "the callee was not hung up after the star");
  run.hear_prompt(prompt_packets);
  run.expect(run.caller.wait_ended(8s), "the caller's call did not end with the document");
  const CallTrace trace = run.trace();
  if (is_by_peer_gateway) {
    run.expect(has_header_action(trace, "NOTIFY", "star"), "the gateways did not pass the star to each other");
  } else {
    run.expect(has_header_action(trace, "INVITE", "hangup"), "no re-INVITE asked the router to hang the other side up");
  }
  const SipSeen* bye = find_request(trace, "BYE", trace.sites.x2, trace.sites.callee);
  run.expect(bye != nullptr, "no BYE went to the callee");
  run.check_ears(trace, talk_packets - 5);
}

void star_by_router(FlowRun& run) {
  star(run, false);
}
void star_by_peer(FlowRun& run) {
  star(run, true);
}

bool says_timeout(const SipSeen* bye) {
  return bye != nullptr && bye->header("Reason").find("cause=408") != std::string_view::npos;
}

void caller_silent(FlowRun& run) {
  if (!begin_talk(run)) return;
  run.caller.exact()->fall_silent(true);
  const auto limit = rtp_timeout_text + 4s;
  run.expect(run.caller.wait_ended(limit), "the silent caller was not hung up");
  run.expect(run.callee.wait_ended(3s), "the callee was not hung up with the silent caller");
  const CallTrace trace = run.trace();
  run.expect(says_timeout(find_request(trace, "BYE", trace.sites.x1, trace.sites.caller)),
             "the BYE to the caller names no timeout in its Reason");
}

void callee_silent(FlowRun& run) {
  if (!begin_talk(run)) return;
  run.callee.exact()->fall_silent(true);
  const auto limit = rtp_timeout_text + 4s;
  run.expect(run.callee.wait_ended(limit), "the silent callee was not hung up");
  run.hear_prompt(prompt_packets);
  run.expect(run.caller.wait_ended(8s), "the caller's call did not end with the document");
  const CallTrace trace = run.trace();
  run.expect(says_timeout(find_request(trace, "BYE", trace.sites.x2, trace.sites.callee)),
             "the BYE to the callee names no timeout in its Reason");
}

// Gateway and router both bring the caller's media back when the callee is gone. The router hears of it long before the
// caller's gateway does (the callee's is next door to it), waits its 100 ms and asks; the gateway hears 150 ms later
// and asks before the router's request is there: from T = 100 ms on the two cross.
constexpr double next_door_ms = 10, far_edge_ms = 300, crossing_ms = 100;

void glare(FlowRun& run) {
  run.platform.set_rtt("as", "us", next_door_ms);
  run.platform.set_rtt("as", "eu", far_edge_ms);
  if (!begin_talk(run)) return;
  run.callee.hangup();
  run.hear_prompt(prompt_packets);
  run.expect(run.caller.wait_ended(12s), "the caller's call did not end with the document");
  const CallTrace trace = run.trace();
  const auto anchors = [&](SiteId from, SiteId to) {
    return std::ranges::count_if(trace.sip, [&](const SipSeen& seen) {
      return seen.from == from && seen.to == to && seen.is_request() && seen.method() == "INVITE" &&
             (seen.header("Action").starts_with("anchor") || seen.header("Action").starts_with("bridge"));
    });
  };
  run.metrics["anchors_by_gateway"] = static_cast<double>(anchors(trace.sites.x1, trace.sites.router));
  run.metrics["anchors_by_router"] = static_cast<double>(anchors(trace.sites.router, trace.sites.x1));
  const auto refused = std::ranges::count_if(trace.sip, [](const SipSeen& seen) { return seen.status() == 491; });
  run.metrics["crossed_491"] = static_cast<double>(refused);
  if (const auto next = hangup_to_verb_ms(trace, Platform::access_ms)) run.metrics["m5_ms"] = *next;
  run.expect(run.metrics["anchors_by_gateway"] + run.metrics["anchors_by_router"] > 0, "nobody re-anchored the caller");
  const bool has_crossed = run.metrics["anchors_by_gateway"] > 0 && run.metrics["anchors_by_router"] > 0;
  run.expect(has_crossed || run.rtt_ms < crossing_ms, "the two re-INVITEs did not cross");
  run.check_ears(trace, talk_packets - 5);
}

Flow control_flow(std::string id, std::string title, PlatformPlan plan, std::string_view attributes,
                  void (*run)(FlowRun&)) {
  Flow flow{.id = std::move(id),
            .title = std::move(title),
            .plan = std::move(plan),
            .documents = {{"start", document(attributes)}}};
  flow.callee.ring = 600ms;
  flow.run = run;
  return flow;
}

}  // namespace

std::vector<Flow> control_flows() {
  std::vector<Flow> out;
  out.push_back(control_flow("f5a", "star hangs the callee up, by way of the router", two_regions(),
                             " hangupOnStar=\"true\"", star_by_router));
  out.push_back(control_flow("f5b", "star hangs the callee up, by way of the callee's gateway", two_regions(),
                             " hangupOnStar=\"true\"", star_by_peer));
  out.back().plan.star = "peer_gateway";
  out.push_back(control_flow("f6a", "the caller falls silent: both are hung up", one_region(), "", caller_silent));
  out.back().plan.rtp_timeout = "3s";
  out.push_back(control_flow("f6b", "the callee falls silent: he is hung up, the caller's document goes on",
                             one_region(), "", callee_silent));
  out.back().plan.rtp_timeout = "3s";
  out.push_back(control_flow("glare", "gateway and router both bring the media back, and their requests cross",
                             two_regions(), "", glare));
  out.back().plan.regions[0].features = {"bridge", "hangup-on-star"};
  out.back().plan.regions[0].capabilities = {"bridge"};
  out.back().plan.has_continuations = false;
  // Long enough to be heard after the pause that RFC 3261 14.1 asks for.
  out.back().documents["start"] = "<Response><Dial timeout=\"20\"><Number>" + callee_number +
                                  "</Number></Dial><Play loop=\"6\">prompt.wav</Play></Response>";
  return out;
}

}  // namespace nearend::lab
