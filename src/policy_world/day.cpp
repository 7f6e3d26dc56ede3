#include "policy_world/day.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <utility>

#include "base/json.hpp"

namespace nearend::policy_world {
namespace {

constexpr double asks_below = 72;  // rating
constexpr int bad_s_before_asking = 2, asks_every_s = 3;
constexpr int flap_within_s = 120;
constexpr int packets_per_second = 50;

class Day {
 public:
  Day(World& world, Guide& guide, Witness* witness)
      : world_(world), guide_(guide), witness_(witness), random_(world.plan.seed * 31 + 5) {
    for (auto& gateway : world_.fleet.gateways) gateway.used = 0;
    streams_.resize(world_.fleet.gateways.size());
    for (auto& streams : streams_) streams.assign(world_.weather.areas().size() + world_.geography.regions.size(), 0);
  }

  Outcome run() {
    size_t next = 0;
    const auto& calls = world_.demand.calls;
    for (int second = 0; second < world_.plan.seconds && guide_.failure().empty(); ++second) {
      for (; next < calls.size() && calls[next].at_s < second + 1; ++next) begin(calls[next], next);
      listen(second);
      report(second);
      std::erase_if(live_, [&](Live& each) { return each.until_s <= second + 1 && end(each); });
    }
    for (Live& each : live_) end(each);
    const auto count = static_cast<double>(std::max<size_t>(outcome_.calls, 1));
    outcome_.mean_score /= count;
    outcome_.m2e_ms /= count;
    outcome_.stretch /= count;
    return outcome_;
  }

 private:
  void begin(const PlannedCall& call, size_t id) {
    ++outcome_.calls;
    Route route, refused;
    // A gateway that does not answer is given up, and the question asked again without it.
    for (int attempt = 0; attempt < 3; ++attempt) {
      route = guide_.choose(call, id, call.at_s, refused);
      const auto out =
          std::ranges::find_if(route, [&](int g) { return world_.is_out(g, static_cast<int>(call.at_s)); });
      if (!guide_.wants_reports() || out == route.end()) break;
      refused.push_back(*out);
    }
    if (route.empty()) {
      ++outcome_.without_route;
      ++outcome_.bad;
      return;
    }
    take(route, 1);
    note_path(call, route);
    live_.push_back({id, &call, std::move(route), call.at_s + call.length_s});
    if (witness_) witness_->began(live_.back(), guide_.answered());
  }

  bool end(Live& each) {
    take(each.route, -1);
    outcome_.bad += each.mean_score() < bad_score;
    outcome_.mean_score += each.mean_score();
    outcome_.m2e_ms += each.mean_m2e_ms();
    if (witness_) witness_->ended(each);
    return true;
  }

  void take(const Route& route, double units) {
    for (const int gateway : route) world_.fleet.gateways[gateway].used += units;
  }

  /// How long the way is against the shortest there could be, and whether the pair's calls go to and fro.
  void note_path(const PlannedCall& call, const Route& route) {
    std::vector<int> regions;
    for (const int gateway : route) regions.push_back(world_.fleet.gateways[gateway].region);
    auto& shortest = shortest_[{call.a, call.b}];
    if (shortest == 0) {
      shortest = 1e9;
      for (const int a : world_.geography.served)
        for (const int b : world_.geography.served)
          shortest = std::min(shortest, world_.base_ms(call, a == b ? std::vector{a} : std::vector{a, b}));
    }
    outcome_.stretch += world_.base_ms(call, regions) / shortest;
    auto& past = past_[{call.a, call.b}];
    if (past.now == regions) return;
    if (!past.now.empty()) {
      ++outcome_.changes;
      outcome_.flaps += past.before == regions && call.at_s - past.left_s < flap_within_s;
    }
    past = {regions, past.now, call.at_s};
  }

  void listen(int second) {
    for (auto& streams : streams_) std::ranges::fill(streams, 0);
    for (const auto& gateway : world_.fleet.gateways) outcome_.overload_s += gateway.used > gateway.capacity;
    for (Live& each : live_) {
      const policy::Estimate heard = world_.heard(*each.call, each.route, second, true);
      each.now = world_.worth(heard);
      each.scores += rtp::opinion_score(each.now.rating);
      each.m2e_ms += each.now.m2e_ms;
      ++each.heard_s;
      count_streams(each);
      each.bad_s = each.now.rating < asks_below ? each.bad_s + 1 : 0;
      if (each.bad_s < bad_s_before_asking || (each.bad_s - bad_s_before_asking) % asks_every_s != 0) continue;
      const auto route = guide_.move(*each.call, each.id, second + 1, each.route, heard);
      if (!route) continue;
      take(each.route, -1);
      const Route before = std::exchange(each.route, *route);
      take(each.route, 1);
      each.bad_s = 0;
      ++outcome_.moves;
      if (witness_) witness_->moved(each, second, before, guide_.answered());
    }
    if (witness_) witness_->passed(second, live_);
  }

