#include <algorithm>
#include <array>

#include "policy_world/guide.hpp"

namespace nearend::policy_world {
namespace {

/// What health checks of any kind need to see that a region is gone.
constexpr int noticed_after_s = 10;

class Yardstick : public Guide {
 public:
  explicit Yardstick(const World& world) : world_(world), random_(world.plan.seed + 99) {
    for (size_t area = 0; area < world.weather.areas().size(); ++area)
      near_.push_back(world.nearest(static_cast<int>(area), world.geography.served.size()));
  }

 protected:
  bool is_known_out(int region, double at_s) const {
    const int second = static_cast<int>(at_s);
    return world_.weather.is_out(region, second) && second >= world_.weather.out_from() + noticed_after_s;
  }
  int nearest(int area, double at_s) const {
    return *std::ranges::find_if(near_[area], [&](int region) { return !is_known_out(region, at_s); });
  }
  int any_gateway(int region) {
    const auto& all = world_.fleet.in_region[region];
    return all[random_.below(all.size())];
  }
  Route route(const std::vector<int>& regions) {
    Route route;
    for (const int region : regions)
      if (route.empty() || world_.fleet.gateways[route.back()].region != region) route.push_back(any_gateway(region));
    return route;
  }
  double share(int gateway) const {
    return world_.fleet.gateways[gateway].used / world_.fleet.gateways[gateway].capacity;
  }

  const World& world_;
  sim::Random random_;
  std::vector<std::vector<int>> near_;  // of each area, the nearest first
};

class Nearest : public Yardstick {
 public:
  using Yardstick::Yardstick;
  Route choose(const PlannedCall& call, size_t, double at_s, const Route&) override {
    return route({nearest(call.a, at_s), nearest(call.b, at_s)});
  }
};

/// All media by the nearer of two home regions.
class Home : public Yardstick {
 public:
  using Yardstick::Yardstick;
  Route choose(const PlannedCall& call, size_t, double at_s, const Route&) override {
    const int a = nearest(call.a, at_s);
    const auto way_ms = [&](int home) {
      const int region = world_.fleet.gateways[home].region;
      return region == a ? 0 : world_.weather.base_between_ms(a, region);
    };
    const int home = *std::ranges::min_element(world_.fleet.homes, {}, way_ms);
    return {any_gateway(a), home, any_gateway(nearest(call.b, at_s))};
  }
};

class OfNear : public Yardstick {
 public:
  OfNear(const World& world, bool by_load) : Yardstick(world), by_load_(by_load) {}
  Route choose(const PlannedCall& call, size_t, double at_s, const Route&) override {
    return route({one_of_near(call.a, at_s), one_of_near(call.b, at_s)});
  }

 private:
  int one_of_near(int area, double at_s) {
    std::vector<int> near;
    for (const int region : near_[area])
      if (near.size() < 4 && !is_known_out(region, at_s)) near.push_back(region);
    if (!by_load_) return near[random_.below(near.size())];
    return *std::ranges::min_element(near, {},
                                     [&](int region) { return share(world_.fleet.in_region[region].front()); });
  }
  bool by_load_;
};

/// Knows what each way will be like for as long as the call lasts, and how full every gateway is.
class Oracle : public Yardstick {
 public:
  using Yardstick::Yardstick;
  Route choose(const PlannedCall& call, size_t, double at_s, const Route&) override {
    std::vector<std::vector<int>> paths;
    const auto a = usable(call.a, call, at_s), b = usable(call.b, call, at_s);
    for (const int region : a) paths.push_back({region});
    for (const int region : b) paths.push_back({region});
    for (const int x : a)
      for (const int y : b)
        if (x != y) paths.push_back({x, y});
    std::ranges::sort(paths, {}, [&](const auto& path) { return world_.base_ms(call, path); });
    const size_t direct = paths.size();
    for (size_t i = 0, taken = 0; i < direct && taken < 3; ++i) {
      if (paths[i].size() != 2) continue;
      ++taken;
      for (const int relay : world_.geography.served)
        if (relay != paths[i][0] && relay != paths[i][1] && is_usable(relay, call, at_s))
          paths.push_back({paths[i][0], relay, paths[i][1]});
    }
    double best = -1e9;
    const std::vector<int>* chosen = nullptr;
    for (const auto& path : paths) {
      // A path longer than the best by more than its whole worth needs no look.
      if (const double points = mean_points(call, path, at_s, best); points > best) {
        best = points;
        chosen = &path;
      }
    }
    if (!chosen) return route({nearest(call.a, at_s), nearest(call.b, at_s)});
    Route route;
    for (const int region : *chosen)
      route.push_back(
          *std::ranges::min_element(world_.fleet.in_region[region], {}, [&](int gateway) { return share(gateway); }));
    return route;
  }

 private:
  bool is_usable(int region, const PlannedCall& call, double at_s) const {
    const auto& weather = world_.weather;
    const double out = weather.out_from();
    const bool meets_outage = region == weather.out_region() &&
                              weather.is_out(region, static_cast<int>(std::max(at_s, out))) &&
                              at_s + call.length_s >= out;
    return !meets_outage && std::ranges::any_of(world_.fleet.in_region[region], [&](int id) {
      const auto& gateway = world_.fleet.gateways[id];
      return gateway.used + 1 <= 0.98 * gateway.capacity;
    });
  }
  std::vector<int> usable(int area, const PlannedCall& call, double at_s) const {
    std::vector<int> found;
    for (const int region : near_[area])
      if (found.size() < 5 && is_usable(region, call, at_s)) found.push_back(region);
    return found;
  }
  double mean_points(const PlannedCall& call, const std::vector<int>& path, double at_s, double best) const {
    if (93.2 - policy::points_per_ms * (policy::terminals_ms + 0.8 * world_.base_ms(call, path)) < best) return -1e9;
    Route route;
    for (const int region : path) route.push_back(world_.fleet.in_region[region].front());
    const int from = static_cast<int>(at_s), samples = std::clamp(static_cast<int>(call.length_s / 8), 1, 25);
    double sum = 0;
    for (int i = 0; i < samples; ++i) {
      const int second = from + static_cast<int>(call.length_s * (i + 0.5) / samples);
      sum += world_.worth(world_.heard(call, route, second, false)).points;
    }
    return sum / samples - 0.3 * static_cast<double>(path.size() - 1);
  }
};

}  // namespace

std::unique_ptr<Guide> make_yardstick(const std::string& name, const World& world) {
  if (name == "nearest") return std::make_unique<Nearest>(world);
  if (name == "home") return std::make_unique<Home>(world);
  if (name == "random") return std::make_unique<OfNear>(world, false);
  if (name == "least-loaded") return std::make_unique<OfNear>(world, true);
  if (name == "oracle") return std::make_unique<Oracle>(world);
  return nullptr;
}

}  // namespace nearend::policy_world
