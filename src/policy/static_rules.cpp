#include <algorithm>
#include <cmath>

#include "policy/numbering.hpp"
#include "policy/policy.hpp"

namespace nearend::policy {
namespace {

constexpr double kUnknownPair_ms = 200;
constexpr double kSameRegion_ms = 1;
/// Mouth to ear without the network: packetisation, jitter buffer and terminals (policy.md section 3).
constexpr double kTerminal_ms = 80;

bool has(const std::vector<std::string>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

RouteChoice choice_of(const GatewayEntry& gateway) {
  return {gateway.name, gateway.region, gateway.link_uri, gateway.features};
}

}  // namespace

double Topology::rtt_ms(std::string_view a, std::string_view b) const {
  if (a == b) return kSameRegion_ms;
  for (const Rtt& rtt : rtts)
    if ((rtt.a == a && rtt.b == b) || (rtt.a == b && rtt.b == a)) return rtt.ms;
  return kUnknownPair_ms;
}

RouterAnswer static_routers(const Topology& topology, const RouterQuery& query) {
  std::vector<const RouterEntry*> nearest;
  for (const RouterEntry& router : topology.routers) nearest.push_back(&router);
  // Equal ones stay in the topology's order.
  std::ranges::sort(nearest, {}, [&](const RouterEntry* router) {
    return std::pair(topology.rtt_ms(query.region, router->region), router);
  });
  RouterAnswer answer;
  for (const RouterEntry* router : nearest)
    answer.routers.push_back({router->name, router->region, router->link_uri, router->events_url});
  answer.reason = nearest.empty()
                      ? "the topology has no router"
                      : fmt::format("nearest router of {}: {} at {:.0f} ms", query.region, nearest.front()->region,
                                    topology.rtt_ms(query.region, nearest.front()->region));
  return answer;
}

RouteAnswer static_route(const Topology& topology, const RouteQuery& query) {
  struct Candidate {
    const GatewayEntry* gateway;
    size_t prefix;
    double rtt_ms;
  };
  std::vector<Candidate> candidates;
  const std::string_view number = number_of(query.b.address);
  for (const GatewayEntry& gateway : topology.gateways) {
    const auto prefix = prefix_match(gateway.prefixes, number);
    if (!prefix || has(query.exclude, gateway.name)) continue;
    candidates.push_back({&gateway, *prefix, topology.rtt_ms(query.a.region, gateway.region)});
  }
  std::ranges::sort(candidates, [&](const Candidate& a, const Candidate& b) {
    if (a.prefix != b.prefix) return a.prefix > b.prefix;
    if (a.rtt_ms != b.rtt_ms) return a.rtt_ms < b.rtt_ms;
    const bool is_a_own = a.gateway->name == query.a.gateway;
    const bool is_b_own = b.gateway->name == query.a.gateway;
    if (is_a_own != is_b_own) return is_a_own;
    return a.gateway < b.gateway;  // the topology's order
  });
  RouteAnswer answer;
  answer.mode = "static";
  if (candidates.empty()) {
    answer.reason = fmt::format("no gateway has a prefix for the number, {} excluded", query.exclude.size());
    return answer;
  }
  const auto own = std::ranges::find(topology.gateways, query.a.gateway, &GatewayEntry::name);
  for (const Candidate& candidate : candidates) {
    std::vector<RouteChoice> hops;
    if (own != topology.gateways.end() && candidate.gateway != &*own) hops.push_back(choice_of(*own));
    hops.push_back(choice_of(*candidate.gateway));
    if (answer.hops.empty())
      answer.hops = std::move(hops);
    else
      answer.alternatives.push_back(std::move(hops));
  }
  const Candidate& best = candidates.front();
  answer.estimate.m2e_ms = kTerminal_ms + best.rtt_ms / 2;
  answer.reason = fmt::format("longest prefix ({} digits), then nearest to {}: {} at {:.0f} ms", best.prefix,
                              query.a.region, best.gateway->region, best.rtt_ms);
  return answer;
}

ResourceAnswer static_resource(const Topology& topology, const ResourceQuery& query) {
  for (const GatewayEntry& gateway : topology.gateways)
    if (gateway.region == query.near_region && has(gateway.features, query.kind))
      return {.region = gateway.region,
              .is_local = true,
              .reason = fmt::format("{} has {}", gateway.region, query.kind),
              .gateway = gateway.name,
              .uri = gateway.link_uri};
  if (!query.may_be_remote)
    return {"", false, fmt::format("{} has no {}; no other region is wanted", query.near_region, query.kind)};
  return {query.router_region, false,
          fmt::format("{} has no {}; the router's region does it", query.near_region, query.kind)};
}

}  // namespace nearend::policy
