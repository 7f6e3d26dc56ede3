#pragma once

#include <string>
#include <vector>

#include "lab/svg.hpp"

namespace nearend::policy_world {

/// A stretch of the day that is tinted in every chart; `from` and `until` in hours.
struct Band {
  double from = 0, until = 0;
  std::string css, label;
};

/// Curves over the 24 hours of a day, with their names at their ends.
struct Chart {
  struct Line {
    std::string name, css;
    std::vector<double> values;  ///< At equal steps over the day; not a number where there is none.
  };
  std::string title;
  std::vector<Line> lines;
  std::vector<double> ticks;  ///< Of the upright axis; the first and the last are its ends.
  std::string unit;           ///< Behind each tick's number.
  bool is_root = false;       ///< Heights by square root: small and large figures both seen.
  double limit = 0;           ///< A dashed level with a name; 0: none.
  std::string limit_name;
};
std::string draw_chart(const Chart& chart, const std::vector<Band>& bands);

/// Rows of what happened when; bars of a row that overlap get lines of their own.
struct Script {
  struct Row {
    std::string name;
    std::vector<Band> bars;
  };
  std::vector<Row> rows;
};
std::string draw_script(const Script& script, const std::vector<Band>& bands);

/// Ticks from 0 (or a round number below `low`) that reach `high`.
std::vector<double> round_ticks(double low, double high);

}  // namespace nearend::policy_world
