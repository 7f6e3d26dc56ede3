#include "gateway/way_watch.hpp"

#include <boost/json/array.hpp>

#include <algorithm>

#include "gateway/link_end.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::gateway {
namespace {

using std::chrono::milliseconds;

constexpr double bad_loss = 0.03, bad_jitter_ms = 60;
constexpr uint32_t packets_min = 40;    // of two seconds: fewer say little
constexpr milliseconds ask_pace{1000};  // while it stays bad
constexpr milliseconds quiet_for{
    10'000};  // after a change, or when the sender's own count has shown that the way is clean
constexpr milliseconds changes_for{3000};  // from one way to another
constexpr milliseconds report_ahead{50};   // of the question
constexpr milliseconds dead_after{2000};
constexpr milliseconds outcome_after{5000};

json::object told(const policy::Observed& observed) {
  const auto tenths = [](double value) { return std::round(value * 10) / 10; };
  return {{"loss_percent", tenths(observed.loss * 100)},
          {"jitter_ms", tenths(observed.jitter_ms)},
          {"rtt_ms", tenths(observed.rtt_ms)}};
}

policy::Observed observed_of(const Trouble& trouble) {
  const uint32_t packets = trouble.last.packets + trouble.before.packets;
  const uint32_t lost = trouble.last.lost + trouble.before.lost;
  return {.rtt_ms = static_cast<double>(trouble.rtt_ms),
          .loss = packets == 0 ? 0 : std::min(1.0, static_cast<double>(lost) / packets),
          .jitter_ms = static_cast<double>(std::min(trouble.last.jitter_ms, trouble.before.jitter_ms))};
}

}  // namespace

/// Only talks between two gateways whose router can be told have another way to go.
bool WayWatch::is_watched(const Leg& leg) const {
  return !leg.is_over && leg.joint.state == Joint::State::open && !leg.joint.peer_gateway.empty() &&
         !leg.dialogs.is_direct && leg.dialogs.link != sip::DialogId::none;
}

std::optional<policy::Observed> WayWatch::suffers(const Trouble& trouble) const {
  if (trouble.last.packets + trouble.before.packets < packets_min) return std::nullopt;
  const policy::Observed observed = observed_of(trouble);
  if (observed.loss < bad_loss && observed.jitter_ms < bad_jitter_ms) return std::nullopt;
  return observed;
}

WayVerdict WayWatch::hear(Leg& leg, const media::LegSecond& second) {
  if (!is_watched(leg)) return {.now = {second.sent, second.missing}};
  Trouble& trouble = leg.way.trouble;
  const io::Instant now = parts_.now();
  if (trouble.relay != leg.joint.relay) {
    trouble = Trouble{.relay = leg.joint.relay, .changed = now};
    trouble.quiet_until = now + quiet_for;
  }
  trouble.before = now - trouble.heard < dead_after ? trouble.last : Trouble::Second{};
  trouble.last = {second.packets, second.lost, second.jitter_ms};
  if (second.packets > second.lost) trouble.heard = now;
  if (second.rtt_ms > 0) trouble.rtt_ms = second.rtt_ms;
  // What was heard before was heard on another way, and for a moment on both.
  if (trouble.changed != io::Instant{} && now - trouble.changed < changes_for) return {.is_mixed = true};
  const WayVerdict verdict = trouble.blame.hear(second, now);
  if (verdict.is_clean && trouble.last.jitter_ms < bad_jitter_ms) trouble.quiet_until = now + quiet_for;
  if (auto observed = suffers(trouble)) {
    observed->is_between = verdict.is_guilty;
    consider(leg, *observed);
  }
  return verdict;
}

void WayWatch::look_for_silence() {
  const Echo* echo = parts_.way_meter->echo();
  if (echo == nullptr || !echo->is_any_silent()) return;
  const io::Instant now = parts_.now();
  for (Leg* leg : parts_.legs.all()) {
    Trouble& trouble = leg->way.trouble;
    const bool has_heard = trouble.heard != io::Instant{};
    if (!is_watched(*leg) || !has_heard || now - trouble.heard < dead_after) continue;
    if (echo->is_silent(std::string(parts_.way_meter->far_region(*leg))))
      consider(*leg, {.rtt_ms = static_cast<double>(trouble.rtt_ms), .loss = 1});
  }
}

void WayWatch::consider(Leg& leg, const policy::Observed& observed) {
  Trouble& trouble = leg.way.trouble;
  const io::Instant now = parts_.now();
  if (trouble.is_asking || now < trouble.quiet_until || now - trouble.asked < ask_pace || asking_ >= asking_max) return;
  trouble.is_asking = true;
  trouble.asked = now;
  ++asking_;
  waiting_.emplace_back(leg.id, observed);
}

void WayWatch::ask_waiting() {
  for (auto& [id, observed] : std::exchange(waiting_, {})) scope_.spawn(ask(std::move(id), observed));
}

policy::RerouteQuery WayWatch::query_for(const Leg& leg, const policy::Observed& observed) const {
  policy::RerouteQuery query{.route = {.call = leg.call, .account = leg.account}, .observed = observed};
  const policy::GatewayEntry* peer = parts_.way_meter->gateway_at(leg.joint.peer_gateway);
  if (peer == nullptr) return query;
  query.route.a.gateway = parts_.settings.name;
  query.route.b.gateway = peer->name;
  query.route.may_relay = true;
  for (const policy::GatewayEntry& gateway : parts_.settings.topology.gateways)
    if (gateway.relay_url.empty() && gateway.name != parts_.settings.name && gateway.name != peer->name)
      query.route.exclude.push_back(gateway.name);
  query.current = {parts_.settings.name};
  if (!leg.joint.relay.empty()) query.current.push_back(leg.joint.relay);
  query.current.push_back(peer->name);
  const io::Instant changed = leg.way.trouble.changed;
  if (changed != io::Instant{})
    query.moved_ms_ago = std::chrono::duration_cast<milliseconds>(parts_.now() - changed).count();
  return query;
}

Task<void> WayWatch::ask(std::string id, policy::Observed observed) {
  static telemetry::Counter& moves = telemetry::counter("nearend_gateway_reroutes_total", "answer=\"moves\"");
  static telemetry::Counter& stays = telemetry::counter("nearend_gateway_reroutes_total", "answer=\"stays\"");
  co_await io::sleep_for(parts_.loop(), report_ahead);
  policy::RerouteQuery query;
  const Leg* asking = parts_.legs.by_id(id);
  // The peer may have asked too, and been sooner: what was observed was observed on the way before.
  if (asking != nullptr && asking->joint.relay == asking->way.trouble.relay) query = query_for(*asking, observed);
  const bool has_question = !query.current.empty();
  policy::RerouteAnswer answer;
  if (has_question) answer = co_await parts_.policy.reroute(std::move(query));
  --asking_;
  Leg* leg = parts_.legs.by_id(id);
  if (leg == nullptr || leg->is_over) co_return;
  leg->way.trouble.is_asking = false;
  const bool moves_there =
      !answer.stays && answer.route.hops.size() >= 2 && is_watched(*leg) && leg->joint.relay == leg->way.trouble.relay;
  (moves_there ? moves : stays).add();
  if (moves_there) order(*leg, answer, observed);
}

/// The router has the other end of the talk; it takes both there.
void WayWatch::order(Leg& leg, const policy::RerouteAnswer& answer, const policy::Observed& observed) {
  json::array hops;
  for (const policy::RouteChoice& hop : answer.route.hops)
    hops.push_back(json::object{{"gateway", hop.gateway}, {"region", hop.region}});
  json::object seen{{"by", parts_.settings.name},
                    {"observed", told(observed)},
                    {"expected", json::object{{"m2e_ms", answer.route.estimate.m2e_ms},
                                              {"r", answer.route.estimate.rating},
                                              {"loss_percent", answer.route.estimate.loss_percent}}},
                    {"reason", answer.route.reason}};
  parts_.ledger.note(leg, "reroute", seen);
  const std::string relay = answer.route.hops.size() == 3 ? answer.route.hops[1].gateway : std::string();
  parts_.link_end->info(leg, {.name = "reroute"},
                        to_json(json::object{{"hops", std::move(hops)}, {"seen", std::move(seen)}}));
  leg.way.trouble.quiet_until = parts_.now() + quiet_for;
  scope_.spawn(tell_outcome(leg.id, relay));
}

Task<void> WayWatch::tell_outcome(std::string id, std::string relay) {
  co_await io::sleep_for(parts_.loop(), outcome_after);
  Leg* leg = parts_.legs.by_id(id);
  if (leg == nullptr || leg->is_over || leg->joint.state != Joint::State::open) co_return;
  json::object outcome{{"moved", leg->joint.relay == relay}, {"observed", told(observed_of(leg->way.trouble))}};
  outcome["relay"] = leg->joint.relay;
  parts_.ledger.note(*leg, "rerouted", outcome);
}

}  // namespace nearend::gateway
