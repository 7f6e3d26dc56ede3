#include "policy_world/demand.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace nearend::policy_world {
namespace {

constexpr double same_region_share = 0.45, near_share = 0.25;
constexpr double near_ms = 60;  // one way
constexpr double crowd_factor = 4;
constexpr int crowd_s = 180;
constexpr size_t hot_regions = 4;

/// An index with the probability of its weight.
size_t drawn(const std::vector<double>& weights, sim::Random& random) {
  double at = random.unit() * std::accumulate(weights.begin(), weights.end(), 0.0);
  for (size_t i = 0; i < weights.size(); ++i)
    if ((at -= weights[i]) < 0) return i;
  return weights.size() - 1;
}

}  // namespace

int nearest_region(const Geography& geography, const Weather& weather, int area) {
  return *std::ranges::min_element(geography.served, {},
                                   [&](int region) { return weather.base_access_ms(area, region); });
}

Demand::Demand(const Geography& geography, const Weather& weather, const WorldPlan& plan) {
  sim::Random random(plan.seed * 40503 + 7);
  crowd_region = geography.served[random.below(geography.served.size())];
  crowd_from = static_cast<int>(plan.seconds * (0.15 + 0.6 * random.unit()));
  crowd_until = crowd_from + crowd_s;
  make_calls(geography, weather, plan, random);
  give_capacity(geography, weather, plan, random);
}

void Demand::make_calls(const Geography& geography, const Weather& weather, const WorldPlan& plan,
                        sim::Random& random) {
  const auto& areas = weather.areas();
  std::vector<std::vector<double>> callees(areas.size(), std::vector<double>(areas.size()));
  for (size_t a = 0; a < areas.size(); ++a) {
    double same = 0, near = 0, all = 0;
    for (const Area& b : areas) {
      same += b.region == areas[a].region ? b.weight : 0;
      near += geography.one_way_ms(areas[a].region, b.region) < near_ms ? b.weight : 0;
      all += b.weight;
    }
    for (size_t b = 0; b < areas.size(); ++b) {
      const double weight = areas[b].weight;
      callees[a][b] =
          (areas[a].region == areas[b].region ? same_region_share * weight / same : 0) +
          (geography.one_way_ms(areas[a].region, areas[b].region) < near_ms ? near_share * weight / near : 0) +
          (1 - same_region_share - near_share) * weight / all;
    }
  }
  std::vector<double> weights(areas.size());
  const double total =
      std::accumulate(areas.begin(), areas.end(), 0.0, [](double sum, const Area& a) { return sum + a.weight; });
  for (int second = 0; second < plan.seconds; ++second) {
    double busy = 0;
    for (size_t a = 0; a < areas.size(); ++a) {
      const bool is_crowd = areas[a].region == crowd_region && second >= crowd_from && second < crowd_until;
      const double share = static_cast<double>(second) / plan.seconds;
      weights[a] = areas[a].weight * busyness(geography.regions[areas[a].region].longitude, share) *
                   (is_crowd ? crowd_factor : 1);
      busy += weights[a];
    }
    const double rate = plan.calls_per_second * busy / total;
    for (double at = -std::log(1 - random.unit()) / rate; at < 1; at -= std::log(1 - random.unit()) / rate) {
      const size_t a = drawn(weights, random), b = drawn(callees[a], random);
      const double length = std::max(5.0, -plan.mean_call_s * std::log(1 - random.unit()));
      calls.push_back({second + at, length, static_cast<int>(a), static_cast<int>(b)});
    }
  }
}

void Demand::give_capacity(const Geography& geography, const Weather& weather, const WorldPlan& plan,
                           sim::Random& random) {
  // What the nearest gateways would hold in a usual day, without the crowd.
  const auto count = geography.regions.size();
  std::vector<std::vector<int>> change(count, std::vector<int>(static_cast<size_t>(plan.seconds) + 1));
  std::vector<int> nearest(weather.areas().size());
  for (size_t a = 0; a < nearest.size(); ++a) nearest[a] = nearest_region(geography, weather, static_cast<int>(a));
  const auto hold = [&](int region, const PlannedCall& call) {
    ++change[region][static_cast<size_t>(call.at_s)];
    --change[region][static_cast<size_t>(std::min<double>(call.at_s + call.length_s, plan.seconds))];
  };
  for (const PlannedCall& call : calls) {
    if (call.at_s >= crowd_from && call.at_s < crowd_until && weather.areas()[call.a].region == crowd_region) continue;
    hold(nearest[call.a], call);
    if (nearest[call.b] != nearest[call.a]) hold(nearest[call.b], call);
  }
  std::vector<bool> is_hot(count);
  for (size_t i = 0; i < hot_regions; ++i) is_hot[geography.served[random.below(geography.served.size())]] = true;
  capacity.assign(count, 0);
  for (const int region : geography.served) {
    int held = 0, most = 0;
    for (const int step : change[region]) most = std::max(most, held += step);
    const double factor = is_hot[region] ? 0.7 + 0.2 * random.unit() : 1.3 + 0.4 * random.unit();
    capacity[region] = std::max(8.0, std::ceil(most * factor / plan.gateways_per_region / plan.load));
  }
}

}  // namespace nearend::policy_world
