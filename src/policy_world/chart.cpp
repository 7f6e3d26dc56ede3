#include "policy_world/chart.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace nearend::policy_world {
namespace {

using lab::Point, lab::Svg;

constexpr double width = 1040, left = 110, right = 130, top = 28, height = 190, bottom = 38;
constexpr double row_height = 20, name_gap = 13;
constexpr int axis_step_h = 3;

double x_of(double hour) {
  return left + hour / 24 * (width - left - right);
}

void draw_bands(Svg& svg, const std::vector<Band>& bands, double from, double until) {
  for (const Band& band : bands)
    svg.rect({x_of(band.from), from}, std::max(1.5, x_of(band.until) - x_of(band.from)), until - from, band.css);
}

void draw_hours(Svg& svg, double y) {
  for (int hour = 0; hour <= 24; hour += axis_step_h) {
    svg.line({x_of(hour), y}, {x_of(hour), y + 4}, "axis");
    svg.text({x_of(hour), y + 17}, fmt::format("{:02}:00", hour), "tick", "middle");
  }
  svg.text({x_of(24) + 24, y + 17}, "time of day, UTC", "tick");
}

double height_of(const Chart& chart, double value) {
  const auto scaled = [&](double v) { return chart.is_root ? std::sqrt(std::max(v, 0.0)) : v; };
  const double low = scaled(chart.ticks.front()), high = scaled(chart.ticks.back());
  return top + height * (1 - std::clamp((scaled(value) - low) / (high - low), 0.0, 1.0));
}

void draw_line(Svg& svg, const Chart& chart, const Chart::Line& line) {
  std::vector<Point> points;
  const auto finish = [&] {
    if (points.size() > 1) svg.polyline(points, "curve " + line.css);
    points.clear();
  };
  for (size_t i = 0; i < line.values.size(); ++i) {
    if (std::isnan(line.values[i])) {
      finish();
      continue;
    }
    const double hour = (static_cast<double>(i) + 0.5) * 24 / static_cast<double>(line.values.size());
    points.push_back({x_of(hour), height_of(chart, line.values[i])});
  }
  finish();
}

/// Where a line's name goes: at the height of its last hour, not over another's.
void name_lines(Svg& svg, const Chart& chart) {
  struct Name {
    const Chart::Line* line;
    double y;
  };
  std::vector<Name> names;
  for (const auto& line : chart.lines) {
    const auto known = [](double value) { return !std::isnan(value); };
    const auto last = std::find_if(line.values.rbegin(), line.values.rend(), known);
    if (last != line.values.rend()) names.push_back({&line, height_of(chart, *last) + 4});
  }
  std::ranges::sort(names, {}, &Name::y);
  for (size_t i = 1; i < names.size(); ++i) names[i].y = std::max(names[i].y, names[i - 1].y + name_gap);
  double most = top + height - 2;
  for (size_t i = names.size(); i-- > 0; most -= name_gap) names[i].y = std::min(names[i].y, most);
  for (const Name& each : names) svg.text({x_of(24) + 8, each.y}, each.line->name, "line-name t-" + each.line->css);
}

}  // namespace

std::vector<double> round_ticks(double low, double high) {
  const double rough = std::max(high - low, 1e-6) / 5;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= rough) {
      step = factor * power;
      break;
    }
  std::vector<double> ticks{std::floor(low / step) * step};
  while (ticks.back() < high) ticks.push_back(ticks.back() + step);
  if (ticks.size() == 1) ticks.push_back(ticks.back() + step);
  return ticks;
}

std::string draw_chart(const Chart& chart, const std::vector<Band>& bands) {
  Svg svg(width, top + height + bottom);
  svg.rect({left, top}, width - left - right, height, "panel");
  draw_bands(svg, bands, top, top + height);
  for (const double tick : chart.ticks) {
    const double y = height_of(chart, tick);
    svg.line({left, y}, {x_of(24), y}, "grid");
    svg.text({left - 8, y + 4}, fmt::format("{:g}{}", tick, chart.unit), "tick", "end");
  }
  if (chart.limit > 0) {
    const double y = height_of(chart, chart.limit);
    svg.line({left, y}, {x_of(24), y}, "limit");
    svg.text({left + 6, y - 4}, chart.limit_name, "limit-name");
  }
  svg.text({left, 17}, chart.title, "chart-title");
  for (const auto& line : chart.lines) draw_line(svg, chart, line);
  name_lines(svg, chart);
  draw_hours(svg, top + height);
  return svg.str();
}

std::string draw_script(const Script& script, const std::vector<Band>& bands) {
  struct Placed {
    const Band* bar;
    double y;
  };
  std::vector<Placed> placed;
  std::vector<std::pair<double, const std::string*>> names;
  double y = 8;
  for (const auto& row : script.rows) {
    names.emplace_back(y, &row.name);
    std::vector<double> free_from(1, 0);
    for (const Band& bar : row.bars) {
      // A label stands behind its bar.
      const double begin = x_of(bar.from);
      const double end = x_of(bar.until) + 10 + 6.5 * static_cast<double>(bar.label.size());
      size_t line = 0;
      while (line < free_from.size() && free_from[line] > begin) ++line;
      if (line == free_from.size()) free_from.push_back(0);
      free_from[line] = end;
      placed.push_back({&bar, y + row_height * static_cast<double>(line)});
    }
    y += row_height * static_cast<double>(free_from.size()) + 6;
  }
  Svg svg(width, y + bottom);
  svg.rect({left, 4}, width - left - right, y - 4, "panel");
  draw_bands(svg, bands, 4, y);
  for (const auto& [at, name] : names) svg.text({left - 8, at + 14}, *name, "tick", "end");
  for (const auto& [bar, at] : placed) {
    const double x = x_of(bar->from), end = std::max(x + 3, x_of(bar->until));
    svg.rect({x, at + 4}, end - x, row_height - 8, bar->css);
    svg.text({end + 4, at + 14}, bar->label, "tick");
  }
  draw_hours(svg, y);
  return svg.str();
}

}  // namespace nearend::policy_world
