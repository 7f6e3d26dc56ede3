#include "policy_server/first_hop.hpp"

#include <algorithm>
#include <cmath>
#include <random>

namespace nearend::policy_server {
namespace {

constexpr double ms_per_loss = 2500;  // as routes have it: 4 % loss is as far as 100 ms

/// 0 takes calls; the higher the worse.
int badness(const policy::GatewayLoads& loads, policy::GatewayId gateway, int64_t now_ms) {
  if (loads.is_open(gateway, now_ms)) return loads.is_full(loads.share(gateway, now_ms)) ? 1 : 0;
  return loads.last_report(gateway).is_draining ? 2 : 3;
}

double cost_ms(const policy::Advisor& advisor, policy::RegionId region, policy::AreaId area, policy::RegionId home,
               int64_t now_ms) {
  const policy::Places& places = advisor.places();
  const policy::PathModel& paths = advisor.paths();
  const policy::GatewayLoads& loads = advisor.loads();
  const double load_ms = loads.penalty(std::min(loads.region_share(region, now_ms), 1.0)) / policy::points_per_ms;
  const bool is_placed =
      area != policy::no_area && (places.home_of(area) != policy::no_region || paths.is_measured(area, region));
  if (!is_placed && home == policy::no_region) return load_ms;
  const policy::Estimate way = is_placed ? paths.access(area, region, now_ms) : paths.between(home, region, now_ms);
  return way.delay_ms + ms_per_loss * way.loss + load_ms;
}

}  // namespace

std::vector<FirstHopPick> first_hops(const policy::Advisor& advisor, std::span<const policy::GatewayId> from,
                                     policy::AreaId area, policy::RegionId home, int64_t now_ms) {
  const policy::GatewayLoads& loads = advisor.loads();
  int least = 3;
  for (const policy::GatewayId gateway : from) least = std::min(least, badness(loads, gateway, now_ms));
  struct Near {
    double cost_ms;
    policy::RegionId region;
    auto operator<=>(const Near&) const = default;
  };
  std::vector<Near> regions;
  std::vector<FirstHopPick> picks;
  for (const policy::GatewayId gateway : from) {
    if (badness(loads, gateway, now_ms) != least) continue;
    const double room = loads.capacity(gateway) * (1 - loads.share(gateway, now_ms));
    picks.push_back({.gateway = gateway, .room = std::max(1.0, room)});
    const policy::RegionId region = advisor.places().region_of(gateway);
    if (std::ranges::find(regions, region, &Near::region) == regions.end())
      regions.push_back({cost_ms(advisor, region, area, home, now_ms), region});
  }
  std::ranges::sort(regions);
  for (FirstHopPick& pick : picks) {
    const auto at = std::ranges::find(regions, advisor.places().region_of(pick.gateway), &Near::region);
    pick.rank = static_cast<uint16_t>(at - regions.begin());
  }
  return picks;
}

std::vector<FirstHopPick> drawn(std::span<const FirstHopPick> picks, size_t count, uint64_t random) {
  // Weighted drawing without putting back (Efraimidis and Spirakis): the highest of u^(1/w), here as logarithms.
  struct Lot {
    double key;
    FirstHopPick pick;
  };
  std::minstd_rand chance(static_cast<uint32_t>(random % 2'147'483'646) + 1);
  std::uniform_real_distribution<double> unit(1e-12, 1);
  std::vector<Lot> lots;
  for (const FirstHopPick& pick : picks) lots.push_back({std::log(unit(chance)) / pick.room, pick});
  std::ranges::sort(lots, [](const Lot& x, const Lot& y) {
    return x.pick.rank != y.pick.rank ? x.pick.rank < y.pick.rank : x.key > y.key;
  });
  std::vector<FirstHopPick> taken;
  for (const Lot& lot : lots)
    if (taken.size() < count) taken.push_back(lot.pick);
  return taken;
}

}  // namespace nearend::policy_server
