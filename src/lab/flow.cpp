#include "lab/flow.hpp"

#include <algorithm>
#include <unordered_set>

namespace nearend::lab {
namespace {

using namespace std::chrono_literals;
constexpr auto answer_limit = 8s;
constexpr auto talk_limit = 8s;
constexpr double frame_ms = 20;

RegionPlan edge(std::string name, std::string zone) {
  return {.name = std::move(name), .zone = std::move(zone), .address = {}};
}

PlatformPlan with_callee_at(const std::string& region) {
  PlatformPlan plan;
  plan.regions = {edge("eu", "eu/de1"), {.name = "us", .zone = "us/va1", .has_router = true, .address = {}}};
  if (region == "as") plan.regions.push_back(edge("as", "as/jp1"));
  plan.accesses = {{.name = "caller", .region = "eu", .prefix = "+155501", .address = {}},
                   {.name = "callee", .region = region, .prefix = "+155502", .address = {}}};
  plan.numbers = {{.number = platform_number, .document = "start", .forward_to = ""}};
  plan.rtts = {
      {"eu/de1", "us/va1", 100}, {"as/jp1", "us/va1", 100}, {"eu/de1", "as/jp1", 2 * Platform::edge_to_edge_ms}};
  return plan;
}

}  // namespace

PlatformPlan one_region() {
  return with_callee_at("eu");
}
PlatformPlan two_regions() {
  return with_callee_at("as");
}

bool FlowRun::expect(bool is_so, std::string failure) {
  if (!is_so) failures.push_back(std::move(failure));
  return is_so;
}

void FlowRun::at_most(const std::string& metric, std::optional<double> value, double most) {
  if (!expect(value.has_value(), metric + " could not be measured")) return;
  metrics[metric] = *value;
  if (metric.ends_with("_ms")) most += margin_ms;
  if (metric.ends_with("_packets")) most += margin_ms / frame_ms;
  expect(*value <= most, fmt::format("{} is {:.1f}, bound {:.1f}", metric, *value, most));
}

bool FlowRun::dial() {
  caller.dial(platform_number, platform.gateway(platform.wan().name(sites.x1)));
  return expect(caller.wait_talking(answer_limit), "the caller was not answered");
}

bool FlowRun::wait_sip(const SipMatch& match, std::chrono::milliseconds limit) {
  return platform.capture().wait(sip_where(match), limit).has_value();
}

bool FlowRun::wait_at_caller(int packets) {
  const auto is_next = [&](const Captured& packet) {
    return packet.from == sites.x1 && packet.to == sites.caller && packet.has_arrived() && rtp_in(packet) &&
           --packets <= 0;
  };
  return platform.capture().wait(is_next, talk_limit, platform.capture().size()).has_value();
}

bool FlowRun::talk(int packets) {
  const size_t begin = platform.capture().size();
  std::unordered_set<uint64_t> said_by_caller, said_by_callee;
  int at_caller = 0, at_callee = 0;
  const auto is_enough = [&](const Captured& packet) {
    const auto rtp = rtp_in(packet);
    if (!rtp || !rtp->is_ulaw()) return false;
    if (packet.from == sites.caller) said_by_caller.insert(rtp->content);
    if (packet.from == sites.callee) said_by_callee.insert(rtp->content);
    if (packet.to == sites.caller && said_by_callee.contains(rtp->content)) ++at_caller;
    if (packet.to == sites.callee && said_by_caller.contains(rtp->content)) ++at_callee;
    return at_caller >= packets && at_callee >= packets;
  };
  return expect(
      platform.capture().wait(is_enough, talk_limit, begin).has_value(),
      fmt::format("of {} packets of speech {} reached the caller and {} the callee", packets, at_caller, at_callee));
}

bool FlowRun::hear_prompt(int packets) {
  const size_t begin = platform.capture().size();
  std::unordered_set<uint64_t> said_by_callee;
  for (const Captured& packet : platform.capture().packets()) {
    if (packet.from != sites.callee) continue;
    if (const auto rtp = rtp_in(packet)) said_by_callee.insert(rtp->content);
  }
  int left = packets;
  const auto is_enough = [&](const Captured& packet) {
    if (packet.from != sites.x1 || packet.to != sites.caller || !packet.has_arrived()) return false;
    const auto rtp = rtp_in(packet);
    return rtp && !is_silence(*rtp) && !said_by_callee.contains(rtp->content) && --left <= 0;
  };
  return expect(platform.capture().wait(is_enough, talk_limit, begin).has_value(),
                fmt::format("of {} packets of the prompt the caller heard {}", packets, packets - left));
}

CallTrace FlowRun::trace() {
  const int64_t now = now_ns();
  const int64_t settled_ns =
      static_cast<int64_t>((rtt_ms + 4 * Platform::access_ms + 2 * Platform::edge_to_edge_ms) * 1e6);
  // Nothing to wait for but time: what entered the network before now is out of it by then.
  const timespec pause{.tv_sec = settled_ns / 1'000'000'000, .tv_nsec = settled_ns % 1'000'000'000};
  ::nanosleep(&pause, nullptr);
  std::vector<Captured> packets = platform.capture().packets();
  std::erase_if(packets, [now](const Captured& packet) { return packet.entered_ns > now; });
  return trace_of(sites, std::move(packets));
}

void FlowRun::check_ears(const CallTrace& trace, size_t least_frames) {
  const auto at_caller = hear(listen(rtp_between(trace.packets, sites.x1, sites.caller)).samples);
  const auto at_callee = hear(listen(rtp_between(trace.packets, sites.x2, sites.callee)).samples);
  const auto frames = [](const std::vector<Hearing>& ear, Voice voice) {
    return ear[static_cast<size_t>(voice)].frames;
  };
  expect(frames(at_caller, Voice::callee) >= least_frames,
         fmt::format("the caller heard {} frames of the callee, expected {}", frames(at_caller, Voice::callee),
                     least_frames));
  expect(frames(at_callee, Voice::caller) >= least_frames,
         fmt::format("the callee heard {} frames of the caller, expected {}", frames(at_callee, Voice::caller),
                     least_frames));
  expect(frames(at_caller, Voice::caller) <= 2, "the caller heard himself");
  expect(frames(at_callee, Voice::callee) <= 2, "the callee heard himself");
}

std::vector<Flow> all_flows() {
  std::vector<Flow> out;
  for (auto part : {talk_flows(), verb_flows(), control_flows(), quiet_flows(), srtp_flows(), node_flows(), way_flows()}) {
    std::ranges::move(part, std::back_inserter(out));
  }
  return out;
}

}  // namespace nearend::lab
