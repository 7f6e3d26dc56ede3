#pragma once

#include <string>
#include <vector>

namespace nearend::policy_world {

/// The world's table: where people are, where gateways are, and the round-trip times between (regions.csv).
struct Geography {
  struct Region {
    std::string name, city;
    double weight = 1, latitude = 0, longitude = 0;
    bool has_gateways = false;
    std::vector<double> rtt_ms;  // to each region, in the table's order
  };
  std::vector<Region> regions;
  std::vector<int> served;  // those with gateways

  /// The table that the program carries.
  static Geography carried();
  double one_way_ms(int a, int b) const { return a == b ? 0.5 : regions[a].rtt_ms[b] / 2; }
};

}  // namespace nearend::policy_world
