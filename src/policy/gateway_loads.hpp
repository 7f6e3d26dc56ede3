#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "policy/path_model.hpp"

namespace nearend::policy {

/// What a gateway says of its load, in units: an audio call is one.
struct LoadReport {
  double used = 0;  ///< With what it has promised.
  double capacity = 1;
  bool is_draining = false;
  uint64_t seq = 0;  ///< Of the report that told it; 0: not counted.
};

struct LoadRules {
  double penalty_from = 0.75;      ///< Share above which a gateway costs points.
  double exclude_from = 0.95;      ///< Share above which it gets nothing while others can.
  int64_t silent_after_ms = 5000;  ///< A gateway that reported and then says nothing this long counts as gone.
  int64_t lifetime_ms = 10'000;    ///< How long a report counts.
  double used_most = 2;            ///< Of its capacity: more is not believed.
};

/// The load of every gateway: what it reported, and what was given to it since then, which it cannot have reported yet.
/// The gateways are the authority: they refuse above their own limit, so this may be wrong without harm. Owner's
/// thread.
class GatewayLoads {
 public:
  GatewayLoads(const Places& places, LoadRules rules);

  /// `at_ms`: when the gateway counted; `now_ms`: when it was heard. What comes by way of another instance counts as
  /// heard at `at_ms`. The highest sequence stays, whoever told it and in whatever order; false: a newer one is known.
  bool report(GatewayId gateway, const LoadReport& load, int64_t at_ms, int64_t now_ms, SourceId source = own_source);
  /// Policy servers that give calls to the same gateways, with this one: of what is far from here and nearly full, this
  /// one gives away its part alone.
  void set_instances(double instances) { instances_ = instances; }
  void reserve(GatewayId gateway, double units, int64_t now_ms);

  /// 0 to 1 and above, as it is probably now.
  double share(GatewayId gateway, int64_t now_ms) const;
  /// False for those that drain or have fallen silent.
  bool is_open(GatewayId gateway, int64_t now_ms) const;
  /// Open, and not full unless that is allowed; as of the last tenth of a second.
  bool takes_calls(GatewayId gateway, bool may_be_full, int64_t now_ms) const;
  /// All gateways of a region together, those that are open; 1 when none is.
  double region_share(RegionId region, int64_t now_ms) const;
  /// Points of rating that a region's or gateway's load costs.
  double penalty(double share) const;
  bool is_full(double share) const { return share >= rules_.exclude_from; }
  bool has_reported(GatewayId gateway) const { return loads_[gateway].heard_ms >= 0; }
  int64_t heard_ms(GatewayId gateway) const { return loads_[gateway].heard_ms; }
  /// Its last report was heard here, not by way of another instance.
  bool is_own(GatewayId gateway) const { return has_reported(gateway) && loads_[gateway].source == own_source; }
  SourceId source(GatewayId gateway) const { return loads_[gateway].source; }
  const LoadReport& last_report(GatewayId gateway) const { return loads_[gateway].report; }
  int64_t counted_ms(GatewayId gateway) const { return loads_[gateway].at_ms; }
  double capacity(GatewayId gateway) const { return loads_[gateway].report.capacity; }

 private:
  static constexpr int slots = 16;  // of a second each
  struct Load {
    LoadReport report;
    int64_t at_ms = -1, heard_ms = -1;
    SourceId source = own_source;
    std::array<float, slots> reserved{};
    std::array<int64_t, slots> second{};
    mutable int64_t known_tick = -1;  // when it was counted together last
    mutable double known_used = 0;
  };
  /// Of all gateways beside each other: a decision looks at each.
  struct Standing {
    int64_t tick = -1;  // when it was looked at last
    bool is_open = false, is_full = false;
  };
  struct RegionLoad {
    int64_t tick = -1;  // when it was counted together last
    double share = 0;
  };
  void note_change(GatewayId gateway);
  double count_region_share(RegionId region, int64_t now_ms) const;
  double reserved(const Load& load, int64_t now_ms) const;
  double used(const Load& load, int64_t now_ms) const;
  double count_used(const Load& load, int64_t now_ms) const;

  const Places& places_;
  LoadRules rules_;
  std::vector<Load> loads_;
  mutable std::vector<Standing> standings_;
  mutable std::vector<RegionLoad> regions_;
  double instances_ = 1;
  std::vector<int64_t> newest_heard_ms_;  // by source: if all its gateways are silent, it is we or it that is cut off
};

}  // namespace nearend::policy
