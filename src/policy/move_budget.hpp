#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

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

/// What an instance of the policy server has counted since it began to.
struct MoveCounts {
  int64_t since_ms = 0;  ///< By its own clock; tells a start from the one before.
  uint64_t calls = 0, moves = 0, rescues = 0;
};

/// How many calls may move, over all instances of the policy server, without asking anybody. Each instance keeps an
/// account of the whole fleet: it fills by the fleet's rates, pays for its own moves at once and for the others' when
/// it hears of them, and may be in debt for those. So idle instances' moves are there for whoever needs them, and over
/// time all grant together what one alone would. Two things bound what late or wrong news can do: nobody spends more at
/// once than his part of the burst, and his part of the rate is his whatever the account says. Of instances that are
/// known but not heard of, the account has no part: when the fleet falls in two, each side moves what is its part.
/// Owner's thread.
class MoveBudget {
 public:
  explicit MoveBudget(const MoveRules& rules);

  /// How many instances there are, this one among them, and how many of them are heard of.
  void set_instances(size_t known, size_t live);
  void count_call();
  /// Points that a move must bring now: the more, the fewer moves are left.
  double gain_needed() const;
  bool take_move(int64_t now_ms);
  bool take_rescue(int64_t now_ms);
  const MoveCounts& counts() const { return counts_; }
  double moves_left() const { return moves_.fleet; }

  /// What another instance, by its number, has counted. In any order, and again: only what is more than before counts,
  /// and no more of it than the rules let anybody grant.
  void hear(size_t source, const MoveCounts& told, int64_t now_ms);

 private:
  /// Of one kind of moves, filled by time.
  struct Account {
    double per_second = 0, burst = 0;
    bool takes_all_at_once = false;  // one instance may spend the whole burst before the others hear of it
    double fleet = 0;                // of all, below 0 where others' moves are not paid yet
    double own = 0;                  // what we may spend of it at once
    double part = 0;                 // ours in any case
    int64_t at_ms = -1;
    void fill(double known, double live, int64_t now_ms);
    bool has(bool is_fleet_earned, bool is_part_earned) const;
    void spend();
    void pay(double count);
  };
  struct Other {
    bool is_heard = false;
    MoveCounts counts;
    double moves_allowed = 0, rescues_allowed = 0, calls_allowed = 0;
    int64_t at_ms = 0;
  };

  MoveRules rules_;
  double known_ = 1, live_ = 1;
  Account moves_, rescues_;
  double earned_, part_earned_;  // by calls: of the fleet, and of ours
  MoveCounts counts_;
  std::vector<Other> others_;  // by number
};

}  // namespace nearend::policy
