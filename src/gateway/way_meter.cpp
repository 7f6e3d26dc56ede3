#include "gateway/way_meter.hpp"

#include "gateway/way_watch.hpp"

#include "policy/numbering.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::gateway {
namespace {

/// Gateways of other regions that give echoes.
std::vector<Echo::Peer> echo_peers(const Settings& settings) {
  std::vector<Echo::Peer> peers;
  for (const policy::GatewayEntry& gateway : settings.topology.gateways)
    if (gateway.echo && gateway.region != settings.region) peers.push_back({gateway.region, *gateway.echo});
  return peers;
}

}  // namespace

WayMeter::WayMeter(Parts& parts)
    : parts_(parts),
      places_(parts.settings.topology),
      subareas_([this](std::string_view part) { return places_.area_around(part); }),
      providers_(parts.settings.providers.size()),
      timer_(parts.loop()),
      scope_(parts.loop()) {
  for (const policy::GatewayEntry& gateway : parts.settings.topology.gateways) gateways_[gateway.link_uri] = &gateway;
  // A gateway that was started anew goes on above what it told before.
  seq_ = static_cast<uint64_t>(parts.world.loop.wall_ms() / pace.count());
}

Result<void> WayMeter::start() {
  if (parts_.settings.echo_listen) {
    Echo::Settings settings{.listen = *parts_.settings.echo_listen,
                            .key = parts_.settings.link_key,
                            .peers = echo_peers(parts_.settings),
                            .is_peer = [this](const IpAddress& from) { return parts_.admission.is_link_peer(from); }};
    echo_ = std::make_unique<Echo>(parts_.loop(), parts_.world.net, std::move(settings),
                                   [this](const std::string& region, std::optional<double> rtt_ms) {
                                     const WayId way = sums_.region(region);
                                     if (way != no_way) sums_.add_echo(way, rtt_ms);
                                   });
    auto started = echo_->start();
    if (!started) return fail(started.error().kind, "echo_listen: {}", started.error().text);
  }
  timer_.start(pace, [this] { scope_.spawn(tell()); });
  return {};
}

void WayMeter::stop() {
  timer_.stop();
  scope_.cancel_all();
  if (echo_) echo_->stop();
}

const policy::GatewayEntry* WayMeter::gateway_at(std::string_view link_uri) const {
  const auto found = gateways_.find(link_uri);
  return found == gateways_.end() ? nullptr : found->second;
}

std::string_view WayMeter::far_region(const Leg& leg) const {
  if (leg.joint.state == Joint::State::none) return leg.way.router_region;
  if (!leg.joint.relay.empty()) {
    const policy::GatewayEntry* relay = gateway_named(leg.joint.relay);
    return relay == nullptr ? std::string_view() : std::string_view(relay->region);
  }
  const policy::GatewayEntry* peer = leg.joint.peer_gateway.empty() ? nullptr : gateway_at(leg.joint.peer_gateway);
  return peer == nullptr ? std::string_view() : std::string_view(peer->region);
}

const policy::GatewayEntry* WayMeter::gateway_named(std::string_view name) const {
  const policy::GatewayId id = places_.gateway(name);
  return id == policy::no_gateway ? nullptr : &places_.entry(id);
}

/// What the topology calls the other end's network: as the provider's settings say, else by its number, which is what
/// routes are asked for by; who has none belongs to his provider.
std::string WayMeter::access_area(const Leg& leg) {
  const Provider* provider = leg.provider == Leg::no_provider ? nullptr : &parts_.settings.providers[leg.provider];
  if (provider != nullptr && !provider->area.empty()) return provider->area;
  const std::string& other = leg.is_inbound ? leg.from : leg.to;
  const policy::AreaId area = places_.area_of_address(other);
  if (area != policy::no_area) return places_.area_name(area);
  return provider == nullptr ? "" : fmt::format("{}:{}", parts_.settings.region, provider->name);
}

