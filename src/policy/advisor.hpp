#pragma once

#include <map>
#include <string>
#include <vector>

#include "policy/move_judge.hpp"
#include "policy/policy.hpp"
#include "policy/report.hpp"

namespace nearend::policy {

struct AccountRules {
  std::string account;
  Mode mode = Mode::quality;
  std::vector<std::string> residency;  ///< Zone paths that its media must not leave.
};

struct AdvisorSettings {
  Mode mode = Mode::quality;
  LoadRules loads;
  MoveRules moves;
  std::vector<AccountRules> accounts;
};

/// The policy itself: takes reports, answers questions. Time comes in with each of them, randomness from the calls'
/// ids, so the same stream of reports and questions gives the same answers. Owner's thread.
class Advisor {
 public:
  Advisor(const Topology& topology, AdvisorSettings settings);

  RouteAnswer route(const RouteQuery& query, int64_t now_ms);
  RerouteAnswer reroute(const RerouteQuery& query, int64_t now_ms);
  /// All candidates of a question with what is believed of them, best first, for people.
  std::vector<RatedPath> candidates(const RouteQuery& query, int64_t now_ms);
  /// How many of its segments and loads were taken; 0 for strangers and for what was heard before.
  size_t take(const GatewayReport& report, int64_t now_ms);
  void take_load(GatewayId gateway, const LoadReport& load, int64_t now_ms) {
    loads_.report(gateway, load, now_ms, now_ms);
  }

  Mode mode_of(std::string_view account) const;
  const Places& places() const { return places_; }
  const PathModel& paths() const { return paths_; }
  const GatewayLoads& loads() const { return loads_; }
  /// The regions of a path as people read it: "eu/de1 - na/us1".
  std::string name_of(const RegionPath& path) const;

 private:
  /// The last 64 reports of a gateway that were heard.
  struct Heard {
    uint64_t newest = 0, mask = 0;
    bool is_new(uint64_t seq);
  };
  RouteWish wish_for(const RouteQuery& query, int64_t now_ms);
  End end_for(const Place& place);
  std::vector<RouteChoice> hops_of(const std::vector<GatewayId>& gateways) const;
  void describe(RouteAnswer& answer, const PlannedRoute& route) const;
  std::string reason_for(const Decision& decision) const;
  RouteAnswer by_rules(const RouteQuery& query, int64_t now_ms) const;

  AdvisorSettings settings_;
  Topology topology_;
  Places places_;
  PathModel paths_;
  GatewayLoads loads_;
  RouteChooser chooser_;
  MoveJudge moves_;
  Scale scale_;
  std::vector<Heard> heard_;
};

}  // namespace nearend::policy
