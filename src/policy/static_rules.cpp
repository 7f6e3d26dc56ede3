#include <algorithm>
#include <cmath>

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

/// Length of the longest of the gateway's prefixes that `number` begins with; nothing when none fits.
std::optional<size_t> prefix_match(const GatewayEntry& gateway, std::string_view number) {
  std::optional<size_t> longest;
  for (const std::string& prefix : gateway.prefixes)
    if (number.starts_with(prefix) && (!longest || prefix.size() > *longest)) longest = prefix.size();
  return longest;
}

std::string_view user_part(std::string_view to) {
  for (std::string_view scheme : {"sip:", "sips:", "tel:"})
    if (to.starts_with(scheme)) to.remove_prefix(scheme.size());
  return to.substr(0, to.find_first_of("@;"));
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
  const std::string_view number = user_part(query.to);
  for (const GatewayEntry& gateway : topology.gateways) {
    const auto prefix = prefix_match(gateway, number);
    if (!prefix || has(query.exclude, gateway.name)) continue;
    candidates.push_back({&gateway, *prefix, topology.rtt_ms(query.from_region, gateway.region)});
  }
  std::ranges::sort(candidates, [&](const Candidate& a, const Candidate& b) {
    if (a.prefix != b.prefix) return a.prefix > b.prefix;
    if (a.rtt_ms != b.rtt_ms) return a.rtt_ms < b.rtt_ms;
    const bool is_a_own = a.gateway->name == query.from_gateway;
    const bool is_b_own = b.gateway->name == query.from_gateway;
    if (is_a_own != is_b_own) return is_a_own;
    return a.gateway < b.gateway;  // the topology's order
  });
  RouteAnswer answer;
  for (const Candidate& candidate : candidates)
    answer.hops.push_back(
        {candidate.gateway->name, candidate.gateway->region, candidate.gateway->link_uri, candidate.gateway->features});
  if (candidates.empty()) {
    answer.reason = fmt::format("no gateway has a prefix for the number, {} excluded", query.exclude.size());
    return answer;
  }
  const Candidate& best = candidates.front();
  answer.m2e_ms = kTerminal_ms + best.rtt_ms / 2;
  answer.reason = fmt::format("longest prefix ({} digits), then nearest to {}: {} at {:.0f} ms", best.prefix,
                              query.from_region, best.gateway->region, best.rtt_ms);
  return answer;
}

ResourceAnswer static_resource(const Topology& topology, const ResourceQuery& query) {
  for (const GatewayEntry& gateway : topology.gateways)
    if (gateway.region == query.near_region && has(gateway.features, query.kind))
      return {gateway.region, true, fmt::format("{} has {}", gateway.region, query.kind)};
  return {query.router_region, false,
          fmt::format("{} has no {}; the router's region does it", query.near_region, query.kind)};
}

}  // namespace nearend::policy
