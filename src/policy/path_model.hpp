#pragma once

#include <string>
#include <vector>

#include "policy/places.hpp"
#include "policy/segment.hpp"

namespace nearend::policy {

/// Who measured: 0 is this policy server with the gateways that report to it, the others are instances like it.
using SourceId = uint16_t;
inline constexpr SourceId own_source = 0;

/// A segment by its ends: two regions, or an area and a region.
struct SegmentKey {
  AreaId area = no_area;
  RegionId a = no_region;  ///< If there is no area.
  RegionId b = no_region;
};

/// What is believed of every segment. Soft state, built from reports alone: two reports after a start it is there
/// again, and before that the priors of the topology stand. What several instances measured of the same segment is
/// kept apart by source and counts together, so that it does not matter in which order it is heard, nor how often.
/// Owner's thread.
class PathModel {
 public:
  explicit PathModel(const Places& places);

  void take(RegionId a, RegionId b, const Measurement& measured, int64_t at_ms);
  void take(AreaId area, RegionId region, const Measurement& measured, int64_t at_ms);
  /// What `source` knows of a segment as of its summary `seq`; false when a newer one of it is known.
  bool take(const SegmentKey& key, SourceId source, uint64_t seq, const Segment& segment);
  /// `names` gives the order in which sources are added up, the same everywhere.
  void set_sources(std::vector<std::string> names) { source_names_ = std::move(names); }
  void forget(SourceId source);
  void forget_area(AreaId area);

  Estimate between(RegionId a, RegionId b, int64_t now_ms) const;
  Estimate access(AreaId area, RegionId region, int64_t now_ms) const;

  const Segment& segment(RegionId a, RegionId b) const;
  bool is_measured(AreaId area, RegionId region) const;
  /// With no reports when none was ever measured there.
  Segment segment(AreaId area, RegionId region) const;
  /// What was measured by those who report here, for other instances: each segment of at least `since_ms`.
  template <class Tell>
  void for_own(int64_t since_ms, Tell tell) const;

 private:
  /// One source's word on a segment.
  struct Part {
    RegionId region = no_region;
    SourceId source = own_source;
    uint64_t seq = 0;
    Segment segment;
  };
  /// What the last mile adds to the prior is seen on every way from an area, so the ways not yet measured get it too.
  /// Of a part of an area: what it adds to that area's ways.
  struct AreaPaths {
    std::vector<Part> parts;  // by region and source; only what was measured: few of an area's ways are
    float added_ms = 0;
  };
  size_t pair(RegionId a, RegionId b) const { return (a < b ? a : b) * places_.regions() + (a < b ? b : a); }
  static Part& part_of(std::vector<Part>& parts, RegionId region, SourceId source);
  static std::span<const Part> parts_of(const std::vector<Part>& parts, RegionId region);
  Segment combined(std::span<const Part> parts) const;
  AreaPaths& paths_of(AreaId area);
  void find_added(AreaId area);
  void find_own_added(AreaId area);
  double usual_ms(AreaId area, RegionId region) const;

  const Places& places_;
  /// A decision asks for half of all pairs, and nothing fades much in a tenth of a second.
  struct KnownPair {
    int64_t tick = -1;
    Estimate estimate;
  };
  Segment& changed(RegionId a, RegionId b);

  std::vector<Segment> pairs_;  // of all sources together
  mutable std::vector<KnownPair> known_pairs_;
  std::vector<std::vector<Part>> pair_parts_;  // empty while there is only our own
  std::vector<AreaPaths> areas_;
  std::vector<std::string> source_names_;
};

template <class Tell>
void PathModel::for_own(int64_t since_ms, Tell tell) const {
  const auto count = static_cast<RegionId>(places_.regions());
  for (RegionId a = 0; a < count; ++a)
    for (RegionId b = a; b < count; ++b) {
      const std::vector<Part>& parts = pair_parts_[pair(a, b)];
      const Segment& own = parts.empty() ? pairs_[pair(a, b)] : parts.front().segment;
      if (own.reports() > 0 && own.at_ms() >= since_ms) tell(SegmentKey{no_area, a, b}, own);
    }
  for (AreaId area = 0; area < areas_.size(); ++area)
    for (const Part& part : areas_[area].parts)
      if (part.source == own_source && part.segment.at_ms() >= since_ms)
        tell(SegmentKey{area, no_region, part.region}, part.segment);
}

}  // namespace nearend::policy
