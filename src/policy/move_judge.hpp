#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>

#include "policy/move_budget.hpp"
#include "policy/route_chooser.hpp"

namespace nearend::policy {

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
  explicit MoveJudge(const MoveRules& rules = {}) : rules_(rules), budget_(rules) {}
  /// A call was given a route: that earns a part of a move.
  void count_call() { budget_.count_call(); }
  MoveBudget& budget() { return budget_; }
  const MoveBudget& budget() const { return budget_; }
  Move judge(RouteChooser& chooser, const Scale& scale, const RouteWish& wish, const Trouble& trouble);

 private:
  bool may_move(double gain, bool is_dead, int64_t now_ms);

  MoveRules rules_;
  MoveBudget budget_;
  std::unordered_map<uint64_t, int64_t> moved_ms_;  // by the call's hash
};

}  // namespace nearend::policy