  void count_streams(const Live& each) {
    const size_t areas = world_.weather.areas().size();
    const auto& gateways = world_.fleet.gateways;
    ++streams_[each.route.front()][each.call->a];
    ++streams_[each.route.back()][each.call->b];
    for (size_t i = 1; i < each.route.size(); ++i) {
      ++streams_[each.route[i - 1]][areas + gateways[each.route[i]].region];
      ++streams_[each.route[i]][areas + gateways[each.route[i - 1]].region];
    }
  }

  void report(int second) {
    if (!guide_.wants_reports()) return;
    std::vector<policy::GatewayReport> reports;
    const int areas = static_cast<int>(world_.weather.areas().size());
    for (size_t id = 0; id < streams_.size(); ++id) {
      const auto& gateway = world_.fleet.gateways[id];
      if (world_.weather.is_out(gateway.region, second)) continue;
      policy::GatewayReport report{.gateway = gateway.name,
                                   .seq = static_cast<uint64_t>(second + 1),
                                   .at_ms = (second + 1) * 1000LL,
                                   .load = policy::LoadReport{gateway.used, gateway.capacity},
                                   .segments = {}};
      for (int way = 0; way < areas; ++way)
        if (streams_[id][way] > 0)
          report.segments.push_back(
              {area_name(way), "",
               measure(gateway, streams_[id][way], world_.weather.access(way, gateway.region, second))});
      for (const int other : world_.geography.served) {
        if (other == gateway.region) continue;
        const int streams = streams_[id][areas + other];
        const bool has_echo = id == static_cast<size_t>(world_.fleet.in_region[gateway.region].front());
        if ((streams == 0 && !has_echo) || world_.weather.is_out(other, second)) continue;
        const auto measured =
            measure(gateway, streams, world_.weather.between(gateway.region, other, second), has_echo);
        report.segments.push_back({"", world_.geography.regions[other].name, measured});
      }
      reports.push_back(std::move(report));
    }
    guide_.report(second, std::move(reports));
  }

  std::string area_name(int area) const {
    constexpr std::string_view kinds[] = {"-carrier", "-fixed", "-mobile"};
    return world_.geography.regions[world_.weather.areas()[area].region].name + std::string(kinds[area % 3]);
  }

  policy::Measurement measure(const Fleet::Gateway& gateway, int streams, const policy::Estimate& truth,
                              bool has_echo = false) {
    const auto packets = static_cast<uint32_t>(streams * packets_per_second + has_echo);
    const double loss = 1 - (1 - truth.loss) * (1 - overload_loss(gateway));
    policy::Measurement measured{
        .packets = packets, .lost = std::min(packets, lost(packets * loss)), .streams = static_cast<uint32_t>(streams)};
    measured.jitter_ms = truth.jitter_ms * (0.8 + 0.4 * random_.unit());
    // RTCP comes every five seconds from each stream; an echo that got lost has no round trip.
    const bool has_rtt = (has_echo && measured.lost == 0) || random_.chance(1 - std::pow(0.8, streams));
    if (has_rtt) measured.rtt_ms = 2 * truth.delay_ms + std::abs(truth.jitter_ms * 0.7 * normal());
    return measured;
  }
  uint32_t lost(double mean) {
    if (mean > 30) return static_cast<uint32_t>(std::max(0.0, std::round(mean + std::sqrt(mean) * normal())));
    uint32_t count = 0;
    for (double left = std::exp(-mean), at = random_.unit(); at > left && count < 200; at *= random_.unit()) ++count;
    return count;
  }
  double normal() {
    return std::sqrt(-2 * std::log(1 - random_.unit())) * std::cos(2 * std::numbers::pi * random_.unit());
  }

  struct Past {
    std::vector<int> now, before;
    double left_s = 0;
  };
  World& world_;
  Guide& guide_;
  Witness* witness_;
  sim::Random random_;
  Outcome outcome_;
  std::vector<Live> live_;
  std::vector<std::vector<int>> streams_;  // of each gateway: by area, then by other region
  std::map<std::pair<int, int>, Past> past_;
  std::map<std::pair<int, int>, double> shortest_;
};

}  // namespace

Outcome run_day(World& world, Guide& guide, Witness* witness) {
  return Day(world, guide, witness).run();
}

std::string told_as_json(const std::string& guide, uint64_t seed, const Outcome& day, const std::string& remark) {
  return to_json(json::object{{"mode", guide},
                              {"seed", seed},
                              {"calls", day.calls},
                              {"bad_percent", day.bad_percent()},
                              {"mean_mos", day.mean_score},
                              {"m2e_ms", day.m2e_ms},
                              {"stretch", day.stretch},
                              {"overload_s", day.overload_s},
                              {"moves_per_1000", day.per_thousand(day.moves)},
                              {"changes_per_1000", day.per_thousand(day.changes)},
                              {"flaps_per_1000", day.per_thousand(day.flaps)},
                              {"without_route", day.without_route},
                              {"remark", remark}});
}

}  // namespace nearend::policy_world
