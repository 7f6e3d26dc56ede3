#include "policy/path_model.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace nearend::policy {
namespace {

constexpr size_t sources_max = 64;
constexpr double prior_loss = 0.001, prior_access_loss = 0.002;
constexpr double prior_jitter_ms = 2, prior_access_jitter_ms = 5;

}  // namespace

PathModel::PathModel(const Places& places)
    : places_(places),
      pairs_(places.regions() * places.regions()),
      known_pairs_(pairs_.size()),
      pair_parts_(places.regions() * places.regions()),
      source_names_{""} {}

PathModel::Part& PathModel::part_of(std::vector<Part>& parts, RegionId region, SourceId source) {
  const auto key = [](const Part& part) { return std::pair(part.region, part.source); };
  const auto place = std::ranges::lower_bound(parts, std::pair(region, source), {}, key);
  if (place != parts.end() && key(*place) == std::pair(region, source)) return *place;
  return *parts.insert(place, {.region = region, .source = source, .seq = 0, .segment = {}});
}

std::span<const PathModel::Part> PathModel::parts_of(const std::vector<Part>& parts, RegionId region) {
  const auto from = std::ranges::lower_bound(parts, region, {}, &Part::region);
  auto to = from;
  while (to != parts.end() && to->region == region) ++to;
  return {from, to};
}

/// Added up in the order of the sources' names, so that not even rounding depends on who was heard first.
Segment PathModel::combined(std::span<const Part> parts) const {
  if (parts.size() == 1) return parts.front().segment;
  std::array<const Part*, sources_max> order{};
  const size_t count = std::min(parts.size(), order.size());
  for (size_t i = 0; i < count; ++i) order[i] = &parts[i];
  std::sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count),
            [&](const Part* a, const Part* b) { return source_names_[a->source] < source_names_[b->source]; });
  std::array<const Segment*, sources_max> segments{};
  for (size_t i = 0; i < count; ++i) segments[i] = &order[i]->segment;
  return Segment::combined({segments.data(), count});
}

PathModel::AreaPaths& PathModel::paths_of(AreaId area) {
  if (area >= areas_.size()) areas_.resize(area + 1);
  return areas_[area];
}

/// What an area's parts add is on top of what it adds itself.
void PathModel::find_added(AreaId area) {
  find_own_added(area);
  AreaId root = area;
  while (places_.whole_of(root) != no_area) root = places_.whole_of(root);
  const std::span<const AreaId> parts = places_.parts_of(root);  // the narrowest first
  for (size_t i = parts.size(); i-- > 0;)
    if (parts[i] < areas_.size()) find_own_added(parts[i]);
}

/// A function of what is known of the ways alone, so that the order in which it was heard does not matter.
void PathModel::find_own_added(AreaId area) {
  AreaPaths& paths = areas_[area];
  int64_t newest_ms = 0;
  for (const Part& part : paths.parts) newest_ms = std::max(newest_ms, part.segment.at_ms());
  double sum = 0, weights = 0;
  const AreaId whole = places_.whole_of(area);
  for (size_t i = 0; i < paths.parts.size();) {
    const RegionId region = paths.parts[i].region;
    const std::span<const Part> way = parts_of(paths.parts, region);
    i += way.size();
    const Segment known = combined(way);
    const double weight = known.usual_weight(newest_ms);
    sum += weight * (known.usual_ms() - (whole == no_area ? places_.prior_ms(area, region) : usual_ms(whole, region)));
    weights += weight;
  }
  paths.added_ms = static_cast<float>(weights > 0 ? sum / weights : 0);
}

/// As it was over minutes, where it was measured; else by what the area adds.
double PathModel::usual_ms(AreaId area, RegionId region) const {
  if (area >= areas_.size()) return places_.prior_ms(area, region);
  const std::span<const Part> way = parts_of(areas_[area].parts, region);
  if (const Segment known = way.empty() ? Segment{} : combined(way); known.usual_ms() > 0) return known.usual_ms();
  const AreaId whole = places_.whole_of(area);
  return areas_[area].added_ms + (whole == no_area ? places_.prior_ms(area, region) : usual_ms(whole, region));
}

