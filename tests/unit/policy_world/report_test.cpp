#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "policy_world/report.hpp"

using namespace nearend::policy_world;

namespace {

/// A day of three minutes with few calls under all guides of interest.
struct ShortDay {
  World world{WorldPlan{.seed = 3, .seconds = 180, .calls_per_second = 2, .mean_call_s = 18}};
  Days days;

  ShortDay() {
    for (const std::string guide : {"quality", "nearest", "home", "oracle"}) {
      auto who = make_yardstick(guide, world);
      if (!who) who = make_policy({.mode = guide}, world);
      auto diary = std::make_unique<Diary>(world, moments_of(world));
      diary->outcome = run_day(world, *who, diary.get());
      CHECK(who->failure().empty());
      days.all.push_back({guide, std::move(diary)});
    }
  }
};

size_t count(const std::string& text, std::string_view part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

}  // namespace

TEST_CASE("a day's diary holds what is possible, and its report shows every guide") {
  ShortDay day;
  const Diary& policy = *day.days.of("quality");
  for (const auto& [guide, diary] : day.days.all) {
    CAPTURE(guide);
    const Outcome& outcome = diary->outcome;
    CHECK(outcome.calls == policy.outcome.calls);
    CHECK(outcome.calls > 100);
    CHECK(outcome.mean_score > 1);
    CHECK(outcome.mean_score < 4.5);
    CHECK(outcome.stretch >= 0.99);
    double calls_s = 0;
    for (const auto& slot : diary->day) {
      calls_s += slot.call_s;
      CHECK(slot.bad_s <= slot.call_s);
      CHECK(slot.m2e_ms <= 2000 * slot.call_s);
      CHECK(slot.hottest >= 0);
      CHECK(slot.hottest < 20);
    }
    CHECK(calls_s > 1000);
  }
  size_t ended = 0;
  for (const auto& fate : policy.fates) ended += fate.has_ended && fate.score >= 1 && fate.score <= 4.5;
  CHECK(ended > policy.outcome.calls * 9 / 10);
  // One decision a call that got a route, one a move.
  CHECK(policy.decisions.size() == policy.outcome.calls - policy.outcome.without_route + policy.outcome.moves);
  for (const auto& decision : policy.decisions) {
    CHECK_FALSE(decision.reason.empty());
    CHECK(decision.estimate.confidence >= 0);
    CHECK(decision.estimate.confidence <= 1);
  }

  const auto file = std::filesystem::temp_directory_path() / "nearend-policy-day-test" / "report.html";
  REQUIRE(write_report(day.world, day.days, file).has_value());
  std::stringstream page;
  page << std::ifstream(file).rdbuf();
  std::filesystem::remove_all(file.parent_path());
  const std::string text = page.str();
  for (const std::string_view guide : {"quality", "nearest", "home", "oracle"}) {
    CAPTURE(guide);
    CHECK(count(text, fmt::format("<polyline class=\"curve {}\"", guide)) >= 3);
    CHECK(count(text, fmt::format("line-name t-{}", guide)) >= 3);
  }
  CHECK(count(text, "<svg") == 5 + 2 * policy.snapshots.size());
  CHECK(count(text, "confidence ") >= 3);
  CHECK(count(text, "</html>") == 1);
  for (const std::string_view wrong : {"nan", "-inf", "src=", "href=\"http"})
    CHECK_MESSAGE(count(text, wrong) == 0, wrong);
}

TEST_CASE("an axis has round ticks that reach what is shown") {
  CHECK(round_ticks(0, 10) == std::vector<double>{0, 2, 4, 6, 8, 10});
  const auto ticks = round_ticks(103, 211);
  CHECK(ticks.front() == 100);
  CHECK(ticks.back() >= 211);
  CHECK(ticks.size() <= 7);
  CHECK(round_ticks(0, 0).size() > 1);
}
