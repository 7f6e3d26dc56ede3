#include <unistd.h>

#include <array>
#include <cstdio>

#include "policy_world/command.hpp"
#include "policy_world/report.hpp"

namespace nearend::policy_world {
namespace {

constexpr int failed = 1, wrong_use = 2;
constexpr std::array guides{"quality", "nearest", "home", "least-loaded", "random", "oracle"};
constexpr double usual_call_s = 120;

int complain(int status, std::string_view text) {
  fmt::print(stderr, "nearend lab policy: {}\n", text);
  return status;
}

/// A diary that says on standard error how far its day is: in place on a terminal, else once at the begin.
class CountingDiary : public Diary {
 public:
  CountingDiary(const World& world, size_t index, std::string_view guide)
      : Diary(world, moments_of(world)),
        world_(world),
        words_(fmt::format("day {} of {}, {}", index + 1, guides.size(), name_of(guide))) {
    if (!is_terminal_) fmt::print(stderr, "{}\n", words_);
  }
  void passed(int second, const std::vector<Live>& calls) override {
    Diary::passed(second, calls);
    const int percent = 100 * (second + 1) / world_.plan.seconds;
    if (is_terminal_ && percent != told_) fmt::print(stderr, "\r{}: {:3} % \033[K", words_, percent);
    told_ = percent;
  }
  ~CountingDiary() override = default;
  void clear() const {
    if (is_terminal_) fmt::print(stderr, "\r\033[K");
  }

 private:
  const World& world_;
  std::string words_;
  bool is_terminal_ = ::isatty(STDERR_FILENO) != 0;
  int told_ = -1;
};

void print_table(const Days& days) {
  fmt::print("{:13} {:>7} {:>10} {:>9} {:>13} {:>8} {:>12} {:>7} {:>7}\n", "guide", "calls", "MOS < 3.6", "mean MOS",
             "mouth to ear", "stretch", "overload", "moves", "flaps");
  for (const auto& [guide, diary] : days.all) {
    const Outcome& day = diary->outcome;
    fmt::print("{:13} {:7} {:8.2f} % {:9.2f} {:10.1f} ms {:8.3f} {:7.0f} gw-s {:7.1f} {:7.1f}\n", name_of(guide),
               day.calls, day.bad_percent(), day.mean_score, day.m2e_ms, day.stretch, day.overload_s,
               day.per_thousand(day.moves), day.per_thousand(day.flaps));
  }
  fmt::print(
      "Stretch: the way against the shortest; overload: gateway-seconds above capacity; moves and flaps per 1000 "
      "calls.\n");
}

}  // namespace

int run_policy_day(const PolicyDayOptions& options) {
  if (!(options.hours >= 0.05 && options.hours <= 24)) return complain(wrong_use, "--hours wants 0.05 to 24");
  if (!(options.calls_per_second >= 0.5 && options.calls_per_second <= 1000))
    return complain(wrong_use, "--calls wants 0.5 to 1000 a second");
  if (!(options.load >= 0.1 && options.load <= 10)) return complain(wrong_use, "--load wants 0.1 to 10");
  WorldPlan plan{.seed = options.seed};
  plan.seconds = static_cast<int>(options.hours * 3600);
  plan.calls_per_second = options.calls_per_second;
  plan.load = options.load;
  // A day that is pressed into minutes has shorter calls: they should see no more of it than they would.
  plan.mean_call_s = std::min(usual_call_s, plan.seconds / 10.0);
  World world(plan);
  Days days;
  for (size_t i = 0; i < guides.size(); ++i) {
    auto guide = make_yardstick(guides[i], world);
    if (!guide) guide = make_policy({.mode = guides[i]}, world);
    auto diary = std::make_unique<CountingDiary>(world, i, guides[i]);
    diary->outcome = run_day(world, *guide, diary.get());
    diary->clear();
    if (!guide->failure().empty()) return complain(failed, guide->failure());
    if (options.is_json) fmt::print("{}\n", told_as_json(guides[i], plan.seed, diary->outcome, guide->remark()));
    days.all.push_back({guides[i], std::move(diary)});
  }
  if (!options.is_json) print_table(days);
  const auto file = std::filesystem::path(options.directory) / "report.html";
  if (auto written = write_report(world, days, file); !written) return complain(failed, written.error().text);
  if (!options.is_json) fmt::print("\nThe day in pictures: {}\n", file.string());
  return 0;
}

}  // namespace nearend::policy_world
