#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "policy/gateway_loads.hpp"
#include "policy/path_model.hpp"
#include "policy/score.hpp"

namespace nearend::policy {

/// One side of a call: where it is, and what is already decided about it.
struct End {
  AreaId area = no_area;
  RegionId region = no_region;     ///< Its gateway must be in this region, or
  GatewayId gateway = no_gateway;  ///< be this one.
};

struct RouteWish {
  std::string_view call;  ///< Its id: the same call with the same state gets the same answer.
  MediaKind media = MediaKind::audio;
  rtp::Impairment codec = rtp::g711_concealed;
  Mode mode = Mode::quality;
  End a, b;
  std::string_view number;                          ///< Of side b, if it is called by number: its gateway must take it.
  const std::vector<std::string>* needs = nullptr;  ///< Media resources: a region on the way must have each.
  const std::vector<std::string>* residency = nullptr;  ///< Zone paths that media must not leave; empty: anywhere.
  std::vector<GatewayId> exclude;
  bool may_relay = true;
  int64_t now_ms = 0;
  /// Points that side b loses at a gateway by its providers, by gateway; null or empty: nothing is known of any.
  const std::vector<float>* lost = nullptr;
  double lost_at(GatewayId gateway) const { return lost && gateway < lost->size() ? (*lost)[gateway] : 0; }
};

/// The regions that media passes, from a to b.
struct RegionPath {
  std::array<RegionId, 3> regions{no_region, no_region, no_region};
  uint8_t count = 0;
  auto operator<=>(const RegionPath&) const = default;
};

struct RatedPath {
  RegionPath path;
  Estimate estimate;
  Worth worth;
  double points = 0;  ///< Worth, less load and hops.
};

struct PlannedRoute {
  RatedPath rated;
  std::vector<GatewayId> gateways;  ///< One a region of the path.
};

struct Decision {
  std::vector<PlannedRoute> routes;  ///< Best first, at most 3; empty: there is none.
  enum class Why : uint8_t { best, stayed, explored, all_full, nothing } why = Why::nothing;
  size_t considered = 0;
};

/// Chooses routes: few candidates of near regions, rated by what is believed of their segments; the last route of the
/// same pair of areas stays unless another is clearly better; within a region the emptier of two. Every choice is a
/// function of the reports and wishes so far. Owner's thread.
class RouteChooser {
 public:
  RouteChooser(const Places& places, const PathModel& paths, GatewayLoads& loads);

  /// Reserves what it gives.
  Decision choose(const RouteWish& wish);
  /// All candidates, best first, without choosing, for explanations.
  std::vector<RatedPath> candidates(const RouteWish& wish);
  /// The rating of a path as it is, for calls that run on it; after candidates() of the same wish.
  RatedPath rate(const RouteWish& wish, const RegionPath& path) const;
  /// The gateways that carry it: one a region. Empty when a region has none for this wish.
  std::vector<GatewayId> gateways_for(const RouteWish& wish, const RegionPath& path);
  void reserve(const RouteWish& wish, const std::vector<GatewayId>& gateways);

 private:
  struct Last {
    RegionPath path;
    int64_t at_ms = 0, since_ms = 0;
  };
  /// What a region can be for this wish.
  struct Region {
    bool is_usable = false;  // at all: open, not full, inside the residency
    bool takes_a = false, takes_b = false;
    bool takes_both = false;  // by one gateway
    bool has_two = false;     // one gateway for a and another for b
    double penalty = 0;
    double lost = 0, lost_both = 0;             // by the providers of its best gateway for b, and of its best for both
    mutable bool has_a = false, has_b = false;  // whether the ways from the sides' areas were looked up
    mutable Estimate way_a, way_b;
  };
  struct Near {
    RegionId region = no_region;
    double cost_ms = 0;
  };
  static constexpr double equal_providers = 3;  // points: gateways of a region so near share
  static constexpr size_t near_count = 4, relay_count = 4;
  using NearList = std::array<Near, near_count>;

  void look(const RouteWish& wish, bool may_be_full);
  bool is_eligible(const RouteWish& wish, GatewayId gateway, bool may_be_full) const;
  void look_at(const RouteWish& wish, RegionId region, bool may_be_full);
  Estimate access(const End& end, RegionId region, int64_t now_ms) const;
  const Estimate& way(const RouteWish& wish, RegionId region, bool is_a) const;
  size_t nearest(const RouteWish& wish, const End& end, const End& other, bool is_a, NearList& list) const;
  void collect(const RouteWish& wish, std::vector<RatedPath>& all) const;
  void collect_relays(const RouteWish& wish, std::vector<RatedPath>& all) const;
  void collect_static(const RouteWish& wish, std::vector<RatedPath>& all) const;
  /// The best `count` to the front.
  static void sort(std::vector<RatedPath>& all, size_t count);
  bool has_needs(const RouteWish& wish, const RegionPath& path) const;
  uint64_t pair_key(const RouteWish& wish) const;

  const Places& places_;
  const PathModel& paths_;
  GatewayLoads& loads_;
  Scale scale_;
  std::vector<Region> regions_;  // of the wish at hand
  size_t prefix_length_ = 0;     // the longest that a usable gateway has for its number
  bool is_full_allowed_ = false;
  std::vector<RatedPath> found_;  // kept for its memory
  std::unordered_map<uint64_t, Last> last_;
};

}  // namespace nearend::policy