WayId WayMeter::access_way(Leg& leg) {
  const bool is_known = leg.way.access != no_way && leg.way.access_provider == leg.provider;
  if (is_known && !subareas_.is_stale(leg.way.subarea)) return leg.way.access;
  if (is_known) {
    leg.way.access = sums_.area(subareas_.name_of(leg.way.subarea));
    return leg.way.access;
  }
  const std::string area = access_area(leg);
  const std::string_view number = policy::number_of(leg.is_inbound ? leg.from : leg.to);
  // What an operator calls an area is one; the others may have parts.
  const policy::AreaId by_number = places_.area_of_address(number);
  const bool may_have_parts = by_number != policy::no_area && places_.area_name(by_number) == area;
  subareas_.enrol(leg.way.subarea, area, may_have_parts ? number : std::string_view());
  leg.way.access = sums_.area(may_have_parts ? subareas_.name_of(leg.way.subarea) : area);
  leg.way.access_provider = leg.provider;
  return leg.way.access;
}

void WayMeter::ended(const Leg& leg, int status) {
  static telemetry::Counter& told = telemetry::counter("nearend_gateway_calls_ended_total", "told=\"yes\"");
  static telemetry::Counter& untold = telemetry::counter("nearend_gateway_calls_ended_total", "told=\"no\"");
  if (ended_.size() >= policy::calls_told_max) return untold.add();
  told.add();
  const LegTally& heard = leg.way.heard;
  ended_.push_back({.provider = leg.provider == Leg::no_provider ? "" : parts_.settings.providers[leg.provider].name,
                    .area = access_area(leg),
                    .is_inbound = leg.is_inbound,
                    .is_answered = leg.bill.is_answered,
                    .status = status,
                    .duration_ms = leg.bill.talked.count(),
                    .packets = heard.packets(),
                    .lost = heard.lost(),
                    .late = heard.late(),
                    .jitter_ms = heard.jitter_ms(),
                    .rtt_ms = heard.rtt_ms(),
                    .score = heard.score()});
}

void WayMeter::add(const media::LegSecond& second) {
  Leg* leg = parts_.legs.by_anchor(second.anchor);
  if (leg == nullptr || leg->is_over) return;
  const bool is_between = second.side == media::Side::inner;
  if (!is_between) leg->way.heard.add(second);
  if (is_between) {
    const std::string_view region = far_region(*leg);
    const WayVerdict verdict = parts_.way_watch->hear(*leg, second);
    const WayId way = verdict.is_mixed ? no_way : sums_.region(region);
    if (way != no_way) sums_.add_between(way, second, verdict);
  } else if (const WayId way = access_way(*leg); way != no_way) {
    sums_.add_access(way, second);
    subareas_.add(leg->way.subarea, second, parts_.world.loop.wall_ms());
    if (leg->provider != Leg::no_provider && providers_[leg->provider].at_ms > 0)
      sums_.set_signalling_trip(way, providers_[leg->provider].ms, providers_[leg->provider].at_ms);
  }
}

void WayMeter::provider_answered(size_t provider, double rtt_ms) {
  providers_[provider] = {rtt_ms, parts_.world.loop.wall_ms()};
}

Task<void> WayMeter::tell() {
  timer_.start(pace, [this] { scope_.spawn(tell()); });
  if (is_telling_) co_return;  // The node is slow; what it has counted comes with the next.
  is_telling_ = true;
  auto seconds = co_await parts_.media.seconds();
  is_telling_ = false;
  if (seconds)
    for (const media::LegSecond& second : *seconds) add(second);
  const bool is_due = ++looks_ % told_every == 0;
  if (is_due) subareas_.look(parts_.world.loop.wall_ms());
  if (is_due) parts_.way_watch->look_for_silence();
  // Whoever asks about a bad way is answered by what is known of it: that is told first, and at once.
  if (is_due || parts_.way_watch->is_any_waiting()) report();
  parts_.way_watch->ask_waiting();
}

void WayMeter::report() {
  const int64_t now_ms = parts_.world.loop.wall_ms();
  report_ = {
      .gateway = parts_.settings.name,
      .seq = ++seq_,
      .at_ms = now_ms,
      .load = policy::LoadReport{parts_.legs.units(), static_cast<double>(std::max(parts_.settings.calls_max, 1U)),
                                 parts_.is_draining},
      .segments = sums_.take(now_ms),
      .providers = parts_.providers.take_reports(parts_.now()),
      .calls = std::exchange(ended_, {})};
  static telemetry::Counter& told = telemetry::counter("nearend_gateway_segments_reported_total");
  told.add(report_.segments.size());
  parts_.policy.report(report_);
}

}  // namespace nearend::gateway
