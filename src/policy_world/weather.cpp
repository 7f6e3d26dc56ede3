#include "policy_world/weather.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace nearend::policy_world {
namespace {

constexpr double episode_mean_s = 200, episode_least_s = 40;
constexpr double access_share = 0.095, pair_share = 0.08, region_share = 0.025;  // of the time that a way is disturbed

double exponential(sim::Random& random, double mean) {
  return -mean * std::log(1 - random.unit());
}

double normal(sim::Random& random) {
  return std::sqrt(-2 * std::log(1 - random.unit())) * std::cos(2 * std::numbers::pi * random.unit());
}

}  // namespace

double busyness(double longitude, double share_of_day) {
  const double hour = share_of_day * 24 + longitude / 15;
  return 1 + 0.6 * std::cos((hour - 20) / 24 * 2 * std::numbers::pi);
}

Weather::Weather(const Geography& geography, const WorldPlan& plan)
    : geography_(geography), plan_(plan), random_(plan.seed * 2654435761 + 1) {
  const auto count = geography.regions.size();
  const double last_miles[] = {3, 10, 28};  // carrier, fixed line, mobile
  const double shares[] = {0.35, 0.35, 0.3};
  for (size_t region = 0; region < count; ++region)
    for (int kind = 0; kind < 3; ++kind)
      areas_.push_back({static_cast<int>(region), last_miles[kind] * (0.7 + 0.6 * random_.unit()),
                        geography.regions[region].weight * shares[kind]});
  base_between_.assign(count, std::vector<double>(count));
  between_.assign(count, std::vector<Way>(count));
  const auto seconds = static_cast<size_t>(plan.seconds);
  std::vector<std::vector<Episode>> around(count);
  for (const int region : geography.served) {
    around[static_cast<size_t>(region)] = episodes(region_share, geography.regions[region].longitude, 0.8);
    for (const Episode& each : around[static_cast<size_t>(region)])
      congestions_.push_back({region, each.from, std::min(each.until, plan.seconds)});
  }
  for (const int a : geography.served)
    for (const int b : geography.served) {
      if (a >= b) continue;
      const double base = geography.one_way_ms(a, b) * std::exp(0.06 * normal(random_));
      base_between_[a][b] = base_between_[b][a] = base;
      Way& way = between_[a][b];
      way.assign(seconds, {base, 1 + 0.01 * base, 0.0003, 1});
      add(way, episodes(pair_share, geography.regions[a].longitude, 1));
      add(way, around[a]);
      add(way, around[b]);
    }
  base_access_.assign(areas_.size(), std::vector<double>(count));
  access_.assign(areas_.size(), std::vector<Way>(count));
  for (size_t area = 0; area < areas_.size(); ++area)
    for (const int region : geography.served) {
      const double base = areas_[area].access_ms +
                          geography.one_way_ms(areas_[area].region, region) * std::exp(0.08 * normal(random_) + 0.04);
      base_access_[area][region] = base;
      Way& way = access_[area][region];
      way.assign(seconds, {base, 2 + 0.02 * base, 0.001, 1});
      add(way, episodes(access_share, geography.regions[areas_[area].region].longitude, 1));
      add(way, around[region]);
    }
  out_region_ = geography.served[random_.below(geography.served.size())];
  out_from_ = static_cast<int>(plan.seconds * (0.3 + 0.4 * random_.unit()));
  out_until_ = out_from_ + 240;
}

/// Episodes that take `share` of the time, more of them in the evening.
std::vector<Weather::Episode> Weather::episodes(double share, double longitude, double severity) {
  std::vector<Episode> all;
  const double every_s = episode_mean_s / (share * plan_.episodes);
  for (double at = exponential(random_, every_s) - episode_mean_s; at < plan_.seconds;) {
    const double length = std::max(episode_least_s, exponential(random_, episode_mean_s));
    const double peak = busyness(longitude, std::max(at, 0.0) / plan_.seconds);
    const bool has_loss = random_.chance(0.75), has_delay = !has_loss || random_.chance(0.5);
    policy::Estimate added;
    if (has_loss) added.loss = std::min(0.25, severity * 0.05 * std::exp(0.7 * normal(random_)));
    if (has_delay) added.delay_ms = severity * (20 + 130 * random_.unit());
    added.jitter_ms = severity * (2 + 20 * random_.unit());
    if (random_.chance(peak / 1.6))
      all.push_back({static_cast<int>(std::max(at, 0.0)), static_cast<int>(at + length), added});
    at += length + exponential(random_, every_s / 1.6);
  }
  return all;
}

void Weather::add(Way& way, const std::vector<Episode>& episodes) {
  for (const Episode& episode : episodes) {
    const int until = std::min(episode.until, static_cast<int>(way.size()));
    for (int second = episode.from; second < until; ++second) {
      // Congestion builds up and goes within some seconds.
      const double rise = std::min({1.0, (second - episode.from + 1) / 5.0, (until - second) / 5.0});
      policy::Estimate& now = way[static_cast<size_t>(second)];
      now.loss = 1 - (1 - now.loss) * (1 - rise * episode.added.loss);
      now.delay_ms += rise * episode.added.delay_ms;
      now.jitter_ms = std::hypot(now.jitter_ms, rise * episode.added.jitter_ms);
    }
  }
}

const policy::Estimate& Weather::access(int area, int region, int second) const {
  return access_[area][region][static_cast<size_t>(std::min(second, plan_.seconds - 1))];
}

const policy::Estimate& Weather::between(int a, int b, int second) const {
  static const policy::Estimate here{0.5, 0, 0, 1};
  if (a == b) return here;
  return between_[std::min(a, b)][std::max(a, b)][static_cast<size_t>(std::min(second, plan_.seconds - 1))];
}

}  // namespace nearend::policy_world
