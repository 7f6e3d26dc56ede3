#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "policy/policy.hpp"
#include "policy/report.hpp"
#include "policy/score.hpp"
#include "policy_world/demand.hpp"

namespace nearend::policy_world {

/// The gateways of the world as they are now.
struct Fleet {
  struct Gateway {
    std::string name;
    int region = 0;
    double capacity = 1, used = 0;
  };
  std::vector<Gateway> gateways;
  std::vector<std::vector<int>> in_region;
  std::vector<int> homes;  ///< Media nodes of the home regions, big enough for all; no policy knows them.
};

/// Gateways from side a to side b.
using Route = std::vector<int>;

struct World {
  Geography geography;
  WorldPlan plan;
  Weather weather;
  Demand demand;
  Fleet fleet;
  policy::Scale scale;

  explicit World(const WorldPlan& plan);
  bool is_out(int gateway, int second) const { return weather.is_out(fleet.gateways[gateway].region, second); }
  /// What a call hears over these regions; overload counts when `with_load`.
  policy::Estimate heard(const PlannedCall& call, const Route& route, int second, bool with_load) const;
  policy::Worth worth(const policy::Estimate& heard) const {
    return scale.worth(heard, policy::MediaKind::audio, rtp::g711_concealed, policy::Mode::quality);
  }
  /// One way over the undisturbed path.
  double base_ms(const PlannedCall& call, const std::vector<int>& regions) const;
  std::vector<int> nearest(int area, size_t count) const;
};
/// Share of packets that a gateway above its capacity loses.
double overload_loss(const Fleet::Gateway& gateway);

/// Who decides where calls go.
class Guide {
 public:
  virtual ~Guide() = default;
  virtual Route choose(const PlannedCall& call, size_t id, double at_s, const Route& refused) = 0;
  /// A call that has been bad for 2 s asks for another route.
  virtual std::optional<Route> move(const PlannedCall&, size_t, double, const Route&, const policy::Estimate&) {
    return {};
  }
  /// What the gateways tell at the end of a second.
  virtual void report(int, std::vector<policy::GatewayReport>) {}
  virtual bool wants_reports() const { return false; }
  /// What the last choice or move was, in the policy's words; nothing: this guide gives no reasons.
  virtual const policy::RouteAnswer* answered() const { return nullptr; }
  /// What made it fail; empty: nothing did. It is of no use after that.
  virtual const std::string& failure() const {
    static const std::string none;
    return none;
  }
  /// Tells of itself when all is over.
  virtual std::string remark() const { return {}; }
};

/// "nearest", "home", "random", "least-loaded", "oracle".
std::unique_ptr<Guide> make_yardstick(const std::string& name, const World& world);

struct PolicyPlan {
  std::string mode = "quality";
  int instances = 1;
  int own_late_s = 0, others_late_s = 0;  ///< How old what an instance hears is.
  bool has_restart = false;               ///< One instance loses all in the middle.
  bool is_replayed = false;  ///< All that was asked and told is played to a new server, which must answer the same.
};
std::unique_ptr<Guide> make_policy(const PolicyPlan& plan, const World& world);

}  // namespace nearend::policy_world
