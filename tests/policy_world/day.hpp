#pragma once

#include "policy_world/guide.hpp"

namespace nearend::policy_world {

/// How a day went under one guide.
struct Outcome {
  size_t calls = 0, bad = 0, moves = 0, changes = 0, flaps = 0, without_route = 0;
  double mean_score = 0, m2e_ms = 0, stretch = 0;
  double overload_s = 0;  ///< Gateway-seconds above capacity.
  double per_thousand(size_t count) const {
    return calls ? 1000.0 * static_cast<double>(count) / static_cast<double>(calls) : 0;
  }
  double bad_percent() const { return per_thousand(bad) / 10; }
};

/// Runs the world's day: calls come and go, each second each call hears what its way is like, gateways report, and
/// calls that are bad for 2 s ask for another route.
Outcome run_day(World& world, Guide& guide);

}  // namespace nearend::policy_world
