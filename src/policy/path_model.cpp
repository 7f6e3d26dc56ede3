#include "policy/path_model.hpp"

#include <algorithm>
#include <cmath>

namespace nearend::policy {
namespace {

constexpr double added_fade_ms = 300'000;
constexpr double prior_loss = 0.001, prior_access_loss = 0.002;
constexpr double prior_jitter_ms = 2, prior_access_jitter_ms = 5;

}  // namespace

PathModel::PathModel(const Places& places) : places_(places), pairs_(places.regions() * places.regions()) {}

void PathModel::take(RegionId a, RegionId b, const Measurement& measured, int64_t at_ms) {
  pairs_[pair(a, b)].take(measured, at_ms);
}

void PathModel::take(AreaId area, RegionId region, const Measurement& measured, int64_t at_ms) {
  if (area >= areas_.size()) areas_.resize(area + 1);
  AreaPaths& paths = areas_[area];
  if (paths.segments.empty()) paths.segments.resize(places_.regions());
  Segment& segment = paths.segments[region];
  segment.take(measured, at_ms);
  if (measured.rtt_ms <= 0) return;
  const double age = static_cast<double>(std::max<int64_t>(at_ms - paths.at_ms, 0));
  paths.weight = static_cast<float>(paths.weight * std::exp(-age / added_fade_ms) + 1);
  paths.at_ms = std::max(paths.at_ms, at_ms);
  const double added = measured.rtt_ms / 2 - places_.prior_ms(area, region);
  paths.added_ms += static_cast<float>((added - paths.added_ms) / paths.weight);
}

Estimate PathModel::between(RegionId a, RegionId b, int64_t now_ms) const {
  const Estimate prior{places_.prior_ms(a, b), a == b ? 0 : prior_jitter_ms, a == b ? 0 : prior_loss, 0};
  return pairs_[pair(a, b)].estimate(prior, now_ms);
}

Estimate PathModel::access(AreaId area, RegionId region, int64_t now_ms) const {
  Estimate prior{places_.prior_ms(area, region), prior_access_jitter_ms, prior_access_loss, 0};
  if (area >= areas_.size() || areas_[area].segments.empty()) return prior;
  const AreaPaths& paths = areas_[area];
  prior.delay_ms = std::max(0.5, prior.delay_ms + paths.added_ms);
  return paths.segments[region].estimate(prior, now_ms);
}

const Segment& PathModel::segment(RegionId a, RegionId b) const {
  return pairs_[pair(a, b)];
}

const Segment* PathModel::segment(AreaId area, RegionId region) const {
  if (area >= areas_.size() || areas_[area].segments.empty()) return nullptr;
  const Segment& segment = areas_[area].segments[region];
  return segment.reports() == 0 ? nullptr : &segment;
}

}  // namespace nearend::policy
