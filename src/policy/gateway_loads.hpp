#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "policy/places.hpp"

namespace nearend::policy {

/// What a gateway says of its load, in units: an audio call is one.
struct LoadReport {
  double used = 0;  ///< With what it has promised.
  double capacity = 1;
  bool is_draining = false;
};

struct LoadRules {
  double penalty_from = 0.75;      ///< Share above which a gateway costs points.
  double exclude_from = 0.95;      ///< Share above which it gets nothing while others can.
  int64_t silent_after_ms = 5000;  ///< A gateway that reported and then says nothing this long counts as gone.
  int64_t lifetime_ms = 10'000;    ///< How long a report counts.
  double instances = 1;            ///< Policy servers that give calls to the same gateways.
};

/// The load of every gateway: what it reported, and what was given to it since then, which it cannot have reported yet.
/// The gateways are the authority: they refuse above their own limit, so this may be wrong without harm. Owner's
/// thread.
class GatewayLoads {
 public:
  GatewayLoads(const Places& places, LoadRules rules);

  /// `at_ms`: when the gateway counted; `now_ms`: when it was heard.
  void report(GatewayId gateway, const LoadReport& load, int64_t at_ms, int64_t now_ms);
  void reserve(GatewayId gateway, double units, int64_t now_ms);

  /// 0 to 1 and above, as it is probably now.
  double share(GatewayId gateway, int64_t now_ms) const;
  /// False for those that drain or have fallen silent.
  bool is_open(GatewayId gateway, int64_t now_ms) const;
  /// All gateways of a region together, those that are open; 1 when none is.
  double region_share(RegionId region, int64_t now_ms) const;
  /// Points of rating that a region's or gateway's load costs.
  double penalty(double share) const;
  bool is_full(double share) const { return share >= rules_.exclude_from; }
  bool has_reported(GatewayId gateway) const { return loads_[gateway].heard_ms >= 0; }
  int64_t heard_ms(GatewayId gateway) const { return loads_[gateway].heard_ms; }
  double capacity(GatewayId gateway) const { return loads_[gateway].report.capacity; }

 private:
  static constexpr int slots = 16;  // of a second each
  struct Load {
    LoadReport report;
    int64_t at_ms = -1, heard_ms = -1;
    std::array<float, slots> reserved{};
    std::array<int64_t, slots> second{};
    mutable int64_t known_tick = -1;  // when it was counted together last
    mutable double known_used = 0;
  };
  double reserved(const Load& load, int64_t now_ms) const;
  double used(const Load& load, int64_t now_ms) const;
  double count_used(const Load& load, int64_t now_ms) const;

  const Places& places_;
  LoadRules rules_;
  std::vector<Load> loads_;
  int64_t newest_heard_ms_ = -1;  // of any gateway: if all are silent, it is us who are cut off
};

}  // namespace nearend::policy
