// Days of a simulated world, in which calls go where the real policy server says, or where a yardstick does.
//
//   policy_world [--seed 1,2,...] [--mode quality,generic,static,nearest,home,random,least-loaded,oracle]
//                [--seconds 3600] [--calls 12] [--episodes 1] [--call-seconds 120] [--instances 1] [--own-late 0]
//                [--late 0] [--restart 1]
//                [--replay 1] [--judge 1] [--json]
//
// Changes: a pair of areas gets another path than its last call; flaps: one that it had left less than 120 s before.
// --judge: the bounds of docs/benchmarks.md, quality against the oracle. Exit code 1: one does not hold.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

#include "policy_world/day.hpp"
#include "support/arguments.hpp"

using namespace nearend;
using namespace nearend::policy_world;
using namespace nearend::test;

namespace {

void tell(const std::string& mode, uint64_t seed, const Outcome& day, const std::string& remark, bool as_json) {
  if (as_json) {
    std::puts(told_as_json(mode, seed, day, remark).c_str());
  } else {
    fmt::print(
        "seed {:3} {:13} {:6} calls, MOS < 3.6 {:6.2f} %, mean MOS {:.3f}, mouth to ear {:6.1f} ms, stretch {:.3f}, "
        "overload {:6.0f} s, "
        "per 1000: moves {:5.1f}, changes {:5.1f}, flaps {:5.1f}; no route {} {}\n",
        seed, mode, day.calls, day.bad_percent(), day.mean_score, day.m2e_ms, day.stretch, day.overload_s,
        day.per_thousand(day.moves), day.per_thousand(day.changes), day.per_thousand(day.flaps), day.without_route,
        remark);
  }
  std::fflush(stdout);
}

/// The bounds; what does not hold is said.
bool holds(const Outcome& quality, const Outcome& oracle) {
  bool is_good = true;
  const auto check = [&](const char* what, double figure, double bound) {
    if (figure <= bound) return;
    fmt::print("  does not hold: {} {:.3f}, bound {:.3f}\n", what, figure, bound);
    is_good = false;
  };
  check("calls with MOS < 3.6, percent", quality.bad_percent(), 1);
  check("mouth to ear against the oracle", quality.m2e_ms / oracle.m2e_ms, 1.03);
  check("path stretch against the oracle", quality.stretch / oracle.stretch, 1.06);
  check("overload, gateway-seconds", quality.overload_s, 3 * oracle.overload_s + 60);
  check("moves per 1000", quality.per_thousand(quality.moves), 60);
  check("flaps per 1000", quality.per_thousand(quality.flaps), 120);
  return is_good;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  bool as_json = false;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--json") == 0)
      as_json = true;
    else if (std::strncmp(argv[i], "--", 2) == 0 && i + 1 < argc)
      arguments[argv[i] + 2] = argv[i + 1], ++i;
    else
      return std::fprintf(stderr,
                          "policy_world [--seed N] [--mode quality] [--json] ...: see the head of its main.cpp\n"),
             2;
  }
  PolicyPlan policy_plan{.instances = static_cast<int>(number_of(arguments, "instances", 1)),
                         .own_late_s = static_cast<int>(number_of(arguments, "own-late", 0)),
                         .others_late_s = static_cast<int>(number_of(arguments, "late", 0)),
                         .has_restart = number_of(arguments, "restart", 0) > 0,
                         .is_replayed = number_of(arguments, "replay", 0) > 0};
  const bool is_judged = number_of(arguments, "judge", 0) > 0;
  bool is_good = true;
  for (const std::string& seed : list_of(arguments, "seed", "1")) {
    WorldPlan plan{.seed = std::strtoull(seed.c_str(), nullptr, 10)};
    plan.seconds = static_cast<int>(number_of(arguments, "seconds", plan.seconds));
    plan.calls_per_second = number_of(arguments, "calls", plan.calls_per_second);
    plan.episodes = number_of(arguments, "episodes", plan.episodes);
    plan.mean_call_s = number_of(arguments, "call-seconds", plan.mean_call_s);
    World world(plan);
    std::map<std::string, Outcome> days;
    for (const std::string& mode : list_of(arguments, "mode", is_judged ? "quality,oracle" : "quality")) {
      auto guide = make_yardstick(mode, world);
      policy_plan.mode = mode;
      if (!guide) guide = make_policy(policy_plan, world);
      days[mode] = run_day(world, *guide);
      if (!guide->failure().empty()) return std::fprintf(stderr, "policy_world: %s\n", guide->failure().c_str()), 2;
      tell(mode, plan.seed, days[mode], guide->remark(), as_json);
    }
    if (is_judged) is_good &= holds(days["quality"], days["oracle"]);
  }
  return is_good ? 0 : 1;
}
