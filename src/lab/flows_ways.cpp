// Talks whose way between two regions becomes bad.
#include <time.h>

#include <algorithm>
#include <map>
#include <set>

#include "lab/flow.hpp"

namespace nearend::lab {
namespace {

using namespace std::chrono_literals;

constexpr int talk_packets = 50;
constexpr size_t talks = 4;
constexpr double injected_loss = 0.05;
constexpr double moved_bound_ms = 5000;
/// Round trips as from Europe to East Asia, and by a third region between.
constexpr double far_ms = 150, half_way_ms = 85;
constexpr auto known_after = 15s, settled_after = 3s, look_every = 5s;

void rest(std::chrono::nanoseconds length) {
  const timespec pause{.tv_sec = length / 1s, .tv_nsec = (length % 1s).count()};
  ::nanosleep(&pause, nullptr);
}

std::string callee_name(size_t talk) {
  return talk == 0 ? "callee" : fmt::format("callee{}", talk + 1);
}
std::string number_of(size_t talk) {
  return fmt::format("+1555090{}", talk);
}

/// The ports at `from` that send RTP to `to`, and when each did first.
std::map<uint16_t, int64_t> senders(const std::vector<Captured>& packets, SiteId from, SiteId to, int64_t since_ns) {
  std::map<uint16_t, int64_t> first;
  for (const Captured& packet : packets) {
    if (packet.from != from || packet.to != to || packet.entered_ns < since_ns) continue;
    if (const auto rtp = rtp_in(packet)) first.try_emplace(rtp->source.port, rtp->entered_ns);
  }
  return first;
}

/// What is sent of a talk's packets but does not come, in % of both directions of all talks.
double lost_percent(const std::vector<Captured>& packets, SiteId a, SiteId b) {
  double lost = 0, all = 0;
  for (const Captured& packet : packets) {
    const bool is_between = (packet.from == a && packet.to == b) || (packet.from == b && packet.to == a);
    if (!is_between || !rtp_in(packet)) continue;
    all += 1;
    lost += !packet.has_arrived();
  }
  return all == 0 ? 0 : 100 * lost / all;
}

/// The talks that go between the regions' own gateways again, look by look.
size_t count_flaps(FlowRun& run, std::chrono::seconds watched) {
  Capture& capture = run.platform.capture();
  size_t flaps = 0;
  for (auto left = watched; left > 0s; left -= look_every) {
    capture.clear();
    rest(look_every);
    const auto packets = capture.packets();
    flaps += senders(packets, run.sites.x1, run.sites.x2, 0).size();
  }
  return flaps;
}

void lose_packets(FlowRun& run, std::chrono::seconds watched) {
  constexpr uint16_t first_sip = 5070, first_rtp = 4100;
  run.platform.set_rtt("eu", "as", far_ms);
  for (const char* region : {"eu", "as"})
    for (const char* relay : {"af", "af-media1"}) run.platform.set_rtt(region, relay, half_way_ms);
  std::vector<std::unique_ptr<Party>> callers, callees;
  for (size_t i = 1; i < talks; ++i) {
    const auto shift = static_cast<uint16_t>(10 * i);
    const PhoneSettings calling{.user = fmt::format("+1555012{}", i),
                                .voice = Voice::caller,
                                .port = static_cast<uint16_t>(first_sip + shift),
                                .rtp_port = static_cast<uint16_t>(first_rtp + shift)};
    const PhoneSettings called{.user = fmt::format("+15550{}", 222 + 100 * i), .voice = Voice::callee};
    auto caller = exact_party(run.platform.wan(), run.sites.caller, calling);
    auto callee = exact_party(run.platform.wan(), run.platform.site(callee_name(i)), called);
    if (!run.expect(caller && callee, "no phones for all talks")) return;
    callers.push_back(std::move(*caller));
    callees.push_back(std::move(*callee));
  }
  if (!run.dial()) return;
  for (size_t i = 1; i < talks; ++i) {
    callers[i - 1]->dial(number_of(i), run.platform.gateway("eu"));
    if (!run.expect(callers[i - 1]->wait_talking(8s), "a talk did not begin")) return;
  }
  if (!run.talk(talk_packets)) return;
  rest(known_after);

  const SiteId eu = run.sites.x1, as = run.sites.x2, relay = run.platform.site("af-media1");
  Path path = run.platform.wan().path(eu, as);
  path.loss = injected_loss;
  run.platform.capture().clear();
  const int64_t strike = now_ns();
  run.platform.wan().set_paths(eu, as, path);
  rest(std::chrono::milliseconds(static_cast<int64_t>(moved_bound_ms + run.margin_ms)) + settled_after);
  const auto packets = run.platform.capture().packets();
  const auto moved = senders(packets, eu, relay, strike), back = senders(packets, as, relay, strike);
  run.metrics["moved"] = static_cast<double>(std::min(moved.size(), back.size()));
  run.metrics["loss_percent"] = lost_percent(packets, eu, as);
  double last_ms = 0;
  for (const auto& ports : {moved, back})
    for (const auto& [port, at] : ports) last_ms = std::max(last_ms, static_cast<double>(at - strike) / 1e6);
  run.expect(std::min(moved.size(), back.size()) == talks, fmt::format("{} of {} talks moved", moved.size(), talks));
  run.at_most("moved_ms", last_ms, moved_bound_ms);

  run.metrics["flaps"] = static_cast<double>(count_flaps(run, watched));
  run.expect(run.metrics["flaps"] == 0, "talks went back to the way that loses");
  if (!run.talk(talk_packets)) return;
  run.callee.hangup();
  for (auto& callee : callees) callee->hangup();
  for (auto& caller : callers) run.expect(caller->wait_ended(5s), "a talk did not end");
}

Flow flow(std::string id, std::string title, std::chrono::seconds watched) {
  Flow made{.id = std::move(id), .title = std::move(title), .plan = two_regions()};
  PlatformPlan& plan = made.plan;
  plan.regions.push_back({.name = "af",
                          .zone = "af/za1",
                          .features = {"bridge"},
                          .capabilities = {"bridge"},
                          .address = {},
                          .media_nodes = 1,
                          .is_relay = true,
                          .node_addresses = {}});
  plan.has_echoes = true;
  plan.rtts = {{"eu/de1", "us/va1", 100},
               {"as/jp1", "us/va1", 100},
               {"eu/de1", "as/jp1", far_ms},
               {"eu/de1", "af/za1", half_way_ms},
               {"as/jp1", "af/za1", half_way_ms}};
  const auto document = [](const std::string& number) {
    return "<Response><Dial timeout=\"20\"><Number>" + number + "</Number></Dial></Response>";
  };
  plan.accesses[1].prefix = "+15550222";
  made.documents["start"] = document(callee_number);
  for (size_t i = 1; i < talks; ++i) {
    const std::string number = fmt::format("+15550{}", 222 + 100 * i);
    plan.accesses.push_back({.name = callee_name(i), .region = "as", .prefix = number, .address = {}});
    plan.numbers.push_back({.number = number_of(i), .document = fmt::format("talk{}", i), .forward_to = ""});
    made.documents[fmt::format("talk{}", i)] = document(number);
  }
  made.is_rtt_free = true;
  made.ends_platform = true;
  made.is_long = true;
  made.run = [watched](FlowRun& run) { lose_packets(run, watched); };
  return made;
}

}  // namespace

std::vector<Flow> way_flows() {
  return {flow("way_bad", "5 % loss between two regions: the talks go by a third within 5 s", 15s),
          flow("way_bad10", "the same, and they stay there for ten minutes", 600s)};
}

}  // namespace nearend::lab
