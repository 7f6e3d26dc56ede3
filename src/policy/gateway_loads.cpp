#include "policy/gateway_loads.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace nearend::policy {
namespace {

/// What a call needs until the gateway that it was given to counts it.
constexpr int64_t arrival_ms = 1000;
constexpr double penalty_points = 12;  // at exclude_from
/// Above this share what one instance gives away stands for what the others give away unseen.
constexpr double shared_from = 0.8;
/// A gateway that was silent this long may count from the beginning.
constexpr int64_t restart_ms = 3000;

}  // namespace

GatewayLoads::GatewayLoads(const Places& places, LoadRules rules)
    : places_(places), rules_(rules), standings_(places.gateways()), regions_(places.regions()) {
  for (size_t i = 0; i < places.gateways(); ++i) {
    Load load;
    load.report.capacity = std::max<double>(1, places.entry(static_cast<GatewayId>(i)).capacity);
    load.second.fill(-1);
    loads_.push_back(load);
  }
}

bool GatewayLoads::report(GatewayId gateway, const LoadReport& load, int64_t at_ms, int64_t now_ms, SourceId source) {
  Load& known = loads_[gateway];
  const int64_t heard_ms = source == own_source ? now_ms : std::min(at_ms, now_ms);
  if (newest_heard_ms_.size() <= source) newest_heard_ms_.resize(source + 1u, -1);
  newest_heard_ms_[source] = std::max(newest_heard_ms_[source], heard_ms);
  // Who was silent may have been started anew and count from the beginning.
  const bool is_counted = load.seq > 0 && known.report.seq > 0 && std::abs(at_ms - known.at_ms) < restart_ms;
  if (is_counted ? load.seq <= known.report.seq : at_ms < known.at_ms) return false;
  known.heard_ms = std::max(known.heard_ms, heard_ms);
  known.report = load;
  known.report.used = std::min(load.used, rules_.used_most * load.capacity);
  known.at_ms = at_ms;
  known.source = source;
  note_change(gateway);
  return true;
}

void GatewayLoads::reserve(GatewayId gateway, double units, int64_t now_ms) {
  Load& load = loads_[gateway];
  const int64_t second = now_ms / 1000;
  const auto slot = static_cast<size_t>(second % slots);
  if (load.second[slot] != second) load.reserved[slot] = 0;
  load.second[slot] = second;
  load.reserved[slot] += static_cast<float>(units);
  note_change(gateway);
}

void GatewayLoads::note_change(GatewayId gateway) {
  loads_[gateway].known_tick = -1;
  standings_[gateway].tick = -1;
  regions_[places_.region_of(gateway)].tick = -1;
}

double GatewayLoads::reserved(const Load& load, int64_t now_ms) const {
  double sum = 0;
  for (size_t slot = 0; slot < slots; ++slot) {
    const int64_t begin_ms = load.second[slot] * 1000;
    if (load.second[slot] < 0 || begin_ms + slots * 1000 <= now_ms) continue;
    // A second that the last report covers in part counts in part.
    const double uncovered = static_cast<double>(begin_ms + 1000 + arrival_ms - load.at_ms) / 1000;
    sum += load.reserved[slot] * std::clamp(uncovered, 0.0, 1.0);
  }
  return sum;
}

/// Counted together ten times a second and whenever something changes: every decision looks at every gateway.
double GatewayLoads::used(const Load& load, int64_t now_ms) const {
  const int64_t tick = now_ms / 100;
  if (load.known_tick != tick) {
    load.known_used = count_used(load, now_ms);
    load.known_tick = tick;
  }
  return load.known_used;
}

double GatewayLoads::count_used(const Load& load, int64_t now_ms) const {
  const bool is_current = load.heard_ms >= 0 && now_ms - load.heard_ms <= rules_.lifetime_ms;
  const double own = reserved(load, now_ms), reported = is_current ? load.report.used : 0;
  const double others = load.source == own_source ? 0 : instances_ - 1;
  return reported + own + (reported + own > shared_from * load.report.capacity ? others * own : 0);
}

double GatewayLoads::share(GatewayId gateway, int64_t now_ms) const {
  const Load& load = loads_[gateway];
  return used(load, now_ms) / std::max(load.report.capacity, 1e-6);
}

bool GatewayLoads::is_open(GatewayId gateway, int64_t now_ms) const {
  const Load& load = loads_[gateway];
  if (load.heard_ms < 0) return true;
  if (load.report.is_draining) return false;
  return load.heard_ms + rules_.silent_after_ms >= std::min(now_ms, newest_heard_ms_[load.source] + 1000);
}

bool GatewayLoads::takes_calls(GatewayId gateway, bool may_be_full, int64_t now_ms) const {
  Standing& standing = standings_[gateway];
  if (const int64_t tick = now_ms / 100; standing.tick != tick)
    standing = {tick, is_open(gateway, now_ms), is_full(share(gateway, now_ms))};
  return standing.is_open && (may_be_full || !standing.is_full);
}

/// As with a gateway's: a decision looks at every region and changes two.
double GatewayLoads::region_share(RegionId region, int64_t now_ms) const {
  RegionLoad& known = regions_[region];
  if (const int64_t tick = now_ms / 100; known.tick != tick) known = {tick, count_region_share(region, now_ms)};
  return known.share;
}

double GatewayLoads::count_region_share(RegionId region, int64_t now_ms) const {
  double used_units = 0, capacity = 0;
  for (const GatewayId gateway : places_.gateways_in(region)) {
    if (!is_open(gateway, now_ms)) continue;
    used_units += used(loads_[gateway], now_ms);
    capacity += loads_[gateway].report.capacity;
  }
  return capacity > 0 ? used_units / capacity : 1;
}

double GatewayLoads::penalty(double share) const {
  if (share <= rules_.penalty_from) return 0;
  const double over = (share - rules_.penalty_from) / std::max(rules_.exclude_from - rules_.penalty_from, 1e-6);
  return penalty_points * (over * over) * (over * over);
}

}  // namespace nearend::policy
