#pragma once

#include <cstdint>
#include <vector>

#include "policy/segment.hpp"
#include "policy_world/geography.hpp"
#include "sim/random.hpp"

namespace nearend::policy_world {

struct WorldPlan {
  uint64_t seed = 1;
  int seconds = 3600;  ///< A day of 24 h passes in it.
  double calls_per_second = 12;
  double mean_call_s = 120;
  int gateways_per_region = 2;
  double episodes = 1;  ///< How often ways are disturbed, against the usual.
  double load = 1;      ///< How much is asked of the gateways, against the usual.
};

/// An access area: people of a region who come by the same kind of network.
struct Area {
  int region = 0;
  double access_ms = 0;  // one way, what its last mile adds
  double weight = 1;
};

/// What the ways are really like, each second: base delays that differ from the table's, and episodes of congestion and
/// loss on ways between an area and a region, between two regions, and around a region. The same for every policy.
class Weather {
 public:
  Weather(const Geography& geography, const WorldPlan& plan);

  const std::vector<Area>& areas() const { return areas_; }
  /// Indices of regions are those of the geography; ways exist to served regions only.
  const policy::Estimate& access(int area, int region, int second) const;
  const policy::Estimate& between(int a, int b, int second) const;
  double base_access_ms(int area, int region) const { return base_access_[area][region]; }
  double base_between_ms(int a, int b) const { return base_between_[a][b]; }
  /// The regional outage: its gateways are gone.
  bool is_out(int region, int second) const {
    return region == out_region_ && second >= out_from_ && second < out_until_;
  }
  int out_region() const { return out_region_; }
  int out_from() const { return out_from_; }
  int out_until() const { return out_until_; }

  /// Congestion of everything that goes in or out of a region.
  struct Congestion {
    int region = 0, from = 0, until = 0;
  };
  const std::vector<Congestion>& congestions() const { return congestions_; }

 private:
  struct Episode {
    int from = 0, until = 0;
    policy::Estimate added;
  };
  using Way = std::vector<policy::Estimate>;  // by second
  double evening(int region, int second) const;
  std::vector<Episode> episodes(double share, double longitude, double severity);
  static void add(Way& way, const std::vector<Episode>& episodes);

  const Geography& geography_;
  WorldPlan plan_;
  sim::Random random_;
  std::vector<Area> areas_;
  std::vector<std::vector<double>> base_access_, base_between_;
  std::vector<std::vector<Way>> access_, between_;
  std::vector<Congestion> congestions_;
  int out_region_ = -1, out_from_ = 0, out_until_ = 0;
};

/// How busy people are, 0.4 to 1.6 over their day; most at 20 h.
double busyness(double longitude, double share_of_day);

}  // namespace nearend::policy_world
