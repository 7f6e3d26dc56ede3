#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <unordered_map>

#include "policy/route_chooser.hpp"

namespace nearend::policy {

struct MoveRules {
  double worse_than = 72;                         ///< Points below which a call may move.
  double gain = 8;                                ///< Points that the other route must be better by;
  double scarce_gain = 24;                        ///< so many when the fleet's moves are all but used up.
  int64_t dwell_ms = 40'000;                      ///< From one move of a call to its next.
  double moves_per_second = 4, moves_burst = 60;  ///< Of the whole fleet, and
  double moves_per_call = 0.04;                   ///< no more than that of the calls that were given a route.
  /// Of calls whose way is all but dead: waiting does them more harm than moving.
  double rescues_per_second = 50, rescues_burst = 500;
};

/// What a call that is up sees of its way.
struct Trouble {
  RegionPath path;
  bool is_gone = false;  ///< One of its gateways is gone or draining.
  double rtt_ms = 0, loss = 0, jitter_ms = 0;
  bool is_between = false;  ///< Not at its accesses.
  std::optional<int64_t> moved_ms =
      {};  ///< When it moved last, as its gateway knows: another instance may have said so.
};

struct Move {
  enum class Why : uint8_t { good_enough, no_better, dwells, too_many, nothing, moves } why = Why::nothing;
  PlannedRoute to;
  double now_points = 0, gain = 0;
};

/// Says whether a call that asks should move: only what is bad, only for much better, not again soon, and not everybody
/// at once. Owner's thread.
class MoveJudge {
 public:
  explicit MoveJudge(MoveRules rules = {}) : rules_(rules), earned_(rules.moves_burst) {}
  /// A call was given a route: that earns a part of a move.
  void count_call() { earned_ = std::min(rules_.moves_burst, earned_ + rules_.moves_per_call); }
  Move judge(RouteChooser& chooser, const Scale& scale, const RouteWish& wish, const Trouble& trouble);

 private:
  struct Bucket {
    double tokens = 0;
    int64_t at_ms = -1;
    bool take(double per_second, double burst, int64_t now_ms);
  };
  MoveRules rules_;
  bool may_move(double gain, bool is_dead, int64_t now_ms);

  Bucket moves_, rescues_;
  double earned_;
  std::unordered_map<uint64_t, int64_t> moved_ms_;  // by the call's hash
};

}  // namespace nearend::policy
