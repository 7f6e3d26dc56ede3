#include <algorithm>

#include "policy_world/guide.hpp"

namespace nearend::policy_world {

World::World(const WorldPlan& the_plan)
    : geography(Geography::carried()), plan(the_plan), weather(geography, plan), demand(geography, weather, plan) {
  fleet.in_region.resize(geography.regions.size());
  for (const int region : geography.served)
    for (int i = 0; i < plan.gateways_per_region; ++i) {
      fleet.in_region[region].push_back(static_cast<int>(fleet.gateways.size()));
      fleet.gateways.push_back(
          {geography.regions[region].name + "-gw" + std::to_string(i + 1), region, demand.capacity[region]});
    }
  for (const int region : geography.served)
    if (const auto& name = geography.regions[region].name; name == "us1" || name == "gb1") {
      fleet.homes.push_back(static_cast<int>(fleet.gateways.size()));
      fleet.gateways.push_back({name + "-home", region, 1e9});
    }
}

double overload_loss(const Fleet::Gateway& gateway) {
  const double over = gateway.used / gateway.capacity - 1;
  return over > 0 ? std::min(0.3, 0.02 + over * 0.5) : 0;
}

policy::Estimate World::heard(const PlannedCall& call, const Route& route, int second, bool with_load) const {
  const auto region = [&](size_t i) { return fleet.gateways[route[i]].region; };
  policy::Estimate sum =
      weather.access(call.a, region(0), second) + weather.access(call.b, region(route.size() - 1), second);
  for (size_t i = 1; i < route.size(); ++i) sum = sum + weather.between(region(i - 1), region(i), second);
  for (const int gateway : route) {
    if (weather.is_out(fleet.gateways[gateway].region, second)) sum.loss = 1;
    if (with_load) sum.loss = 1 - (1 - sum.loss) * (1 - overload_loss(fleet.gateways[gateway]));
  }
  return sum;
}

double World::base_ms(const PlannedCall& call, const std::vector<int>& regions) const {
  double sum = weather.base_access_ms(call.a, regions.front()) + weather.base_access_ms(call.b, regions.back());
  for (size_t i = 1; i < regions.size(); ++i)
    sum += regions[i - 1] == regions[i] ? 0.5 : weather.base_between_ms(regions[i - 1], regions[i]);
  return sum;
}

std::vector<int> World::nearest(int area, size_t count) const {
  std::vector<int> regions = geography.served;
  std::ranges::sort(regions, {}, [&](int region) { return weather.base_access_ms(area, region); });
  regions.resize(std::min(count, regions.size()));
  return regions;
}

}  // namespace nearend::policy_world
