#pragma once

#include <vector>

#include "policy_world/weather.hpp"

namespace nearend::policy_world {

struct PlannedCall {
  double at_s = 0, length_s = 0;
  int a = 0, b = 0;  // areas
};

/// Who calls whom when, with an evening peak in each region and a flash crowd in one; and what the gateways can take:
/// in most regions more than their own people need, in hot ones less. The same for every policy.
struct Demand {
  std::vector<PlannedCall> calls;
  std::vector<double> capacity;  // of each gateway of a region, by region
  int crowd_region = 0, crowd_from = 0, crowd_until = 0;

  Demand(const Geography& geography, const Weather& weather, const WorldPlan& plan);

 private:
  void make_calls(const Geography& geography, const Weather& weather, const WorldPlan& plan, sim::Random& random);
  void give_capacity(const Geography& geography, const Weather& weather, const WorldPlan& plan, sim::Random& random);
};

int nearest_region(const Geography& geography, const Weather& weather, int area);

}  // namespace nearend::policy_world
