#include <algorithm>

#include "policy/numbering.hpp"
#include "policy/route_chooser.hpp"

namespace nearend::policy {
namespace {

constexpr double points_per_hop = 0.3;  // a gateway more is a place more where something can go wrong
constexpr double ms_per_loss = 2500;    // a region with 4 % loss towards an area is as far as one with 100 ms more
constexpr size_t relayed_pairs = 2;     // of the best direct pairs
constexpr double none_lost = 1e9;

bool is_within(const std::string& region, const std::vector<std::string>& zones) {
  return std::ranges::any_of(zones, [&](const std::string& zone) {
    return region.starts_with(zone) &&
           (region.size() == zone.size() || region[zone.size()] == '/' || zone.ends_with('/'));
  });
}

bool has_feature(const GatewayEntry& gateway, const std::string& feature) {
  return std::ranges::find(gateway.features, feature) != gateway.features.end();
}

RegionPath path_of(std::initializer_list<RegionId> regions) {
  RegionPath path;
  for (const RegionId region : regions) path.regions[path.count++] = region;
  return path;
}

}  // namespace

bool RouteChooser::is_eligible(const RouteWish& wish, GatewayId gateway, bool may_be_full) const {
  if (!loads_.takes_calls(gateway, may_be_full, wish.now_ms)) return false;
  if (std::ranges::find(wish.exclude, gateway) != wish.exclude.end()) return false;
  return !wish.residency || wish.residency->empty() || is_within(places_.entry(gateway).region, *wish.residency);
}

void RouteChooser::look(const RouteWish& wish, bool may_be_full) {
  regions_.assign(places_.regions(), Region{});
  is_full_allowed_ = may_be_full;
  prefix_length_ = 0;
  if (!wish.number.empty())
    for (size_t i = 0; i < places_.gateways(); ++i)
      if (const auto id = static_cast<GatewayId>(i); is_eligible(wish, id, may_be_full))
        prefix_length_ = std::max(prefix_length_, prefix_match(places_.entry(id).prefixes, wish.number).value_or(0));
  for (const RegionId id : places_.served()) look_at(wish, id, may_be_full);
}

void RouteChooser::look_at(const RouteWish& wish, RegionId id, bool may_be_full) {
  Region& region = regions_[id];
  const auto is_elsewhere = [&](const End& end) { return end.region != no_region && end.region != id; };
  size_t for_a = 0, for_b = 0;
  region.lost = region.lost_both = none_lost;
  for (const GatewayId gateway : places_.gateways_in(id)) {
    const bool is_fixed = gateway == wish.a.gateway || gateway == wish.b.gateway;
    if (!is_fixed && !is_eligible(wish, gateway, may_be_full)) continue;
    region.is_usable = true;
    const bool takes_a = (wish.a.gateway == no_gateway || wish.a.gateway == gateway) && !is_elsewhere(wish.a);
    const bool takes_number =
        wish.number.empty() || prefix_match(places_.entry(gateway).prefixes, wish.number) == prefix_length_;
    const bool takes_b =
        wish.b.gateway == gateway || (wish.b.gateway == no_gateway && takes_number && !is_elsewhere(wish.b));
    for_a += takes_a;
    for_b += takes_b;
    region.takes_both |= takes_a && takes_b;
    const double lost = wish.lost_at(gateway);
    if (takes_b) region.lost = std::min(region.lost, lost);
    if (takes_a && takes_b) region.lost_both = std::min(region.lost_both, lost);
    // Nothing more can be said of the region, unless its gateways' providers make them unlike.
    if (region.takes_both && wish.lost == nullptr) {
      for_a = for_b = 1;
      break;
    }
  }
  region.takes_a = for_a > 0;
  region.takes_b = for_b > 0;
  // Where another gateway of the region has clearly better providers, that makes two, too.
  const bool is_one_enough = region.takes_both && region.lost_both <= region.lost + equal_providers;
  region.has_two = !is_one_enough && for_a > 0 && for_b > 0;
  region.penalty = loads_.penalty(loads_.region_share(id, wish.now_ms));
}

Estimate RouteChooser::access(const End& end, RegionId region, int64_t now_ms) const {
  if (end.area == no_area) return {.confidence = 1};
  return paths_.access(end.area, region, now_ms);
}

const Estimate& RouteChooser::way(const RouteWish& wish, RegionId id, bool is_a) const {
  const Region& region = regions_[id];
  bool& is_known = is_a ? region.has_a : region.has_b;
  Estimate& known = is_a ? region.way_a : region.way_b;
  if (!is_known) known = access(is_a ? wish.a : wish.b, id, wish.now_ms);
  is_known = true;
  return known;
}

size_t RouteChooser::nearest(const RouteWish& wish, const End& end, const End& other, bool is_a, NearList& list) const {
  size_t count = 0;
  for (const RegionId id : places_.served()) {
    const Region& region = regions_[id];
    if (is_a ? !region.takes_a : !region.takes_b) continue;
    const Estimate& access_way = way(wish, id, is_a);
    const double lost = is_a ? 0 : region.lost;
    double cost_ms = access_way.delay_ms + ms_per_loss * access_way.loss + (region.penalty + lost) / points_per_ms;
    // Where nobody knows the place of this side, near is what is near to the other.
    const bool is_placed =
        end.region != no_region || end.gateway != no_gateway ||
        (end.area != no_area && (places_.home_of(end.area) != no_region || paths_.is_measured(end.area, id)));
    if (!is_placed) {
      const RegionId there = other.gateway != no_gateway ? places_.region_of(other.gateway) : other.region;
      if (there != no_region)
        cost_ms += paths_.between(there, id, wish.now_ms).delay_ms;
      else if (other.area != no_area)
        cost_ms += paths_.access(other.area, id, wish.now_ms).delay_ms;
    }
    const Near near{id, cost_ms};
    auto end_of_list = list.begin() + static_cast<std::ptrdiff_t>(count);
    const auto at = std::upper_bound(list.begin(), end_of_list, near,
                                     [](const Near& x, const Near& y) { return x.cost_ms < y.cost_ms; });
    if (at == list.end()) continue;
    if (count < near_count) ++count;
    end_of_list = list.begin() + static_cast<std::ptrdiff_t>(count);
    std::move_backward(at, end_of_list - 1, end_of_list);
    *at = near;
  }
  return count;
}

RatedPath RouteChooser::rate(const RouteWish& wish, const RegionPath& path) const {
  RatedPath rated;
  rated.path = path;
  const auto& regions = path.regions;
  Estimate sum = way(wish, regions[0], true) + way(wish, regions[path.count - 1], false);
  for (size_t i = 1; i < path.count; ++i) sum = sum + paths_.between(regions[i - 1], regions[i], wish.now_ms);
  rated.estimate = sum;
  rated.worth = scale_.worth(sum, wish.media, wish.codec, wish.mode);
  rated.points = rated.worth.points - points_per_hop * (path.count - 1);
  for (size_t i = 0; i < path.count; ++i)
    if (regions[i] < regions_.size()) rated.points -= regions_[regions[i]].penalty;
  if (wish.lost && regions[path.count - 1] < regions_.size()) {
    const Region& last = regions_[regions[path.count - 1]];
    rated.points -= path.count == 1 ? last.lost_both : last.lost;
  }
  return rated;
}

void RouteChooser::sort(std::vector<RatedPath>& all, size_t count) {
  // Equal ones in the topology's order, so that the same question has the same answer everywhere.
  const auto middle = all.begin() + static_cast<std::ptrdiff_t>(std::min(count, all.size()));
  std::ranges::partial_sort(all, middle, [](const RatedPath& x, const RatedPath& y) {
    return x.points != y.points ? x.points > y.points : x.path < y.path;
  });
}

bool RouteChooser::has_needs(const RouteWish& wish, const RegionPath& path) const {
  if (!wish.needs) return true;
  return std::ranges::all_of(*wish.needs, [&](const std::string& need) {
    for (size_t i = 0; i < path.count; ++i)
      for (const GatewayId gateway : places_.gateways_in(path.regions[i]))
        if (has_feature(places_.entry(gateway), need)) return true;
    return false;
  });
}

void RouteChooser::collect(const RouteWish& wish, std::vector<RatedPath>& all) const {
  all.clear();
  NearList near_a, near_b;
  const size_t count_a = nearest(wish, wish.a, wish.b, true, near_a);
  const size_t count_b = nearest(wish, wish.b, wish.a, false, near_b);
  const auto add = [&](const RegionPath& path) {
    if (std::ranges::find(all, path, &RatedPath::path) == all.end()) all.push_back(rate(wish, path));
  };
  for (size_t i = 0; i < count_a; ++i)
    if (regions_[near_a[i].region].takes_both) add(path_of({near_a[i].region}));
  for (size_t i = 0; i < count_b; ++i)
    if (regions_[near_b[i].region].takes_both) add(path_of({near_b[i].region}));
  for (size_t i = 0; i < count_a; ++i)
    for (size_t k = 0; k < count_b; ++k)
      if (near_a[i].region != near_b[k].region || regions_[near_a[i].region].has_two)
        add(path_of({near_a[i].region, near_b[k].region}));
  if (wish.may_relay) collect_relays(wish, all);
  // Needs bind only as far as somebody can meet them: what nobody has is done elsewhere.
  if (wish.needs && std::ranges::any_of(all, [&](const RatedPath& each) { return has_needs(wish, each.path); }))
    std::erase_if(all, [&](const RatedPath& each) { return !has_needs(wish, each.path); });
}

void RouteChooser::collect_relays(const RouteWish& wish, std::vector<RatedPath>& all) const {
  std::array<const RatedPath*, relayed_pairs> direct{};
  for (const RatedPath& each : all) {
    if (each.path.count != 2) continue;
    const RatedPath* in = &each;
    for (const RatedPath*& held : direct)
      if (!held || in->points > held->points)
        std::swap(held, in);
      else
        continue;
  }
  struct Relayed {
    RegionPath path;
    double cost_ms = 0;
  };
  std::array<Relayed, relay_count> relayed{};
  size_t count = 0;
  for (const RatedPath* pair : direct) {
    if (!pair) continue;
    const auto [from, to, none] = pair->path.regions;
    const Estimate &near = way(wish, from, true), &far = way(wish, to, false);
    const double ends_ms = near.delay_ms + far.delay_ms, ends_kept = (1 - near.loss) * (1 - far.loss);
    for (const RegionId id : places_.served()) {
      if (id == from || id == to || !regions_[id].is_usable) continue;
      const Estimate in = paths_.between(from, id, wish.now_ms), out = paths_.between(id, to, wish.now_ms);
      const double loss = 1 - ends_kept * (1 - in.loss) * (1 - out.loss);
      Relayed one{path_of({from, id, to}),
                  ends_ms + in.delay_ms + out.delay_ms + ms_per_loss * loss + regions_[id].penalty / points_per_ms};
      for (size_t i = 0; i < count; ++i)
        if (one.cost_ms < relayed[i].cost_ms) std::swap(one, relayed[i]);
      if (count < relay_count) relayed[count++] = one;
    }
  }
  for (size_t i = 0; i < count; ++i) all.push_back(rate(wish, relayed[i].path));
}

/// The nearest gateway of either side by what is known without measuring; the others of the near regions after it.
void RouteChooser::collect_static(const RouteWish& wish, std::vector<RatedPath>& all) const {
  all.clear();
  NearList near_a, near_b;
  const size_t count_a = nearest(wish, wish.a, wish.b, true, near_a);
  const size_t count_b = nearest(wish, wish.b, wish.a, false, near_b);
  for (size_t i = 0; i < count_a; ++i)
    for (size_t k = 0; k < count_b; ++k) {
      const RegionId a = near_a[i].region, b = near_b[k].region;
      RatedPath rated = rate(wish, a == b && regions_[a].takes_both ? path_of({a}) : path_of({a, b}));
      rated.points = -near_a[i].cost_ms - near_b[k].cost_ms;
      all.push_back(rated);
    }
}

std::vector<RatedPath> RouteChooser::candidates(const RouteWish& wish) {
  look(wish, false);
  std::vector<RatedPath> all;
  collect(wish, all);
  sort(all, all.size());
  return all;
}

}  // namespace nearend::policy
