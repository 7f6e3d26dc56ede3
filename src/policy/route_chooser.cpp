#include "policy/route_chooser.hpp"

#include <algorithm>

#include "policy/numbering.hpp"

namespace nearend::policy {
namespace {

constexpr double stay_points = 0.75;      // the last route is left for one that is better by more: 12 ms,
constexpr double settling_points = 0.75;  // and by so much more right after a change,
constexpr double settling_ms = 60'000;    // for about so long
constexpr double explored_share = 0.01;
constexpr double explored_points = 4;  // what a path of which nothing is known may be better than believed
constexpr double explored_cost = 3;    // more than that is not risked
constexpr int64_t remembered_ms = 600'000;
constexpr size_t pairs_max = 200'000;
constexpr size_t answers_max = 3;

uint64_t mixed(uint64_t word) {
  word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9;
  word = (word ^ (word >> 27)) * 0x94d049bb133111eb;
  return word ^ (word >> 31);
}

uint64_t hash_of(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a: the same on every machine, so that a record can be replayed
  for (const char sign : text) hash = (hash ^ static_cast<unsigned char>(sign)) * 0x100000001b3;
  return mixed(hash);
}

double unit(uint64_t hash) {
  return static_cast<double>(hash >> 11) * 0x1.0p-53;
}

}  // namespace

RouteChooser::RouteChooser(const Places& places, const PathModel& paths, GatewayLoads& loads)
    : places_(places), paths_(paths), loads_(loads) {}

uint64_t RouteChooser::pair_key(const RouteWish& wish) const {
  const auto side = [](const End& end) {
    return end.area != no_area ? uint64_t{end.area}
                               : uint64_t{end.region} | (uint64_t{end.gateway} << 16) | (1ull << 32);
  };
  return mixed(mixed(side(wish.a)) + 3 * side(wish.b) + (static_cast<uint64_t>(wish.media) << 60));
}

std::vector<GatewayId> RouteChooser::gateways_for(const RouteWish& wish, const RegionPath& path) {
  const uint64_t hash = hash_of(wish.call);
  std::vector<GatewayId> chosen, open;
  for (size_t i = 0; i < path.count; ++i) {
    const bool is_a = i == 0, is_b = i + 1 == path.count;
    open.clear();
    for (const GatewayId gateway : places_.gateways_in(path.regions[i])) {
      if (!chosen.empty() && gateway == chosen.back()) continue;
      if (is_a && wish.a.gateway != no_gateway && gateway != wish.a.gateway) continue;
      if (is_b && wish.b.gateway != no_gateway && gateway != wish.b.gateway) continue;
      const bool is_fixed = (is_a && gateway == wish.a.gateway) || (is_b && gateway == wish.b.gateway);
      if (!is_fixed && !is_eligible(wish, gateway, is_full_allowed_)) continue;
      if (is_b && !is_fixed && !wish.number.empty() &&
          prefix_match(places_.entry(gateway).prefixes, wish.number) != prefix_length_)
        continue;
      if (is_b && wish.lost) {
        const Region& region = regions_[path.regions[i]];
        if (wish.lost_at(gateway) > (is_a ? region.lost_both : region.lost) + equal_providers) continue;
      }
      open.push_back(gateway);
    }
    if (open.empty()) return {};
    // The emptier of two taken at random: with loads that are a second old, the emptiest of all would get everything.
    GatewayId best = open[mixed(hash + i) % open.size()];
    const GatewayId other = open[mixed(hash + i + 17) % open.size()];
    const GatewayId second = other == best && open.size() > 1 ? open[(mixed(hash + i) + 1) % open.size()] : other;
    if (loads_.share(second, wish.now_ms) < loads_.share(best, wish.now_ms)) best = second;
    chosen.push_back(best);
  }
  return chosen;
}

void RouteChooser::reserve(const RouteWish& wish, const std::vector<GatewayId>& gateways) {
  for (const GatewayId gateway : gateways) loads_.reserve(gateway, units_of(wish.media), wish.now_ms);
}

Decision RouteChooser::choose(const RouteWish& wish) {
  Decision decision;
  const auto find = [&] {
    if (wish.mode == Mode::static_rules)
      collect_static(wish, found_);
    else
      collect(wish, found_);
    sort(found_, answers_max);
  };
  look(wish, false);
  find();
  if (found_.empty()) {
    look(wish, true);
    find();
    decision.why = Decision::Why::all_full;
  } else {
    decision.why = Decision::Why::best;
  }
  decision.considered = found_.size();
  if (found_.empty()) {
    decision.why = Decision::Why::nothing;
    return decision;
  }
  size_t chosen = 0;
  const uint64_t key = pair_key(wish);
  if (wish.mode != Mode::static_rules) {
    const auto last = last_.find(key);
    if (last != last_.end() && wish.now_ms - last->second.at_ms < remembered_ms) {
      const auto same = std::ranges::find(found_, last->second.path, &RatedPath::path);
      const double settled = static_cast<double>(wish.now_ms - last->second.since_ms) / settling_ms;
      const double needed = stay_points + settling_points * std::max(0.0, 1 - settled);
      if (same != found_.begin() && same != found_.end() && same->points + needed >= found_.front().points) {
        chosen = static_cast<size_t>(same - found_.begin());
        decision.why = Decision::Why::stayed;
      }
    }
    if (unit(mixed(hash_of(wish.call) + 99)) < explored_share) {
      const double best = found_[chosen].points;
      double most = best;
      for (size_t i = 0; i < found_.size(); ++i) {
        const double hoped = found_[i].points + explored_points * (1 - found_[i].estimate.confidence);
        if (i == chosen || hoped <= most || found_[i].points < best - explored_cost) continue;
        most = hoped;
        decision.why = Decision::Why::explored;
      }
      if (decision.why == Decision::Why::explored)
        chosen = static_cast<size_t>(
            std::ranges::find_if(found_,
                                 [&](const RatedPath& each) {
                                   return each.points + explored_points * (1 - each.estimate.confidence) == most;
                                 }) -
            found_.begin());
    }
  }
  std::rotate(found_.begin(), found_.begin() + static_cast<std::ptrdiff_t>(chosen),
              found_.begin() + static_cast<std::ptrdiff_t>(chosen) + 1);
  for (const RatedPath& each : found_) {
    if (decision.routes.size() >= answers_max) break;
    auto gateways = gateways_for(wish, each.path);
    if (!gateways.empty()) decision.routes.push_back({each, std::move(gateways)});
  }
  if (decision.routes.empty()) {
    decision.why = Decision::Why::nothing;
    return decision;
  }
  reserve(wish, decision.routes.front().gateways);
  if (decision.why != Decision::Why::explored) {
    if (last_.size() >= pairs_max) last_.clear();
    Last& last = last_[key];
    const RegionPath& path = decision.routes.front().rated.path;
    if (last.path != path) last.since_ms = wish.now_ms;
    last.path = path;
    last.at_ms = wish.now_ms;
  }
  return decision;
}

}  // namespace nearend::policy
