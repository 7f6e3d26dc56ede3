#include <algorithm>

#include "base/json.hpp"
#include "base/text.hpp"
#include "lab/flow.hpp"

namespace nearend::lab {
namespace {

using namespace std::chrono_literals;

constexpr int talk_packets = 50;
constexpr double lost_bound_ms = 2000;
constexpr double untouched_ms = 40;
const std::string music_number = "+15550901";

/// RTP that came to one port of a site, in the order of arrival.
std::vector<RtpSeen> rtp_at(const FlowRun& run, SiteId to, uint16_t port) {
  std::vector<RtpSeen> heard;
  for (const Captured& packet : run.platform.capture().packets()) {
    if (packet.to != to || !packet.has_arrived()) continue;
    if (auto rtp = rtp_in(packet); rtp && rtp->target.port == port) heard.push_back(std::move(*rtp));
  }
  return heard;
}

/// Beyond one packet, between what came to the port after `begin_ns`.
std::optional<double> longest_gap_ms(const FlowRun& run, SiteId to, uint16_t port, int64_t begin_ns) {
  constexpr double packet_ms = 20;
  std::optional<int64_t> last;
  std::optional<double> longest;
  for (const RtpSeen& packet : rtp_at(run, to, port)) {
    if (packet.left_ns < begin_ns) continue;
    if (last) longest = std::max(longest.value_or(0), static_cast<double>(packet.left_ns - *last) / 1e6 - packet_ms);
    last = packet.left_ns;
  }
  return longest;
}

/// The site that the port hears at the moment: the media node of its call.
std::string node_of(const FlowRun& run, SiteId to, uint16_t port) {
  const auto heard = rtp_at(run, to, port);
  return heard.empty() ? "" : run.platform.wan().name(heard.back().from);
}

/// Moves to other nodes that the gateway's journal tells of, and the longest gap among them.
struct Noted {
  size_t count = 0;
  double longest_ms = 0;
};
Noted moves_noted(const Platform& platform) {
  Noted noted;
  const std::string journal = read_file(platform.directory() / "eu-journal");
  for (const std::string_view line : split(journal, '\n')) {
    const size_t blank = line.find(' ');
    const auto value = parse_json(line.substr(blank == std::string_view::npos ? line.size() : blank + 1));
    const auto* record = value ? value->if_object() : nullptr;
    if (record == nullptr || json_string_or(*record, "kind", "") != "move") continue;
    const json::value* detail = record->if_contains("detail");
    const auto parsed = detail != nullptr && detail->is_string()
                            ? parse_json(detail->get_string())
                            : Result<json::value>(detail ? *detail : json::value());
    if (!parsed || !parsed->is_object() || !parsed->get_object().contains("from")) continue;
    ++noted.count;
    noted.longest_ms = std::max(noted.longest_ms, json_number_or(parsed->get_object(), "gap_ms", 0));
  }
  return noted;
}

/// The talk's node goes away by `strike`; how long the two did not hear each other.
bool lose_node(FlowRun& run, const std::string& metric, const std::function<void(const std::string& node)>& strike) {
  const std::string node = node_of(run, run.sites.caller, run.caller_port);
  if (!run.expect(node.contains("media"), "the caller hears no media node apart")) return false;
  const int64_t begin = now_ns() - 100'000'000;
  strike(node);
  // Packets of the old path are still under way for a moment.
  const timespec pause{.tv_sec = 0, .tv_nsec = 200'000'000};
  ::nanosleep(&pause, nullptr);
  if (!run.talk(talk_packets)) return false;
  const double gap = std::max(longest_gap_ms(run, run.sites.caller, run.caller_port, begin).value_or(1e6),
                              longest_gap_ms(run, run.sites.callee, run.callee_port, begin).value_or(1e6));
  run.at_most(metric, gap, lost_bound_ms);
  return run.expect(node_of(run, run.sites.caller, run.caller_port) != node, "the caller still hears the lost node");
}

void kill_and_cut(FlowRun& run) {
  constexpr uint16_t other_sip = 5070, other_rtp = 4100;
  const PhoneSettings settings{.user = "+15550112", .voice = Voice::caller, .port = other_sip, .rtp_port = other_rtp};
  auto other = exact_party(run.platform.wan(), run.sites.caller, settings);
  if (!run.expect(other.has_value(), "no second phone")) return;
  if (!run.dial()) return;
  if (!run.expect(run.callee.wait_talking(8s), "the callee did not answer")) return;
  (*other)->dial(music_number, run.platform.gateway("eu"));
  if (!run.expect((*other)->wait_talking(8s), "the second call was not answered")) return;
  if (!run.talk(talk_packets)) return;
  const std::string others_node = node_of(run, run.sites.caller, other_rtp);
  run.expect(others_node != node_of(run, run.sites.caller, run.caller_port), "both calls are on one node");
  const int64_t begin = now_ns();
  if (!lose_node(run, "kill_gap_ms", [&](const std::string& node) { run.platform.process(node).kill(); })) return;
  run.at_most("other_gap_ms", longest_gap_ms(run, run.sites.caller, other_rtp, begin), untouched_ms);
  run.expect(node_of(run, run.sites.caller, other_rtp) == others_node, "the other call was moved as well");
  if (!lose_node(run, "cut_gap_ms", [&](const std::string& node) { run.platform.cut_off(node); })) return;
  run.caller.hangup();
  run.expect(run.callee.wait_ended(5s), "the callee was not hung up after the caller's BYE");
  (*other)->hangup();
  const Noted noted = moves_noted(run.platform);
  run.metrics["noted_gap_ms"] = noted.longest_ms;
  run.expect(noted.count >= 4, fmt::format("the journal tells of {} moves to another node", noted.count));
}

void kill_between_gateways(FlowRun& run) {
  if (!run.dial()) return;
  if (!run.expect(run.callee.wait_talking(8s), "the callee did not answer")) return;
  if (!run.talk(talk_packets)) return;
  if (!lose_node(run, "kill_gap_ms", [&](const std::string& node) { run.platform.process(node).kill(); })) return;
  run.callee.hangup();
  run.expect(run.caller.wait_ended(5s), "the caller's call did not end after the callee hung up");
}

}  // namespace

std::vector<Flow> node_flows() {
  const std::string dial = "<Response><Dial timeout=\"20\"><Number>" + callee_number + "</Number></Dial></Response>";
  Flow lost{.id = "node_lost",
            .title = "a talk's media node is killed, then the next one cut off: it goes on at a third",
            .plan = one_region()};
  lost.plan.regions.front().media_nodes = 3;
  lost.plan.numbers.push_back({.number = music_number, .document = "music", .forward_to = ""});
  lost.documents["start"] = dial;
  lost.documents["music"] = "<Response><Play loop=\"0\">prompt.wav</Play></Response>";
  lost.is_rtt_free = true;
  lost.ends_platform = true;
  lost.is_long = true;
  lost.run = kill_and_cut;

  Flow far{.id = "node_far",
           .title = "a media node is killed in a talk between two gateways: the other gateway follows",
           .plan = two_regions()};
  far.plan.regions.front().media_nodes = 2;
  far.documents["start"] = dial;
  far.is_rtt_free = true;
  far.ends_platform = true;
  far.is_long = true;
  far.run = kill_between_gateways;
  return {std::move(lost), std::move(far)};
}

}  // namespace nearend::lab
