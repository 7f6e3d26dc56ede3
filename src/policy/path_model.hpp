#pragma once

#include <vector>

#include "policy/places.hpp"
#include "policy/segment.hpp"

namespace nearend::policy {

/// What is believed of every segment. Soft state, built from reports alone: two reports after a start it is there
/// again, and before that the priors of the topology stand. Owner's thread.
class PathModel {
 public:
  explicit PathModel(const Places& places);

  void take(RegionId a, RegionId b, const Measurement& measured, int64_t at_ms);
  void take(AreaId area, RegionId region, const Measurement& measured, int64_t at_ms);

  Estimate between(RegionId a, RegionId b, int64_t now_ms) const;
  Estimate access(AreaId area, RegionId region, int64_t now_ms) const;

  const Segment& segment(RegionId a, RegionId b) const;
  /// Nothing when none was ever measured there.
  const Segment* segment(AreaId area, RegionId region) const;

 private:
  /// What the last mile adds to the prior is seen on every way from an area, so the ways not yet measured get it too.
  struct AreaPaths {
    std::vector<Segment> segments;
    float added_ms = 0, weight = 0;
    int64_t at_ms = 0;
  };
  size_t pair(RegionId a, RegionId b) const { return (a < b ? a : b) * places_.regions() + (a < b ? b : a); }

  const Places& places_;
  std::vector<Segment> pairs_;
  std::vector<AreaPaths> areas_;
};

}  // namespace nearend::policy
