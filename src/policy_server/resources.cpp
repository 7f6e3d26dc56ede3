// Where a media resource is used: by what regions have, live loads and delays.
#include <algorithm>

#include "base/text.hpp"
#include "policy_server/server.hpp"

namespace nearend::policy_server {
namespace {

/// Room is held for what was given away until the gateway's next reports have it, at the latest so long.
constexpr int64_t lease_ms = 5000;
constexpr size_t alternatives_most = 2;

/// "record" is had where "record" is listed, and with a format or codec where nothing of "record/..." is listed or just
/// that is.
bool has(const policy::GatewayEntry& gateway, std::string_view kind, std::string_view codec) {
  bool is_had = false, is_listed = false, is_restricted = false;
  for (const std::string_view feature : gateway.features) {
    is_had |= feature == kind;
    if (!feature.starts_with(kind) || feature.size() <= kind.size() || feature[kind.size()] != '/') continue;
    is_restricted = true;
    is_listed |= equal_ignoring_case(feature.substr(kind.size() + 1), codec);
  }
  if (codec.empty() || !is_restricted) return is_had || (is_restricted && codec.empty());
  return is_listed;
}

std::string name_of(const policy::ResourceQuery& query) {
  return query.codec.empty() ? query.kind : fmt::format("{} of {}", query.kind, query.codec);
}

}  // namespace

/// The emptiest of the region that has it and room for it; otherwise why there is none.
Result<policy::GatewayId> Server::resource_in(std::string_view region, const policy::ResourceQuery& query,
                                              int64_t now_ms) const {
  const policy::RegionId id = advisor_.places().region(region);
  bool has_kind = false;
  policy::GatewayId best = policy::no_gateway;
  double least = 0;
  const policy::GatewayLoads& loads = advisor_.loads();
  if (id != policy::no_region)
    for (const policy::GatewayId gateway : advisor_.places().gateways_in(id)) {
      if (!has(advisor_.places().entry(gateway), query.kind, query.codec)) continue;
      has_kind = true;
      const double share = loads.share(gateway, now_ms) + (query.units - 1) / std::max(loads.capacity(gateway), 1.0);
      if (!loads.is_open(gateway, now_ms) || loads.is_full(share)) continue;
      if (best == policy::no_gateway || share < least) {
        best = gateway;
        least = share;
      }
    }
  if (best != policy::no_gateway) return best;
  return fail(Error::Kind::unavailable, "{} has no {}{}", region, has_kind ? "room for " : "", name_of(query));
}

policy::ResourceChoice Server::resource_at(policy::GatewayId gateway, double added_ms) const {
  const policy::GatewayEntry& entry = advisor_.places().entry(gateway);
  const bool is_local = added_ms == 0;
  return {entry.region, entry.name, is_local || entry.relay_url.empty() ? entry.link_uri : entry.relay_url, added_ms};
}

/// In the callers' region if it can; else where it adds least delay, the router's region at the latest.
policy::ResourceAnswer Server::pick_resource(policy::ResourceQuery query, int64_t now_ms) {
  if (const auto gateway = advisor_.places().gateway(query.near_gateway); gateway != policy::no_gateway)
    query.near_region = advisor_.places().entry(gateway).region;
  if (advisor_.mode_of(query.account) == policy::Mode::static_rules) return policy::static_resource(topology_, query);
  const auto local = resource_in(query.near_region, query, now_ms);
  if (local) {
    policy::ResourceChoice here = resource_at(*local, 0);
    policy::ResourceAnswer answer{query.near_region, true, fmt::format("{} has {}", query.near_region, name_of(query))};
    answer.gateway = std::move(here.gateway);
    answer.uri = std::move(here.uri);
    answer.lease_ms = lease_ms;
    return answer;
  }
  const std::string& why = local.error().text;
  if (!query.may_be_remote) return {"", false, fmt::format("{}; no other region is wanted", why)};
  std::vector<policy::ResourceChoice> choices;
  const double router_ms = query.router_region.empty() ? 1e9 : rtt_ms(query.near_region, query.router_region, now_ms);
  for (const policy::RegionId id : advisor_.places().served()) {
    const std::string& region = advisor_.places().region_name(id);
    const double added_ms = rtt_ms(query.near_region, region, now_ms);
    if (region == query.near_region || added_ms >= router_ms) continue;
    if (const auto gateway = resource_in(region, query, now_ms)) choices.push_back(resource_at(*gateway, added_ms));
  }
  std::ranges::sort(choices, {}, &policy::ResourceChoice::added_ms);
  if (!query.router_region.empty()) choices.push_back({query.router_region, "", "", router_ms});
  if (choices.empty()) return {"", false, fmt::format("{}, nor has any other region", why)};
  policy::ResourceChoice best = std::move(choices.front());
  choices.erase(choices.begin());
  if (choices.size() > alternatives_most) choices.resize(alternatives_most);
  policy::ResourceAnswer answer{best.region, false,
                                best.gateway.empty() ? fmt::format("{}; the router's region does it", why)
                                                     : fmt::format("{}; {} adds least, {:.0f} ms there and back", why,
                                                                   best.region, best.added_ms)};
  if (!best.gateway.empty()) {
    advisor_.reserve(advisor_.places().gateway(best.gateway), query.units, now_ms);
    answer.lease_ms = lease_ms;
  }
  answer.gateway = std::move(best.gateway);
  answer.uri = std::move(best.uri);
  answer.added_ms = best.added_ms;
  answer.alternatives = std::move(choices);
  return answer;
}

}  // namespace nearend::policy_server
