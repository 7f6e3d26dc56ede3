// Which provider for an outgoing number.
#include "policy/advisor.hpp"
#include "policy/numbering.hpp"

namespace nearend::policy {
namespace {

constexpr size_t told_most = 8;  // of a gateway, with a route

std::vector<std::string> names_of(const ProviderOrder& order) {
  std::vector<std::string> names;
  for (const RatedProvider& each : order.providers)
    if (names.size() < told_most) names.push_back(each.provider->name);
  return names;
}

std::string reason_of(const ProviderOrder& order) {
  if (order.providers.empty()) return "no provider is known to take it";
  std::string reason = described(order.providers.front());
  if (order.why == ProviderWhy::shared) reason += ", one of equal ones";
  if (order.providers.size() > 1) reason += fmt::format("; then {}", described(order.providers[1]));
  return reason;
}

}  // namespace

ProviderWish Advisor::provider_wish_for(const ProviderQuery& query, int64_t now_ms) const {
  ProviderWish wish{.call = query.call,
                    .number = number_of(query.number),
                    .mode = mode_of(query.account),
                    .near = places_.region(query.near_region),
                    .exclude = {},
                    .now_ms = now_ms};
  if (const GatewayId near = places_.gateway(query.near_gateway); near != no_gateway)
    wish.near = places_.region_of(near);
  for (const auto& [gateway, provider] : query.exclude)
    if (const GatewayId id = places_.gateway(gateway); id != no_gateway) wish.exclude.emplace_back(id, provider);
  return wish;
}

ProviderAnswer Advisor::answer_of(const ProviderOrder& order, const ProviderWish& wish) const {
  ProviderAnswer answer{.providers = {},
                        .mode = std::string(to_string(wish.mode)),
                        .reason = reason_of(order),
                        .why = to_string(order.why)};
  for (const RatedProvider& each : order.providers) {
    const GatewayEntry& gateway = places_.entry(each.gateway);
    const std::string reason =
        fmt::format("{:.1f} points, prefix of {}, priority {}, {}", each.points, each.prefix,
                    each.provider->facts.priority, each.is_probe ? "tried again" : to_string(each.standing));
    answer.providers.push_back({gateway.name, each.provider->name, gateway.region, each.provider->facts.cost,
                                each.estimate.delivered, each.estimate.score, each.estimate.delay_ms,
                                each.estimate.confidence, each.provider->share(wish.now_ms), reason});
  }
  return answer;
}

ProviderAnswer Advisor::explain_providers(const ProviderQuery& query, int64_t now_ms) {
  const ProviderWish wish = provider_wish_for(query, now_ms);
  provider_choice_.survey(wish);
  return answer_of(provider_choice_.all(wish), wish);
}

ProviderAnswer Advisor::providers(const ProviderQuery& query, int64_t now_ms) {
  const ProviderWish wish = provider_wish_for(query, now_ms);
  provider_choice_.survey(wish);
  const ProviderOrder order = provider_choice_.all(wish);
  ProviderAnswer answer = answer_of(order, wish);
  provider_choice_.commit(order, now_ms);
  return answer;
}

/// To the route's last hop, and to those of the alternatives.
void Advisor::add_providers(RouteAnswer& answer, const ProviderWish& wish, const Decision& decision) {
  const ProviderOrder order = provider_choice_.order(wish, decision.routes.front().gateways.back());
  for (size_t i = 0; i < answer.alternatives.size(); ++i) {
    const GatewayId gateway = decision.routes[i + 1].gateways.back();
    answer.alternatives[i].back().providers = names_of(provider_choice_.order(wish, gateway));
  }
  if (order.providers.empty()) return;
  answer.hops.back().providers = names_of(order);
  answer.provider_why = to_string(order.why);
  answer.reason += fmt::format("; by {}", reason_of(order));
  provider_choice_.commit(order, wish.now_ms);
}

}  // namespace nearend::policy
