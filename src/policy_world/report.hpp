#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "policy_world/chart.hpp"
#include "policy_world/diary.hpp"

namespace nearend::policy_world {

/// The days of all guides, in the order they are shown.
struct Days {
  struct One {
    std::string guide;  ///< "quality", "nearest", ...
    std::unique_ptr<Diary> diary;
  };
  std::vector<One> all;

  const Diary* of(std::string_view guide) const;
};

/// What readers call a guide: "policy", "always home".
std::string_view name_of(std::string_view guide);

/// The day as people read it. Times in seconds of the world.
struct DayWords {
  const World& world;

  double hour(double second) const { return second / world.plan.seconds * 24; }
  std::string clock(double second) const;  ///< "14:05", UTC.
  std::string city(int region) const { return world.geography.regions[region].city; }
  std::string route(const Route& route) const;  ///< "Paris → Tokyo"
  std::string people(int area) const;           ///< "a mobile in Paris"
};

/// Seconds before, in the middle of and after the outage, as far as the day goes.
std::vector<int> moments_of(const World& world);

/// Maps of where calls went at those moments, with the policy and by nearest.
std::string draw_maps(const World& world, const Days& days);
/// Decisions of the policy in words, with what the same calls met by other guides.
std::string tell_decisions(const World& world, const Days& days);

/// Writes the report; needs a day of "quality" among them.
Result<void> write_report(const World& world, const Days& days, const std::filesystem::path& file);

}  // namespace nearend::policy_world
