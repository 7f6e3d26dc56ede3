// Where calls were before, during and after the outage.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "lab/world_map.hpp"
#include "policy_world/report.hpp"

namespace nearend::policy_world {
namespace {

using lab::Point, lab::Svg;

constexpr size_t told_regions = 4;

Point spot(const World& world, int region) {
  const auto& place = world.geography.regions[region];
  return lab::on_map(place.latitude, place.longitude);
}

/// A class for a line as thick as so many calls want, of five.
int thickness(int calls) {
  return std::clamp(static_cast<int>(std::lround(std::log2(calls + 1) * 0.75)), 1, 5);
}

std::string_view colour_of(const World& world, const Diary::Snapshot& now, int region) {
  if (world.weather.is_out(region, now.second)) return "gw gw-out";
  return now.load[region] > 1 ? "gw gw-over" : now.load[region] > 0.8 ? "gw gw-full" : "gw gw-free";
}

/// Legs of the people concerned by the region of their gateway, the most first.
std::vector<std::pair<int, int>> takers(const Diary::Snapshot& now) {
  std::map<int, int> legs;
  for (const auto& [way, count] : now.access) legs[way.second] += count;
  std::vector<std::pair<int, int>> all(legs.begin(), legs.end());
  std::ranges::sort(all, {}, [](const auto& one) { return std::pair(-one.second, one.first); });
  if (all.size() > told_regions) all.resize(told_regions);
  return all;
}

void name_places(Svg& svg, const World& world, const Diary::Snapshot& now) {
  std::vector<int> regions{world.weather.out_region()};
  for (const auto& [region, legs] : takers(now))
    if (std::ranges::find(regions, region) == regions.end()) regions.push_back(region);
  std::vector<Point> taken;
  for (const int region : regions) {
    const Point at = spot(world, region);
    const auto& city = world.geography.regions[region].city;
    const bool to_left = at.x > lab::map_width - 90;
    Point label{at.x + (to_left ? -10 : 10), at.y + 4};
    // European cities are near each other: their names go below one another.
    const auto covers = [&](const Point& other) {
      return std::abs(other.x - label.x) < 75 && std::abs(other.y - label.y) < 12;
    };
    while (std::ranges::any_of(taken, covers)) label.y += 4;
    taken.push_back(label);
    svg.text(label, city, region == world.weather.out_region() ? "place t-out" : "place", to_left ? "end" : "start");
  }
}

std::string draw(const World& world, const Diary::Snapshot& now) {
  Svg svg(lab::map_width, lab::map_height);
  lab::draw_land(svg);
  const auto link = [&](int from, int to, int calls, std::string_view css) {
    if (calls > 0)
      svg.polyline(lab::bent(spot(world, from), spot(world, to), 0.08), fmt::format("{} w{}", css, thickness(calls)));
  };
  for (const auto& [way, flow] : now.hops) link(way.first, way.second, flow.others, "hop");
  for (const auto& [way, flow] : now.hops) link(way.first, way.second, flow.people, "hop-people");
  for (const auto& [way, legs] : now.access)
    if (way.first != way.second) link(way.first, way.second, legs, "access-people");
  for (const int region : world.geography.served)
    svg.circle(spot(world, region), 3 + 4 * std::sqrt(std::min(now.load[region], 2.0)), colour_of(world, now, region));
  name_places(svg, world, now);
  return svg.str();
}

std::string caption(const World& world, const Diary::Snapshot& now) {
  const DayWords words{world};
  int all = 0;
  for (const auto& [way, legs] : now.access) all += legs;
  std::string text = fmt::format("{} legs of people near {}", all, words.city(world.weather.out_region()));
  std::string_view glue = ": ";
  for (const auto& [region, legs] : takers(now)) {
    text += fmt::format("{}{} {:.0f}\u00a0%", glue, words.city(region), 100.0 * legs / all);
    glue = ", ";
  }
  return lab::escaped(text);
}

std::string_view phase_of(const World& world, int second) {
  const auto& weather = world.weather;
  return second < weather.out_from() ? "before" : second < weather.out_until() ? "in the outage" : "after";
}

}  // namespace

std::vector<int> moments_of(const World& world) {
  const auto& weather = world.weather;
  const int length = weather.out_until() - weather.out_from();
  std::vector<int> moments{weather.out_from() - 15, weather.out_from() + length / 2, weather.out_until() + length};
  std::erase_if(moments, [&](int second) { return second < 0 || second >= world.plan.seconds; });
  return moments;
}

std::string draw_maps(const World& world, const Days& days) {
  const DayWords words{world};
  std::string out = fmt::format(
      "<h2>Where calls went: the outage of {0}</h2>\n<p>Violet: media between gateways; thicker lines carry more "
      "calls. "
      "Orange: calls with an end whose nearest region is {0}; dashed: their access to a gateway elsewhere. Discs are "
      "regions with gateways, larger with more load: green up to 80 % of capacity, orange above, red over capacity, "
      "black out.</p>\n<div class=maps>\n",
      lab::escaped(words.city(world.weather.out_region())));
  for (const int second : moments_of(world))
    for (const std::string_view guide : {"quality", "nearest"}) {
      const Diary* diary = days.of(guide);
      if (!diary) continue;
      const auto now = std::ranges::find(diary->snapshots, second, &Diary::Snapshot::second);
      if (now == diary->snapshots.end()) continue;
      out += fmt::format("<figure><figcaption><b>{}, {}, {}</b><br>{}</figcaption>{}</figure>\n", name_of(guide),
                         phase_of(world, second), words.clock(second), caption(world, *now), draw(world, *now));
    }
  return out + "</div>\n";
}

}  // namespace nearend::policy_world
