#include "policy_world/diary.hpp"

#include <algorithm>

namespace nearend::policy_world {

Diary::Diary(const World& world, std::vector<int> moments)
    : day(slots), fates(world.demand.calls.size()), world_(world), moments_(std::move(moments)) {
  for (size_t area = 0; area < world.weather.areas().size(); ++area)
    is_of_people_.push_back(nearest_region(world.geography, world.weather, static_cast<int>(area)) ==
                            world.weather.out_region());
}

Diary::Slot& Diary::slot_of(int second) {
  return day[static_cast<size_t>(std::min(slots - 1, second * slots / world_.plan.seconds))];
}

void Diary::began(const Live& call, const policy::RouteAnswer* answer) {
  fates[call.id].route = call.route;
  if (answer) decisions.push_back({call.id, call.call->at_s, {}, call.route, answer->estimate, answer->reason});
}

void Diary::moved(const Live& call, int second, const Route& before, const policy::RouteAnswer* answer) {
  ++slot_of(second).moves;
  if (answer) decisions.push_back({call.id, second + 1.0, before, call.route, answer->estimate, answer->reason});
}

void Diary::ended(const Live& call) {
  Fate& fate = fates[call.id];
  fate.score = call.mean_score();
  fate.m2e_ms = call.mean_m2e_ms();
  fate.has_ended = call.heard_s > 0;
}

void Diary::passed(int second, const std::vector<Live>& calls) {
  Slot& slot = slot_of(second);
  slot.call_s += static_cast<double>(calls.size());
  for (const Live& each : calls) {
    slot.bad_s += rtp::opinion_score(each.now.rating) < bad_score;
    slot.m2e_ms += each.now.m2e_ms;
  }
  const auto& gateways = world_.fleet.gateways;
  for (size_t id = 0; id < gateways.size(); ++id)
    if (!world_.is_out(static_cast<int>(id), second))
      slot.hottest = std::max(slot.hottest, gateways[id].used / gateways[id].capacity);
  if (std::ranges::find(moments_, second) != moments_.end()) snapshots.push_back(snapshot(second, calls));
}

Diary::Snapshot Diary::snapshot(int second, const std::vector<Live>& calls) const {
  Snapshot now{.second = second, .hops = {}, .access = {}, .load = {}};
  const auto& gateways = world_.fleet.gateways;
  const auto& areas = world_.weather.areas();
  for (const Live& each : calls) {
    const bool a = is_of_people_[each.call->a], b = is_of_people_[each.call->b];
    if (a) ++now.access[{areas[each.call->a].region, gateways[each.route.front()].region}];
    if (b) ++now.access[{areas[each.call->b].region, gateways[each.route.back()].region}];
    for (size_t i = 1; i < each.route.size(); ++i) {
      const int from = gateways[each.route[i - 1]].region, to = gateways[each.route[i]].region;
      if (from == to) continue;
      auto& flow = now.hops[{std::min(from, to), std::max(from, to)}];
      ++(a || b ? flow.people : flow.others);
    }
  }
  now.load.assign(world_.geography.regions.size(), 0);
  for (const auto& gateway : gateways)
    now.load[gateway.region] = std::max(now.load[gateway.region], gateway.used / gateway.capacity);
  return now;
}

}  // namespace nearend::policy_world
