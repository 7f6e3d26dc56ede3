#pragma once

#include "policy_world/guide.hpp"

namespace nearend::policy_world {

inline constexpr double bad_score = 3.6;  ///< A call below this is a bad one.

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

/// The figures as one line of JSON.
std::string told_as_json(const std::string& guide, uint64_t seed, const Outcome& day, const std::string& remark);

/// A call that is up.
struct Live {
  size_t id = 0;  ///< Its place among the demand's calls.
  const PlannedCall* call = nullptr;
  Route route;
  double until_s = 0;
  policy::Worth now;              ///< What this second is worth.
  double scores = 0, m2e_ms = 0;  // sums over what was heard
  int heard_s = 0, bad_s = 0;

  double mean_score() const { return heard_s ? scores / heard_s : 4; }
  double mean_m2e_ms() const { return heard_s ? m2e_ms / heard_s : 0; }
};

/// Watches a day pass.
class Witness {
 public:
  virtual ~Witness() = default;
  /// A call has got its route; `answer`: what the guide said of it, if it gives reasons.
  virtual void began(const Live& call, const policy::RouteAnswer* answer) = 0;
  virtual void moved(const Live& call, int second, const Route& before, const policy::RouteAnswer* answer) = 0;
  virtual void ended(const Live& call) = 0;
  /// All calls that are up have heard this second.
  virtual void passed(int second, const std::vector<Live>& calls) = 0;
};

/// Runs the world's day: calls come and go, each second each call hears what its way is like, gateways report, and
/// calls that are bad for 2 s ask for another route.
Outcome run_day(World& world, Guide& guide, Witness* witness = nullptr);

}  // namespace nearend::policy_world
