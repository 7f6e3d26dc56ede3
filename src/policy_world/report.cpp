#include "policy_world/report.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "lab/page.hpp"

namespace nearend::policy_world {
namespace {

constexpr std::string_view style = R"(
figure{margin:0}.maps{gap:1.4em 1em;align-items:end}.small{font-size:13px;color:#4c5766}table.decisions td{vertical-align:top;font-size:13.5px}
.reason{font-family:ui-monospace,monospace;font-size:12px;color:#4c5766}.way{color:#4c5766;font-size:12px;white-space:normal}table.decisions td.n{white-space:nowrap;min-width:72px}
td.first{font-weight:600}td.bad .way{color:#4c5766}figcaption{font-size:13.5px}
.axis{stroke:#8d97a5}.grid{stroke:#dfe4eb;stroke-width:1}.tick{font-size:12px;fill:#4c5766}.chart-title{font-size:14px;font-weight:600;fill:#1c2430}
.limit{stroke:#b3261e;stroke-width:1.2;stroke-dasharray:6 4}.limit-name{font-size:11px;fill:#b3261e;paint-order:stroke;stroke:#fff;stroke-width:3px}
.curve{fill:none;stroke-width:1.6;stroke-linejoin:round}.line-name{font-size:12.5px;font-weight:600}
.quality{stroke:#0b7a75;stroke-width:3}.t-quality{fill:#0b7a75;color:#0b7a75}.nearest{stroke:#d9661a}.t-nearest{fill:#b8510c;color:#b8510c}
.home{stroke:#5b4bb3}.t-home{fill:#5b4bb3;color:#5b4bb3}.random{stroke:#b3a13a;stroke-width:1}.t-random{fill:#857420;color:#857420}
.least-loaded{stroke:#4a93c9;stroke-width:1}.t-least-loaded{fill:#2b719f;color:#2b719f}
.oracle{stroke:#6b7686;stroke-dasharray:5 3}.t-oracle{fill:#4c5766;color:#4c5766}
.band-outage{fill:#b3261e;fill-opacity:.13}.band-crowd{fill:#e0a11f;fill-opacity:.2}.band-congestion{fill:#6b7686;fill-opacity:.1}
.bar-outage{fill:#b3261e}.bar-crowd{fill:#e0a11f}.bar-congestion{fill:#8d97a5}.bar-evening{fill:#7d8fd0}
.hop,.hop-people,.access-people{fill:none}.hop{stroke:#5b4bb3;stroke-opacity:.3}.hop-people{stroke:#d9661a;stroke-opacity:.8}
.access-people{stroke:#d9661a;stroke-dasharray:3 3}.w1{stroke-width:.6}.w2{stroke-width:1.2}.w3{stroke-width:2}.w4{stroke-width:3}.w5{stroke-width:4.2}
.gw{stroke:#fff;stroke-width:1}.gw-free{fill:#0b7a75}.gw-full{fill:#e07a1f}.gw-over{fill:#d3302f}.gw-out{fill:#111}
.place{font-size:15px;font-weight:600;fill:#1c2430;paint-order:stroke;stroke:#fff;stroke-width:3px}.t-out{fill:#b3261e;color:#b3261e}
)";

constexpr double not_known = std::numeric_limits<double>::quiet_NaN();

std::vector<Band> bands_of(const World& world) {
  const DayWords words{world};
  const auto& [weather, demand] = std::tie(world.weather, world.demand);
  std::vector<Band> bands;
  for (const auto& one : weather.congestions())
    bands.push_back({words.hour(one.from), words.hour(one.until), "band-congestion", ""});
  bands.push_back({words.hour(demand.crowd_from), words.hour(demand.crowd_until), "band-crowd", ""});
  bands.push_back({words.hour(weather.out_from()), words.hour(weather.out_until()), "band-outage", ""});
  for (Band& band : bands) band.until = std::min(band.until, 24.0);
  return bands;
}

Script script_of(const World& world) {
  const DayWords words{world};
  Script::Row evening{"evening peak", {}}, congestion{"congestion", {}};
  for (const int region : world.geography.served) {
    const double hour = std::fmod(20 - world.geography.regions[region].longitude / 15 + 24, 24);
    evening.bars.push_back({std::max(0.0, hour - 0.5), std::min(24.0, hour + 0.5), "bar-evening", words.city(region)});
  }
  for (const auto& one : world.weather.congestions())
    congestion.bars.push_back({words.hour(one.from), words.hour(one.until), "bar-congestion", words.city(one.region)});
  for (auto* row : {&evening, &congestion}) std::ranges::sort(row->bars, {}, &Band::from);
  const auto& demand = world.demand;
  const auto& weather = world.weather;
  const auto bar = [&](std::string name, int from, int until, std::string css, int region) {
    const double end = std::min(24.0, words.hour(until));
    return Script::Row{std::move(name), {{words.hour(from), end, std::move(css), words.city(region)}}};
  };
  return {{std::move(evening), std::move(congestion),
           bar("flash crowd", demand.crowd_from, demand.crowd_until, "bar-crowd", demand.crowd_region),
           bar("region out", weather.out_from(), weather.out_until(), "bar-outage", weather.out_region())}};
}

using SlotValue = double (*)(const Diary::Slot&);

Chart chart_of(const Days& days, std::string title, std::string unit, SlotValue value,
               const std::vector<std::string_view>& without = {}) {
  Chart chart{.title = std::move(title), .lines = {}, .ticks = {}, .unit = std::move(unit), .limit_name = {}};
  double low = std::numeric_limits<double>::max(), high = 0;
  // The policy last: on top.
  for (size_t i = days.all.size(); i-- > 0;) {
    const auto& [guide, diary] = days.all[i];
    if (std::ranges::find(without, guide) != without.end()) continue;
    Chart::Line line{std::string(name_of(guide)), guide, {}};
    for (const auto& slot : diary->day) {
      line.values.push_back(slot.call_s > 0 ? value(slot) : not_known);
      if (slot.call_s <= 0) continue;
      low = std::min(low, line.values.back());
      high = std::max(high, line.values.back());
    }
    chart.lines.push_back(std::move(line));
  }
  chart.ticks = round_ticks(std::min(low, high), high);
  return chart;
}

std::string draw_curves(const World& world, const Days& days) {
  const auto bands = bands_of(world);
  std::string out = draw_script(script_of(world), bands);
  Chart bad =
      chart_of(days, "Calls that sound bad at the time (MOS below 3.6), % of calls that are up; heights by square root",
               " %", [](const Diary::Slot& slot) { return 100 * slot.bad_s / slot.call_s; });
  bad.is_root = true;
  bad.ticks = {0, 1, 5, 10, 25, 50, 100};
  out += draw_chart(bad, bands);
  out += draw_chart(chart_of(days, "Mouth to ear, mean of calls that are up, ms", " ms",
                             [](const Diary::Slot& slot) { return slot.m2e_ms / slot.call_s; }),
                    bands);
  Chart load = chart_of(days, "The fullest gateway of the world, load in % of its capacity", " %",
                        [](const Diary::Slot& slot) { return 100 * slot.hottest; });
  load.ticks = round_ticks(0, load.ticks.back());
  load.limit = 100;
  load.limit_name = "capacity";
  out += draw_chart(load, bands);
  const double slot_minutes = world.plan.seconds / 60.0 / Diary::slots;
  Chart moves{.title = "Calls that the policy moves while they are up, per minute of the simulated world",
              .lines = {{"policy", "quality", {}}},
              .ticks = {},
              .unit = "",
              .limit_name = {}};
  for (const auto& slot : days.of("quality")->day) moves.lines[0].values.push_back(slot.moves / slot_minutes);
  moves.ticks = round_ticks(0, std::max(1.0, std::ranges::max(moves.lines[0].values)));
  return out + draw_chart(moves, bands);
}

std::string table(const Days& days) {
  std::string out =
      "<table><tr><th>guide</th><th class=n>calls</th><th class=n>MOS below 3.6</th><th class=n>mean MOS</th><th "
      "class=n>mouth to ear</th><th class=n>way against the shortest</th><th class=n>overload, gateway-s</th><th "
      "class=n>moves "
      "per "
      "1000</th><th class=n>flaps per 1000</th></tr>\n";
  for (const auto& [guide, diary] : days.all) {
    const Outcome& day = diary->outcome;
    out += fmt::format(
        "<tr><td class=\"t-{} first\">{}</td><td class=n>{}</td><td class=\"n{}\">{:.2f} %</td><td "
        "class=n>{:.2f}</td><td "
        "class=n>{:.1f} ms</td><td class=n>{:.3f}</td><td class=n>{:.0f}</td><td class=n>{:.1f}</td><td "
        "class=n>{:.1f}</td></tr>\n",
        guide, name_of(guide), day.calls, day.bad_percent() > 5 ? " bad" : "", day.bad_percent(), day.mean_score,
        day.m2e_ms, day.stretch, day.overload_s, day.per_thousand(day.moves), day.per_thousand(day.flaps));
  }
  return out + "</table>\n";
}

std::string opening(const World& world) {
  return fmt::format(
      "<p>A day of a simulated world, pressed into {:.0f} minutes: people in {} regions call each other, {} regions "
      "have "
      "gateways, four of them too few. Ways congest and lose, a crowd calls at once, a region fails. The policy "
      "server's "
      "own code is asked by its HTTP interface for each call and told what gateways measure each second; it knows "
      "nothing "
      "else. <b>policy</b> is that. <b>nearest</b> takes the gateways nearest to both ends and <b>always home</b> "
      "leads "
      "all media through Ashburn or London; both know of the outage after 10 s. <b>random</b> and <b>least loaded</b> "
      "take one of the four nearest. The <b>oracle</b> knows each way's future. Seed {}, load {:g}; round-trip times "
      "between regions: cloudping.co, median over the year to 2025-05-29. A world of ours: it shows what the policy "
      "does, "
      "not how another world goes.</p>\n",
      world.plan.seconds / 60.0, world.geography.regions.size(), world.geography.served.size(), world.plan.seed,
      world.plan.load);
}

}  // namespace

const Diary* Days::of(std::string_view guide) const {
  const auto it = std::ranges::find(all, guide, &One::guide);
  return it == all.end() ? nullptr : it->diary.get();
}

std::string_view name_of(std::string_view guide) {
  return guide == "quality"        ? "policy"
         : guide == "home"         ? "always home"
         : guide == "least-loaded" ? "least loaded"
                                   : guide;
}

std::string DayWords::clock(double second) const {
  const int minutes = static_cast<int>(hour(second) * 60);
  return fmt::format("{:02}:{:02}", minutes / 60, minutes % 60);
}

std::string DayWords::route(const Route& route) const {
  std::string out;
  int last = -1;
  for (const int id : route) {
    const int region = world.fleet.gateways[id].region;
    if (region != last) out += (out.empty() ? "" : " → ") + city(region);
    last = region;
  }
  return out;
}

std::string DayWords::people(int area) const {
  constexpr std::string_view kinds[] = {"a carrier's line", "a fixed line", "a mobile"};
  return fmt::format("{} in {}", kinds[area % 3], city(world.weather.areas()[area].region));
}

Result<void> write_report(const World& world, const Days& days, const std::filesystem::path& file) {
  std::string body = opening(world) + table(days);
  body +=
      "<h2>Over the day</h2>\n<p>Grey: congestion of all that goes in or out of a region (single ways are disturbed "
      "besides, all day). Yellow: the flash crowd, four times the calls of a region. Red: the outage.</p>\n";
  body += draw_curves(world, days);
  body += draw_maps(world, days);
  body += tell_decisions(world, days);
  return lab::write_page(file, "A day of the routing policy", body, style);
}

}  // namespace nearend::policy_world
