#include "policy/move_judge.hpp"

#include <algorithm>

namespace nearend::policy {
namespace {

constexpr size_t moved_max = 100'000;
/// A rating that nobody talks over: such a call is rescued rather than moved.
constexpr double dead_points = 20;
constexpr double unexplained_loss = 0.03;

/// The part of the segments where the trouble may lie that the path has too.
double shared_part(const RegionPath& a, const Trouble& trouble) {
  const RegionPath& b = trouble.path;
  size_t suspects = b.count - 1U, shared = 0;
  if (!trouble.is_between || suspects == 0) {
    shared = (a.regions[0] == b.regions[0]) + (a.regions[a.count - 1] == b.regions[b.count - 1]);
    suspects += 2;
  }
  for (size_t i = 1; i < a.count; ++i)
    for (size_t k = 1; k < b.count; ++k) shared += a.regions[i - 1] == b.regions[k - 1] && a.regions[i] == b.regions[k];
  return static_cast<double>(shared) / static_cast<double>(suspects);
}

}  // namespace

bool MoveJudge::may_move(double gain, bool is_dead, int64_t now_ms) {
  if (is_dead) return budget_.take_rescue(now_ms);
  return gain >= budget_.gain_needed() && budget_.take_move(now_ms);
}

Move MoveJudge::judge(RouteChooser& chooser, const Scale& scale, const RouteWish& wish, const Trouble& trouble) {
  Move move;
  std::vector<RatedPath> all = chooser.candidates(wish);
  RatedPath current = chooser.rate(wish, trouble.path);
  Estimate seen = current.estimate;
  seen.loss = std::max(seen.loss, trouble.loss);
  if (trouble.rtt_ms > 0) seen.delay_ms = std::max(seen.delay_ms, trouble.rtt_ms / 2);
  seen.jitter_ms = std::max(seen.jitter_ms, trouble.jitter_ms);
  move.now_points = trouble.is_gone ? 0 : scale.worth(seen, wish.media, wish.codec, wish.mode).points;
  if (move.now_points >= rules_.worse_than) {
    move.why = Move::Why::good_enough;
    return move;
  }
  // What the call suffers and no report explains yet may lie on any of its segments: who shares them is suspect.
  const bool is_unexplained = trouble.loss > current.estimate.loss + unexplained_loss;
  const double missing = is_unexplained ? std::max(0.0, current.worth.points - move.now_points) : 0;
  const RatedPath* best = nullptr;
  double best_points = 0;
  for (const RatedPath& each : all) {
    if (each.path == trouble.path && !trouble.is_gone) continue;
    const double points = each.points - missing * shared_part(each.path, trouble);
    if (best && points <= best_points) continue;
    best = &each;
    best_points = points;
  }
  if (!best) return move;
  move.gain = best_points - move.now_points;
  if (move.gain <= rules_.gain) {
    move.why = Move::Why::no_better;
    return move;
  }
  const uint64_t call = std::hash<std::string_view>{}(wish.call);
  std::optional<int64_t> moved = trouble.moved_ms;
  if (const auto own = moved_ms_.find(call); own != moved_ms_.end())
    moved = std::max(moved.value_or(own->second), own->second);
  const bool is_dead = trouble.is_gone || move.now_points < dead_points;
  if (moved && wish.now_ms - *moved < (is_dead ? rules_.dwell_ms / 8 : rules_.dwell_ms)) {
    move.why = Move::Why::dwells;
    return move;
  }
  const bool may = may_move(move.gain, is_dead, wish.now_ms);
  if (!may) {
    move.why = Move::Why::too_many;
    return move;
  }
  move.to = {*best, chooser.gateways_for(wish, best->path)};
  if (move.to.gateways.empty()) {
    move.why = Move::Why::nothing;
    return move;
  }
  chooser.reserve(wish, move.to.gateways);
  if (moved_ms_.size() >= moved_max)
    std::erase_if(moved_ms_, [&](const auto& each) { return wish.now_ms - each.second > rules_.dwell_ms; });
  moved_ms_[call] = wish.now_ms;
  move.why = Move::Why::moves;
  return move;
}

}  // namespace nearend::policy
