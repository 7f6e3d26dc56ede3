#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "policy_world/day.hpp"

namespace nearend::policy_world {

/// One guide's day, kept for the report: curves over the day, what became of each call, why, and where all went at a
/// few moments.
class Diary : public Witness {
 public:
  static constexpr int slots = 96;

  /// What a slot of the day was like. Shares are of call-seconds and of capacity.
  struct Slot {
    double call_s = 0, bad_s = 0, m2e_ms = 0;
    double hottest = 0;  ///< The fullest gateway's load in its fullest second; those that are out do not count.
    int moves = 0;
  };
  struct Fate {
    Route route;  ///< The first.
    double score = 0, m2e_ms = 0;
    bool has_ended = false;
  };
  /// An answer of the policy. `before` is empty: a call began.
  struct Decision {
    size_t id = 0;
    double at_s = 0;
    Route before, route;
    policy::RouteEstimate estimate;
    std::string reason;
  };
  /// Where calls are at a moment. Those of `people` have an end whose nearest region is the one that is to fail.
  struct Snapshot {
    struct Flow {
      int people = 0, others = 0;
    };
    int second = 0;
    std::map<std::pair<int, int>, Flow> hops;   ///< Between two regions with gateways, the lower index first.
    std::map<std::pair<int, int>, int> access;  ///< Legs of those people: from their region to the gateway's.
    std::vector<double> load;                   ///< Of each region's fuller gateway, against capacity.
  };

  Diary(const World& world, std::vector<int> moments);
  void began(const Live& call, const policy::RouteAnswer* answer) override;
  void moved(const Live& call, int second, const Route& before, const policy::RouteAnswer* answer) override;
  void ended(const Live& call) override;
  void passed(int second, const std::vector<Live>& calls) override;

  Outcome outcome;  ///< Set by who ran the day.
  std::vector<Slot> day;
  std::vector<Fate> fates;  ///< By call.
  std::vector<Decision> decisions;
  std::vector<Snapshot> snapshots;

 private:
  Slot& slot_of(int second);
  Snapshot snapshot(int second, const std::vector<Live>& calls) const;

  const World& world_;
  std::vector<int> moments_;
  std::vector<bool> is_of_people_;  // by area
};

}  // namespace nearend::policy_world
