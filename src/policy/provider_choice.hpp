#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/gateway_loads.hpp"
#include "policy/provider_book.hpp"
#include "policy/score.hpp"

namespace nearend::policy {

/// What a provider's flaws cost, in the points that routes are rated by (1 point: 1 of R, or 17 ms).
struct ProviderRules {
  double cost = 10;      ///< The dearest of those that take the number, against the cheapest.
  double failures = 60;  ///< One that fails every call: 0.6 for one call in a hundred.
  double score = 10;     ///< One of mean opinion score; not in mode generic.
  double delay = 1;      ///< A second of post-dial delay.
};

struct ProviderWish {
  std::string_view call, number;
  Mode mode = Mode::quality;
  RegionId near = no_region;
  /// Gateways may be named alone: then none of theirs is wanted.
  std::vector<std::pair<GatewayId, std::string>> exclude;
  int64_t now_ms = 0;
};

struct RatedProvider {
  GatewayId gateway = no_gateway;
  KnownProvider* provider = nullptr;
  size_t prefix = 0;
  KnownProvider::Standing standing = KnownProvider::Standing::open;
  bool is_probe = false;  ///< Suspect, and to be tried again: rated as if it were well.
  double points = 0;      ///< 0 for the best there can be.
  ProviderEstimate estimate;
};

/// How the first was chosen.
enum class ProviderWhy : uint8_t { nothing, rules, best, shared, probe, last_resort };
std::string_view to_string(ProviderWhy why);

struct ProviderOrder {
  std::vector<RatedProvider> providers;
  ProviderWhy why = ProviderWhy::nothing;
};

/// Ranks the providers that take a number. Within a gateway: those that are well before those that are not, then the
/// longest prefix, then the operator's priority, then points; of equal ones the emptier of two taken by the call's id.
/// Mode static: as the gateway does by itself. Chance is the call's id: the same state and call give the same order.
/// Owner's thread.
class ProviderChoice {
 public:
  ProviderChoice(const Places& places, ProviderBook& book, GatewayLoads& loads, const PathModel& paths,
                 ProviderRules rules)
      : places_(places), book_(book), loads_(loads), paths_(paths), rules_(rules) {}

  /// Looks at all that take the number; `order`, `all` and `lost` tell of it until the next.
  void survey(const ProviderWish& wish);
  /// Points that a gateway loses by its first provider against the best gateway, by gateway; empty when no gateway has
  /// told of providers. Nothing is lost where nothing is known.
  const std::vector<float>& lost() const { return lost_; }
  ProviderOrder order(const ProviderWish& wish, GatewayId gateway) const;
  /// Of all gateways: whose first is best comes first, the way from `near` counted in.
  ProviderOrder all(const ProviderWish& wish) const;
  /// The first is given the call.
  void commit(const ProviderOrder& order, int64_t now_ms);

 private:
  void rate(const ProviderWish& wish);
  void compare_gateways();
  double way_points(const ProviderWish& wish, GatewayId gateway) const;

  const Places& places_;
  ProviderBook& book_;
  GatewayLoads& loads_;
  const PathModel& paths_;
  ProviderRules rules_;
  std::vector<RatedProvider> found_;  // of the wish at hand, gateway by gateway
  std::vector<float> lost_;
};

/// "cheap: 97 % delivered, 2.5 s, cost 1", for people.
std::string described(const RatedProvider& rated);

}  // namespace nearend::policy
