#include <algorithm>

#include "lab/flow.hpp"

namespace nearend::lab {
namespace {

using namespace std::chrono_literals;

constexpr int talk_packets = 50;
constexpr int prompt_packets = 20;
constexpr int round_count = 3;

std::string dial(std::string_view attributes = "") {
  return fmt::format("<Dial timeout=\"20\"{}><Number>{}</Number></Dial>", attributes, callee_number);
}

// The marker first: its first packet is sound, so M5 is not measured against a synthesiser's first breath.
const std::string prompt_document = "<Play>prompt.wav</Play><Say>Thank you. That was the other side.</Say>";

std::string three_rounds() {
  std::string out = "<Response>";
  for (int round = 0; round < round_count; ++round) out += dial() + prompt_document;
  return out + "</Response>";
}

// Lost and doubled packets of the caller's stream within half a second of each move.
void measure_moves(FlowRun& run, const CallTrace& trace, const std::vector<int64_t>& moves_ns) {
  const auto stream = rtp_between(trace.packets, trace.sites.x1, trace.sites.caller);
  std::vector<double> harm;
  for (const int64_t move : moves_ns) {
    std::vector<RtpSeen> near;
    for (const RtpSeen& packet : stream) {
      if (packet.left_ns > move - 500'000'000 && packet.left_ns < move + 1'000'000'000) near.push_back(packet);
    }
    const Continuity there = continuity(near);
    harm.push_back(static_cast<double>(there.lost + there.doubled));
    run.expect(there.ssrc_changes == 0, "the caller's stream changed its SSRC at a move");
  }
  if (!run.expect(!harm.empty(), "the tap has seen no move")) return;
  std::ranges::sort(harm);
  run.metrics["moves"] = static_cast<double>(harm.size());
  run.at_most("m7_p50", harm[harm.size() / 2], 0);
  run.at_most("m7_max", harm.back(), 2);
}

// All rounds: talk, the callee hangs up, the caller hears the prompt; the last prompt ends the call.
void dial_then_say(FlowRun& run, double verb_slope, double verb_intercept_ms) {
  if (!run.dial()) return;
  std::vector<int64_t> moves;
  std::vector<int64_t> hangups;
  for (int round = 0; round < round_count; ++round) {
    if (!run.expect(run.callee.wait_talking(10s), fmt::format("round {}: the callee did not answer", round + 1)))
      return;
    moves.push_back(now_ns());
    if (!run.talk(talk_packets)) return;
    hangups.push_back(now_ns());
    moves.push_back(now_ns());
    run.callee.hangup();
    if (!run.hear_prompt(prompt_packets)) return;
  }
  run.expect(run.caller.wait_ended(12s), "the call did not end after the document's last verb");
  const CallTrace trace = run.trace();
  double slowest = 0, w = 0;
  for (const int64_t hangup : hangups) {
    const auto next = hangup_to_verb_ms(trace, Platform::access_ms, hangup - 1'000'000);
    if (!run.expect(next.has_value(), "no next verb was heard after a hang-up")) return;
    slowest = std::max(slowest, *next);
    // A prompt that the router must fetch first is the application server's time.
    const auto window_ns = static_cast<int64_t>((run.rtt_ms + 60) * 1e6);
    w = std::max(w, application_ms(trace, hangup, hangup + window_ns));
  }
  run.metrics["w_ms"] = w;
  run.at_most("m5_ms", slowest, run.limit_at(verb_slope, verb_intercept_ms) + (verb_slope > 0 ? w : 0));
  measure_moves(run, trace, moves);
  run.check_ears(trace, 2 * talk_packets);
  run.metrics["cross_region_rtp"] = static_cast<double>(cross_region_rtp(trace));
}

void verbs_at_the_router(FlowRun& run) {
  dial_then_say(run, 1.05, 30);
  run.expect(run.metrics["cross_region_rtp"] > 0,
             "no prompt came from the router's region, though the edge cannot play");
}

void verbs_at_the_edge(FlowRun& run) {
  dial_then_say(run, 0, 30);
  run.expect(run.metrics["cross_region_rtp"] == 0, "media left the region, though the edge can play");
}

// With an action URL the router must fetch a document before it knows what is next.
void router_asked(FlowRun& run) {
  if (!run.dial()) return;
  if (!run.expect(run.callee.wait_talking(10s), "the callee did not answer")) return;
  if (!run.talk(talk_packets)) return;
  const int64_t hangup = now_ns();
  run.callee.hangup();
  if (!run.hear_prompt(prompt_packets)) return;
  run.expect(run.caller.wait_ended(12s), "the call did not end after the document's last verb");
  const CallTrace trace = run.trace();
  const SipSeen* bye = find_request(trace, "BYE", trace.sites.callee, trace.sites.x2, hangup - 1'000'000);
  const double w = bye == nullptr ? 0 : application_ms(trace, bye->left_ns, bye->left_ns + 3'000'000'000);
  run.metrics["w_ms"] = w;
  run.at_most("m5_ms", hangup_to_verb_ms(trace, Platform::access_ms, hangup - 1'000'000), run.limit_at(1.05, 30) + w);
  run.check_ears(trace, talk_packets - 5);
  run.at_most("cross_region_rtp", static_cast<double>(cross_region_rtp(trace)), 0);
}

void say_then_dial(FlowRun& run) {
  if (!run.dial()) return;
  if (!run.hear_prompt(prompt_packets)) return;
  if (!run.expect(run.callee.wait_talking(15s), "the callee did not answer")) return;
  if (!run.talk(talk_packets)) return;
  run.callee.hangup();
  run.expect(run.caller.wait_ended(5s), "the caller's call did not end after the callee hung up");
  const CallTrace trace = run.trace();
  run.check_ears(trace, talk_packets - 5);
  if (run.callee.exact() != nullptr) {
    run.at_most("m3_ms", answer_to_media_ms(trace, Platform::access_ms, Platform::access_ms), run.limit_at(0.02, 10));
    run.at_most("m4_packets", clipped_packets(trace), 1);
  }
  run.at_most("cross_region_rtp", static_cast<double>(cross_region_rtp(trace)), 0);
}

Flow verb_flow(std::string id, std::string title, std::string document, void (*run)(FlowRun&)) {
  Flow flow{.id = std::move(id), .title = std::move(title), .plan = one_region(), .documents = {{"start", document}}};
  flow.callee.ring = 600ms;
  flow.run = run;
  return flow;
}

}  // namespace

std::vector<Flow> verb_flows() {
  std::vector<Flow> out;
  out.push_back(verb_flow("f3",
                          "dial, then say, three rounds; prompts play at the router and media moves there and back",
                          three_rounds(), verbs_at_the_router));
  out.back().plan.regions[0].features = {"bridge", "hangup-on-star"};
  out.back().plan.regions[0].capabilities = {"bridge"};
  out.back().has_real_phones = true;
  out.push_back(verb_flow("f3local", "the same with prompts played by the gateway, armed with what comes next",
                          three_rounds(), verbs_at_the_edge));
  out.push_back(verb_flow("f3ask", "the same once, with an action URL: the router must be asked",
                          "<Response>" + dial(" action=\"next\"") + "</Response>", router_asked));
  out.back().documents["next"] = "<Response>" + prompt_document + "</Response>";
  out.push_back(
      verb_flow("f4", "say, then dial", "<Response>" + prompt_document + dial() + "</Response>", say_then_dial));
  out.back().has_real_phones = true;
  return out;
}

}  // namespace nearend::lab
