#include <algorithm>
#include <set>

#include "base/json.hpp"
#include "base/text.hpp"
#include "lab/flow.hpp"

namespace nearend::lab {
namespace {

using namespace std::chrono_literals;

constexpr int talk_packets = 50;

void forward_without_router(FlowRun& run) {
  if (!run.dial()) return;
  if (!run.expect(run.callee.wait_talking(8s), "the callee did not answer")) return;
  run.talk(talk_packets);
  run.callee.hangup();
  run.expect(run.caller.wait_ended(5s), "the caller's call did not end after the callee hung up");
  const CallTrace trace = run.trace();
  run.at_most("m4_packets", clipped_packets(trace), 1);
  run.at_most("m6_ms", set_up_ms(trace), 15);
  run.check_ears(trace, talk_packets - 5);
}

// No 200, no session description and no RTP for a call that never needed media.
void expect_no_media(FlowRun& run, const CallTrace& trace) {
  for (const SipSeen& seen : trace.sip) {
    if (seen.from != trace.sites.x1 || seen.to != trace.sites.caller || seen.method() != "INVITE") continue;
    run.expect(seen.status() < 200 || seen.status() >= 300, "the call was answered, though nothing in it needs media");
    run.expect(seen.body().empty(), "the caller was given media, though nothing in the call needs any");
  }
  run.expect(rtp_between(trace.packets, trace.sites.x1, trace.sites.caller).empty(), "the caller got RTP");
  run.at_most("cross_region_rtp", static_cast<double>(cross_region_rtp(trace)), 0);
}

void refused(FlowRun& run) {
  run.caller.dial(platform_number, run.platform.gateway(run.platform.wan().name(run.sites.x1)));
  run.expect(run.caller.wait_ended(8s), "the caller got no final answer");
  const CallTrace trace = run.trace();
  const int status = run.caller.exact()->status();
  run.metrics["status"] = status;
  run.expect(status >= 400, fmt::format("the call ended with {}, expected a refusal", status));
  expect_no_media(run, trace);
}

// Ended legs in the gateway's journal, by leg.
std::multiset<std::string> ended_legs(const Platform& platform) {
  std::multiset<std::string> out;
  const std::string journal = read_file(platform.directory() / "eu-journal");
  for (const std::string_view line : split(journal, '\n')) {
    const size_t blank = line.find(' ');
    const auto value = parse_json(line.substr(blank == std::string_view::npos ? line.size() : blank + 1));
    const auto* record = value ? value->if_object() : nullptr;
    if (record != nullptr && json_string_or(*record, "kind", "") == "end")
      out.insert(json_string_or(*record, "leg", ""));
  }
  return out;
}

void kill_everything_remote(FlowRun& run) {
  if (!run.dial()) return;
  if (!run.expect(run.callee.wait_talking(8s), "the callee did not answer")) return;
  if (!run.talk(talk_packets)) return;
  const int64_t begin = now_ns();
  for (const char* name : {"us-router", "us-policy", "eu-policy", "app"}) run.platform.process(name).kill();
  run.talk(2 * talk_packets);
  const int64_t end = now_ns();
  run.caller.hangup();
  run.expect(run.callee.wait_ended(5s), "the callee was not hung up after the caller's BYE");
  const CallTrace trace = run.trace();
  const double gap = std::max(delivery(trace, true, begin - 200'000'000, end).longest_gap_ms(),
                              delivery(trace, false, begin - 200'000'000, end).longest_gap_ms());
  run.at_most("gap_ms", gap, 40);
  const auto legs = ended_legs(run.platform);
  const std::set<std::string> once(legs.begin(), legs.end());
  run.metrics["billed_legs"] = static_cast<double>(legs.size());
  run.expect(legs.size() == 2 && once.size() == 2,
             fmt::format("the journal ends {} legs in {} records, expected 2 in 2", once.size(), legs.size()));
}

}  // namespace

std::vector<Flow> quiet_flows() {
  std::vector<Flow> out;
  Flow forward{.id = "forward", .title = "a number that only forwards, with no router running", .plan = one_region()};
  forward.plan.numbers = {{.number = platform_number, .document = "", .forward_to = callee_number}};
  forward.callee.ring = 200ms;
  forward.is_rtt_free = true;
  forward.roles = {.routers = false, .policies = false};
  forward.run = forward_without_router;
  out.push_back(std::move(forward));

  Flow reject{.id = "reject", .title = "Reject: no media is opened", .plan = one_region()};
  reject.documents["start"] = "<Response><Reject/></Response>";
  reject.run = refused;
  out.push_back(std::move(reject));

  Flow redirect{.id = "redirect", .title = "Redirect, then Reject: no media is opened", .plan = one_region()};
  redirect.documents["start"] = "<Response><Redirect>next</Redirect></Response>";
  redirect.documents["next"] = "<Response><Reject reason=\"busy\"/></Response>";
  redirect.run = refused;
  out.push_back(std::move(redirect));

  Flow kill{.id = "kill",
            .title = "router, policy and application server are killed in the middle of a talk",
            .plan = one_region()};
  kill.documents["start"] = "<Response><Dial timeout=\"20\"><Number>" + callee_number + "</Number></Dial></Response>";
  kill.callee.ring = 600ms;
  kill.is_rtt_free = true;
  kill.ends_platform = true;
  kill.run = kill_everything_remote;
  out.push_back(std::move(kill));
  return out;
}

}  // namespace nearend::lab
