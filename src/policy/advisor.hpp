#pragma once

#include <map>
#include <string>
#include <vector>

#include "policy/move_judge.hpp"
#include "policy/policy.hpp"
#include "policy/provider_choice.hpp"
#include "policy/report.hpp"
#include "policy/summary.hpp"

namespace nearend::policy {

struct AccountRules {
  std::string account;
  Mode mode = Mode::quality;
  std::vector<std::string> residency;  ///< Zone paths that its media must not leave.
};

struct AdvisorSettings {
  std::string name = "policy";  ///< Of this instance, among its like.
  size_t instances = 1;         ///< How many there are at least, this one among them.
  Mode mode = Mode::quality;
  LoadRules loads;
  MoveRules moves;
  ProviderRules providers;
  std::vector<AccountRules> accounts;
};

/// What was told and not believed, since the start.
struct Refused {
  uint64_t strangers = 0;  ///< Reports of gateways that the topology does not know.
  uint64_t repeated = 0;   ///< Reports that were heard before.
  uint64_t clocks = 0;     ///< Reports whose time cannot be: they count as of now.
  uint64_t unknown = 0;    ///< Segments of regions that the topology does not know, providers above the number kept.
};

/// The policy itself: takes reports, answers questions. Time comes in with each of them, randomness from the calls'
/// ids, so the same stream of reports and questions gives the same answers. Owner's thread.
class Advisor {
 public:
  Advisor(const Topology& topology, AdvisorSettings settings);

  RouteAnswer route(const RouteQuery& query, int64_t now_ms);
  /// Providers for a number, best first, of all gateways; the first counts as taken.
  ProviderAnswer providers(const ProviderQuery& query, int64_t now_ms);
  /// The same for people: nothing is taken.
  ProviderAnswer explain_providers(const ProviderQuery& query, int64_t now_ms);
  RerouteAnswer reroute(const RerouteQuery& query, int64_t now_ms);
  /// All candidates of a question with what is believed of them, best first, for people.
  std::vector<RatedPath> candidates(const RouteQuery& query, int64_t now_ms);
  /// How many of its segments and loads were taken; 0 for strangers and for what was heard before.
  size_t take(const GatewayReport& report, int64_t now_ms);
  void take_load(GatewayId gateway, const LoadReport& load, int64_t now_ms) {
    loads_.report(gateway, load, now_ms, now_ms);
  }
  /// What another instance has heard. Each segment and each load keeps the newest that each of them said, so the same
  /// summaries in any order, some of them twice or not at all, lead to the same beliefs. What nobody knows of or could
  /// be is counted in `summary.left_out`; an error when the instance is not to be believed at all.
  Result<size_t> take(Summary& summary, int64_t now_ms);
  /// Something was given to a gateway otherwise than by a route; it holds until the gateway's reports have it.
  void reserve(GatewayId gateway, double units, int64_t now_ms) { loads_.reserve(gateway, units, now_ms); }
  /// What was heard here lately, for the others.
  Summary summary(int64_t now_ms);
  const std::vector<Instance>& instances() const { return instances_; }
  /// Other instances that were heard of lately.
  size_t live_instances(int64_t now_ms) const;

  const Refused& refused() const { return refused_; }

  Mode mode_of(std::string_view account) const;
  const Places& places() const { return places_; }
  const PathModel& paths() const { return paths_; }
  const GatewayLoads& loads() const { return loads_; }
  const MoveBudget& moves() const { return moves_.budget(); }
  const ProviderBook& provider_book() const { return book_; }
  /// The regions of a path as people read it: "eu/de1 - na/us1".
  std::string name_of(const RegionPath& path) const;

 private:
  /// The last 64 reports of a gateway that were heard.
  struct Heard {
    uint64_t newest = 0, mask = 0;
    int64_t at_ms = 0;
    bool is_new(uint64_t seq, int64_t now_ms);
  };
  void tidy(int64_t now_ms);
  void count_instances(int64_t now_ms);
  SourceId source_of(const Summary& summary, int64_t now_ms);
  bool take(const SegmentSummary& segment, SourceId source, uint64_t seq, int64_t now_ms);
  ProviderWish provider_wish_for(const ProviderQuery& query, int64_t now_ms) const;
  ProviderAnswer answer_of(const ProviderOrder& order, const ProviderWish& wish) const;
  void add_providers(RouteAnswer& answer, const ProviderWish& wish, const Decision& decision);
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
  ProviderBook book_;
  ProviderChoice provider_choice_;
  RouteChooser chooser_;
  MoveJudge moves_;
  Scale scale_;
  std::vector<Heard> heard_;
  std::vector<Instance> instances_;  // by source; the first is this one
  Refused refused_;
  int64_t tidied_ms_ = 0, counting_since_ms_ = -1;
  uint64_t told_ = 0;  // the sequence of the last summary
};

}  // namespace nearend::policy
