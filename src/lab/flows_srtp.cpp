#include <algorithm>
#include <array>

#include "lab/flow.hpp"

namespace nearend::lab {
namespace {

using namespace std::chrono_literals;

constexpr int talk_packets = 75;  // 1.5 s each way
constexpr size_t talk_frames = 50;
constexpr double slip_ms = 20;

size_t frames_of(const std::vector<Hearing>& ear, Voice voice) {
  return ear[static_cast<size_t>(voice)].frames;
}

/// Packets whose contents say nothing to the lab: they are counted.
bool wait_for_packets(FlowRun& run) {
  int at_caller = 0, at_callee = 0;
  const auto is_enough = [&](const Captured& packet) {
    const auto rtp = rtp_in(packet);
    if (!rtp || !rtp->is_ulaw() || !packet.has_arrived()) return false;
    if (packet.to == run.sites.caller) ++at_caller;
    if (packet.to == run.sites.callee) ++at_callee;
    return at_caller >= talk_packets && at_callee >= talk_packets;
  };
  return run.expect(run.platform.capture().wait(is_enough, 8s).has_value(),
                    fmt::format("{} packets of speech came to the caller and {} to the callee", at_caller, at_callee));
}

/// The other's marker and nothing of one's own, without a slip: what a softphone recorded, or the tap at a lab phone.
void check_ear(FlowRun& run, const CallTrace& trace, bool is_caller) {
  Party& party = is_caller ? run.caller : run.callee;
  const std::string who = is_caller ? "caller" : "callee";
  const Voice own = is_caller ? Voice::caller : Voice::callee, other = is_caller ? Voice::callee : Voice::caller;
  Samples heard;
  if (party.exact() != nullptr) {
    const SiteId gateway = is_caller ? trace.sites.x1 : trace.sites.x2;
    heard = listen(rtp_between(trace.packets, gateway, is_caller ? trace.sites.caller : trace.sites.callee)).samples;
  } else {
    auto recorded = party.recording();
    if (!run.expect(recorded.has_value(), recorded ? "" : recorded.error().text)) return;
    heard = std::move(*recorded);
  }
  const auto ear = hear(heard);
  const Hearing& voice = ear[static_cast<size_t>(other)];
  run.metrics["frames_at_" + who] = static_cast<double>(voice.frames);
  run.expect(voice.frames >= talk_frames, fmt::format("the {} heard {} frames of the other", who, voice.frames));
  run.expect(frames_of(ear, own) <= 2, fmt::format("the {} heard himself", who));
  run.at_most("slip_at_" + who + "_ms", voice.lost_ms + voice.repeated_ms, slip_ms);
}

/// On the line of a protected end nobody hears anything.
void check_line(FlowRun& run, const CallTrace& trace, bool is_caller) {
  const SiteId end = is_caller ? trace.sites.caller : trace.sites.callee;
  const SiteId gateway = is_caller ? trace.sites.x1 : trace.sites.x2;
  for (const bool is_up : {true, false}) {
    const auto packets = is_up ? rtp_between(trace.packets, end, gateway) : rtp_between(trace.packets, gateway, end);
    const auto ear = hear(listen(packets).samples);
    const size_t clear = frames_of(ear, Voice::caller) + frames_of(ear, Voice::callee);
    run.expect(clear <= 2, fmt::format("{} frames of speech crossed the {}'s line in clear", clear,
                                       is_caller ? "caller" : "callee"));
  }
}

void check_keys(FlowRun& run) {
  for (const auto& entry : std::filesystem::directory_iterator(run.platform.directory())) {
    const std::string name = entry.path().filename().string();
    if (!entry.is_regular_file() || name.find("gateway") == std::string::npos) continue;
    run.expect(read_file(entry.path()).find("inline:") == std::string::npos, name + " holds keys of SRTP");
  }
}

void protected_talk(FlowRun& run) {
  if (!run.dial()) return;
  if (!run.expect(run.callee.wait_talking(8s), "the callee did not answer")) return;
  if (!wait_for_packets(run)) return;
  run.callee.hangup();
  run.expect(run.caller.wait_ended(5s), "the caller's call did not end after the callee hung up");
  const CallTrace trace = run.trace();
  for (const bool is_caller : {true, false}) {
    if ((is_caller ? run.caller : run.callee).exact() == nullptr) check_line(run, trace, is_caller);
    check_ear(run, trace, is_caller);
  }
  check_keys(run);
}

/// An end in clear where SRTP is a must: nothing is said, the caller is told why, and so is the operator.
void refused_in_clear(FlowRun& run) {
  run.caller.dial(platform_number, run.platform.gateway(run.platform.wan().name(run.sites.x1)));
  run.expect(run.caller.wait_ended(8s), "the caller got no final answer");
  const CallTrace trace = run.trace();
  const int status = run.caller.exact()->status();
  run.metrics["status"] = status;
  run.expect(status == 488, fmt::format("the call ended with {}, expected 488", status));
  for (const SiteId end : {trace.sites.caller, trace.sites.callee})
    run.expect(rtp_between(trace.packets, trace.sites.x1, end).empty(), "media was sent in clear");
  const std::string log = read_file(run.platform.process("eu-gateway").log());
  run.expect(log.find("SRTP") != std::string::npos, "the gateway's log does not say that SRTP was missing");
}

Flow protected_flow(std::string id, std::string title, MediaKeys caller, MediaKeys callee) {
  Flow flow{.id = std::move(id), .title = std::move(title), .plan = one_region()};
  flow.plan.numbers = {{.number = platform_number, .document = "", .forward_to = callee_number}};
  constexpr std::array<std::string_view, 3> settings{"off", "required", "dtls"};
  flow.plan.accesses[0].srtp = settings[static_cast<size_t>(caller)];
  flow.plan.accesses[1].srtp = settings[static_cast<size_t>(callee)];
  flow.caller_keys = caller;
  flow.callee_keys = callee;
  flow.is_rtt_free = true;
  flow.ends_platform = true;  // a softphone's recording ends with it
  flow.roles = {.routers = false, .policies = false};
  flow.run = protected_talk;
  return flow;
}

}  // namespace

std::vector<Flow> srtp_flows() {
  using enum MediaKeys;
  std::vector<Flow> out;
  out.push_back(protected_flow("srtp_sdes", "a caller with RTP, a callee with SRTP by keys in the SDP", none, sdes));
  out.push_back(protected_flow("srtp_dtls", "a caller with SRTP by DTLS, a callee with RTP", dtls, none));
  out.push_back(protected_flow("srtp_both", "a caller with keys in the SDP, a callee with DTLS", sdes, dtls));
  for (const bool is_caller : {true, false}) {
    out.push_back(protected_flow(
        is_caller ? "srtp_no_caller" : "srtp_no_callee",
        fmt::format("a {} without the SRTP that it must have", is_caller ? "caller" : "callee"), none, none));
    out.back().plan.accesses[is_caller ? 0 : 1].srtp = "required";
    out.back().run = refused_in_clear;
  }
  return out;
}

}  // namespace nearend::lab
