#include "policy/move_budget.hpp"

#include <algorithm>
#include <utility>

namespace nearend::policy {
namespace {

/// More calls than that nobody is given routes for; what is told beyond is not believed.
constexpr double calls_per_second_max = 2000;

/// How much more was told than before, at most what is allowed.
double more(uint64_t told, uint64_t before, double& allowed) {
  if (told <= before) return 0;
  const double counted = std::min(static_cast<double>(told - before), allowed);
  allowed -= counted;
  return counted;
}

}  // namespace

MoveBudget::MoveBudget(const MoveRules& rules)
    : rules_(rules),
      moves_{.per_second = rules.moves_per_second, .burst = rules.moves_burst},
      rescues_{.per_second = rules.rescues_per_second, .burst = rules.rescues_burst, .takes_all_at_once = true},
      earned_(rules.moves_burst),
      part_earned_(rules.moves_burst) {}

void MoveBudget::set_instances(size_t known, size_t live) {
  known_ = static_cast<double>(std::max<size_t>(known, 1));
  live_ = std::min(static_cast<double>(std::max<size_t>(live, 1)), known_);
  part_earned_ = std::min(part_earned_, rules_.moves_burst / known_);
}

void MoveBudget::Account::fill(double known, double live, int64_t now_ms) {
  const double reached = live / known;
  if (at_ms < 0) fleet = own = part = burst;
  const double seconds = at_ms < 0 ? 0 : static_cast<double>(std::max<int64_t>(now_ms - at_ms, 0)) / 1000;
  at_ms = std::max(at_ms, now_ms);
  fleet = std::min(burst * reached, fleet + per_second * reached * seconds);
  own = std::min(takes_all_at_once ? burst * reached : burst / known, own + per_second * reached * seconds);
  part = std::min(burst / known, part + per_second / known * seconds);
}

bool MoveBudget::Account::has(bool is_fleet_earned, bool is_part_earned) const {
  return (own >= 1 && fleet >= 1 && is_fleet_earned) || (part >= 1 && is_part_earned);
}

void MoveBudget::Account::spend() {
  pay(1);
  own = std::max(0.0, own - 1);
  part = std::max(0.0, part - 1);
}

void MoveBudget::Account::pay(double count) {
  fleet = std::max(-burst, fleet - count);
}

void MoveBudget::count_call() {
  ++counts_.calls;
  earned_ = std::min(rules_.moves_burst, earned_ + rules_.moves_per_call);
  part_earned_ = std::min(rules_.moves_burst / known_, part_earned_ + rules_.moves_per_call);
}

double MoveBudget::gain_needed() const {
  const double left = std::max(earned_, part_earned_ * known_) / rules_.moves_burst;
  return rules_.gain + (rules_.scarce_gain - rules_.gain) * (1 - std::clamp(left, 0.0, 1.0));
}

bool MoveBudget::take_move(int64_t now_ms) {
  moves_.fill(known_, live_, now_ms);
  if (!moves_.has(earned_ >= 1, part_earned_ >= 1)) return false;
  moves_.spend();
  earned_ = std::max(-rules_.moves_burst, earned_ - 1);
  part_earned_ = std::max(0.0, part_earned_ - 1);
  ++counts_.moves;
  return true;
}

bool MoveBudget::take_rescue(int64_t now_ms) {
  rescues_.fill(known_, live_, now_ms);
  if (!rescues_.has(true, true)) return false;
  rescues_.spend();
  ++counts_.rescues;
  return true;
}

void MoveBudget::hear(size_t source, const MoveCounts& told, int64_t now_ms) {
  if (source >= others_.size()) others_.resize(source + 1);
  Other& other = others_[source];
  const double seconds = static_cast<double>(std::max<int64_t>(now_ms - other.at_ms, 0)) / 1000;
  const auto allow = [&](double& allowed, double per_second, double burst) {
    allowed = other.is_heard ? std::min(burst, allowed + per_second * seconds) : burst;
  };
  allow(other.moves_allowed, rules_.moves_per_second, rules_.moves_burst);
  allow(other.rescues_allowed, rules_.rescues_per_second, rules_.rescues_burst);
  allow(other.calls_allowed, calls_per_second_max, 10 * calls_per_second_max);
  other.at_ms = std::max(other.at_ms, now_ms);
  // What it did before we knew of it was long ago, or we were not there; of what is older than its start we know.
  if (!std::exchange(other.is_heard, true)) {
    other.counts = told;
    return;
  }
  if (told.since_ms < other.counts.since_ms) return;
  if (told.since_ms > other.counts.since_ms) other.counts = {.since_ms = told.since_ms};
  const double moves = more(told.moves, other.counts.moves, other.moves_allowed);
  const double calls = more(told.calls, other.counts.calls, other.calls_allowed);
  moves_.fill(known_, live_, now_ms);
  moves_.pay(moves);
  rescues_.fill(known_, live_, now_ms);
  rescues_.pay(more(told.rescues, other.counts.rescues, other.rescues_allowed));
  earned_ = std::clamp(earned_ + rules_.moves_per_call * calls - moves, -rules_.moves_burst, rules_.moves_burst);
  other.counts = {told.since_ms, std::max(told.calls, other.counts.calls), std::max(told.moves, other.counts.moves),
                  std::max(told.rescues, other.counts.rescues)};
}

}  // namespace nearend::policy
