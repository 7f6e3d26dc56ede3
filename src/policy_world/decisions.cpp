// A few decisions of the day in words. Of each kind the one in the middle is told, by what it gained, not the best.
#include <algorithm>
#include <cmath>
#include <functional>

#include "lab/svg.hpp"
#include "policy_world/report.hpp"

namespace nearend::policy_world {
namespace {

using Decision = Diary::Decision;

constexpr int settled_s = 15;  // what yardsticks need to notice an outage, and a little

struct Kind {
  std::string title;
  std::function<bool(const Decision&)> holds;
  bool is_worst = false;  ///< Not the one in the middle but the one that lost most.
};

class Teller {
 public:
  Teller(const World& world, const Days& days)
      : world_(world),
        words_{world},
        policy_(*days.of("quality")),
        nearest_(days.of("nearest")),
        home_(days.of("home")) {}

  std::string tell() const {
    std::string out;
    for (const Kind& kind : kinds()) {
      std::vector<const Decision*> those;
      for (const Decision& each : policy_.decisions)
        if (is_known(each) && kind.holds(each)) those.push_back(&each);
      if (!those.empty()) out += row(kind, those);
    }
    return out;
  }

 private:
  int near(int area) const { return world_.nearest(area, 1).front(); }
  const PlannedCall& call(const Decision& each) const { return world_.demand.calls[each.id]; }
  bool is_known(const Decision& each) const {
    return policy_.fates[each.id].has_ended && (!nearest_ || nearest_->fates[each.id].has_ended) &&
           each.route.size() > 0;
  }
  bool passes(const Route& route, int region) const {
    return std::ranges::any_of(route, [&](int id) { return world_.fleet.gateways[id].region == region; });
  }
  std::vector<int> regions(const Route& route) const {
    std::vector<int> all;
    for (const int id : route) all.push_back(world_.fleet.gateways[id].region);
    return all;
  }
  bool differs(const Decision& each) const {
    return nearest_ && regions(each.route) != regions(nearest_->fates[each.id].route);
  }
  bool in_congestion(const Decision& each) const {
    return std::ranges::any_of(world_.weather.congestions(), [&](const Weather::Congestion& one) {
      const bool is_near = near(call(each).a) == one.region || near(call(each).b) == one.region;
      return is_near && each.at_s > one.from + settled_s && each.at_s < one.until;
    });
  }
  bool is_long(const Decision& each) const {
    const auto& areas = world_.weather.areas();
    return world_.geography.one_way_ms(areas[call(each).a].region, areas[call(each).b].region) > 60;
  }
  double gain(const Decision& each) const {
    return policy_.fates[each.id].score - (nearest_ ? nearest_->fates[each.id].score : 0);
  }

  std::vector<Kind> kinds() const {
    const auto& weather = world_.weather;
    const auto& demand = world_.demand;
    const auto is_start = [](const Decision& each) { return each.before.empty(); };
    const auto in_outage = [&](const Decision& each) {
      return each.at_s >= weather.out_from() && each.at_s < weather.out_until();
    };
    return {
        {"The usual: nothing is wrong, the nearest gateways take the call",
         [=, this](const Decision& each) { return is_start(each) && is_long(each) && !differs(each); }},
        {"Nearest is not best: another pair of gateways",
         [=, this](const Decision& each) {
           return is_start(each) && differs(each) && each.route.size() == 2 && !in_outage(each) && !in_congestion(each);
         }},
        {"The straight way is not the best: by one in between",
         [=](const Decision& each) { return is_start(each) && each.route.size() == 3; }},
        {"Congestion around the nearest region",
         [=, this](const Decision& each) { return is_start(each) && differs(each) && in_congestion(each); }},
        {"Flash crowd: the caller is in it",
         [=, this, &weather, &demand](const Decision& each) {
           return is_start(each) && differs(each) && each.at_s > demand.crowd_from + settled_s &&
                  each.at_s < demand.crowd_until && weather.areas()[call(each).a].region == demand.crowd_region;
         }},
        {"The region fails under a call: it moves",
         [=, this, &weather](const Decision& each) {
           return !each.before.empty() && in_outage(each) && passes(each.before, weather.out_region());
         }},
        {"The nearest region is out",
         [=, this, &weather](const Decision& each) {
           return is_start(each) && in_outage(each) && each.at_s > weather.out_from() + settled_s &&
                  near(call(each).a) == weather.out_region();
         }},
        {"A call turns bad while people talk: it moves",
         [=](const Decision& each) { return !each.before.empty() && !in_outage(each); }},
        {"It tries a way that it knows little of",
         [=](const Decision& each) { return is_start(each) && each.reason.find("tried,") != std::string::npos; }},
        {"Where it did worst against nearest", is_start, true},
    };
  }

  std::string row(const Kind& kind, std::vector<const Decision*>& those) const {
    std::ranges::sort(those, {}, [&](const Decision* each) { return std::pair(gain(*each), each->id); });
    const Decision& one = *those[kind.is_worst ? 0 : those.size() / 2];
    const std::string count = kind.is_worst ? "" : fmt::format("; one of {}", those.size());
    std::string route = words_.route(one.route);
    if (!one.before.empty()) route = fmt::format("{}, until then {}", route, words_.route(one.before));
    return fmt::format(
        "<tr><td><b>{}</b><br>{}, {} calls {}{}</td><td><b>{}</b><br><span class=reason>{}</span><br>expected: MOS "
        "{:.2f}, {:.0f} ms; confidence {:.2f}</td>{}{}{}</tr>\n",
        kind.title, words_.clock(one.at_s), words_.people(call(one).a), words_.people(call(one).b), count,
        lab::escaped(route), lab::escaped(one.reason), one.estimate.score, one.estimate.m2e_ms, one.estimate.confidence,
        fate(&policy_, one.id, false), fate(nearest_, one.id, true), fate(home_, one.id, true));
  }

  std::string fate(const Diary* diary, size_t id, bool with_route) const {
    if (!diary || !diary->fates[id].has_ended) return "<td class=n>-</td>";
    const auto& [route, score, m2e_ms, has_ended] = diary->fates[id];
    return fmt::format("<td class=\"n{}\">MOS {:.2f}<br>{:.0f} ms{}</td>", score < bad_score ? " bad" : "", score,
                       m2e_ms,
                       with_route ? "<br><span class=way>" + lab::escaped(words_.route(route)) + "</span>" : "");
  }

  const World& world_;
  DayWords words_;
  const Diary& policy_;
  const Diary* nearest_;
  const Diary* home_;
};

}  // namespace

std::string tell_decisions(const World& world, const Days& days) {
  std::string names;
  for (const int region : world.geography.served) {
    const auto& [name, city, weight, latitude, longitude, has_gateways, rtts] = world.geography.regions[region];
    names += fmt::format("{}{} {}", names.empty() ? "" : ", ", name, city);
  }
  return fmt::format(
      "<h2>Decisions in words</h2>\n<p>Of each kind the call in the middle, by what it gained against nearest; the "
      "last "
      "is the day's worst. The policy's reason, estimate and confidence are as its answer gave them. Beside them what "
      "became of the same call, over its whole length, in the days of three guides.</p>\n<table "
      "class=decisions><tr><th>when, who</th><th>the policy's route and why</th><th class=n>policy</th><th "
      "class=n>nearest</th><th class=n>always home</th></tr>\n{}</table>\n<p class=small>Regions: {}.</p>\n",
      Teller(world, days).tell(), lab::escaped(names));
}

}  // namespace nearend::policy_world