void PathModel::take(RegionId a, RegionId b, const Measurement& measured, int64_t at_ms) {
  std::vector<Part>& parts = pair_parts_[pair(a, b)];
  if (parts.empty()) return changed(a, b).take(measured, at_ms);
  part_of(parts, no_region, own_source).segment.take(measured, at_ms);
  changed(a, b) = combined(parts);
}

Segment& PathModel::changed(RegionId a, RegionId b) {
  known_pairs_[pair(a, b)].tick = -1;
  return pairs_[pair(a, b)];
}

void PathModel::take(AreaId area, RegionId region, const Measurement& measured, int64_t at_ms) {
  part_of(paths_of(area).parts, region, own_source).segment.take(measured, at_ms);
  if (measured.rtt_ms > 0) find_added(area);
}

bool PathModel::take(const SegmentKey& key, SourceId source, uint64_t seq, const Segment& segment) {
  const bool is_pair = key.area == no_area;
  std::vector<Part>& parts = is_pair ? pair_parts_[pair(key.a, key.b)] : paths_of(key.area).parts;
  // What was ours alone so far becomes a part beside the others'.
  if (is_pair && parts.empty()) part_of(parts, no_region, own_source).segment = pairs_[pair(key.a, key.b)];
  Part& part = part_of(parts, is_pair ? no_region : key.b, source);
  if (part.seq >= seq) return false;
  part.seq = seq;
  part.segment = segment;
  if (is_pair)
    changed(key.a, key.b) = combined(parts);
  else
    find_added(key.area);
  return true;
}

void PathModel::forget(SourceId source) {
  const auto is_its = [source](const Part& part) { return part.source == source; };
  for (size_t i = 0; i < pairs_.size(); ++i) {
    if (std::erase_if(pair_parts_[i], is_its) == 0) continue;
    pairs_[i] = combined(pair_parts_[i]);
    known_pairs_[i].tick = -1;
  }
  for (AreaId area = 0; area < areas_.size(); ++area)
    if (std::erase_if(areas_[area].parts, is_its) > 0) find_added(area);
}

void PathModel::forget_area(AreaId area) {
  if (area < areas_.size()) areas_[area] = {};
}

Estimate PathModel::between(RegionId a, RegionId b, int64_t now_ms) const {
  constexpr int64_t tick_ms = 100;
  KnownPair& known = known_pairs_[pair(a, b)];
  if (const int64_t tick = now_ms / tick_ms; known.tick != tick) {
    const Estimate prior{places_.prior_ms(a, b), a == b ? 0 : prior_jitter_ms, a == b ? 0 : prior_loss, 0};
    known = {tick, pairs_[pair(a, b)].estimate(prior, tick * tick_ms)};
  }
  return known.estimate;
}

Estimate PathModel::access(AreaId area, RegionId region, int64_t now_ms) const {
  // A part of an area is believed to be as that area until it is measured itself.
  const AreaId whole = places_.whole_of(area);
  Estimate prior = whole == no_area
                       ? Estimate{places_.prior_ms(area, region), prior_access_jitter_ms, prior_access_loss, 0}
                       : access(whole, region, now_ms);
  if (area >= areas_.size() || areas_[area].parts.empty()) return prior;
  const AreaPaths& paths = areas_[area];
  prior.delay_ms = std::max(0.5, prior.delay_ms + paths.added_ms);
  const std::span<const Part> parts = parts_of(paths.parts, region);
  if (parts.empty()) return prior;
  return parts.size() == 1 ? parts.front().segment.estimate(prior, now_ms) : combined(parts).estimate(prior, now_ms);
}

const Segment& PathModel::segment(RegionId a, RegionId b) const {
  return pairs_[pair(a, b)];
}

bool PathModel::is_measured(AreaId area, RegionId region) const {
  if (area < areas_.size() && !parts_of(areas_[area].parts, region).empty()) return true;
  const AreaId whole = places_.whole_of(area);
  return whole != no_area && is_measured(whole, region);
}

Segment PathModel::segment(AreaId area, RegionId region) const {
  const std::span<const Part> parts =
      area < areas_.size() ? parts_of(areas_[area].parts, region) : std::span<const Part>{};
  return parts.empty() ? Segment{} : combined(parts);
}

}  // namespace nearend::policy
