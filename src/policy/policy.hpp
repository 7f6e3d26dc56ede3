#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.hpp"
#include "base/result.hpp"
#include "base/task.hpp"

namespace nearend::policy {

/// One region of the static topology: its gateways, routers, and what its media nodes can do.
struct GatewayEntry {
  std::string name, region;           ///< "eu-gw1", "eu/de1"
  std::string link_uri;               ///< "sip:198.51.100.7:5070;transport=tcp": where routers and gateways reach it.
  std::vector<std::string> features;  ///< Catalogue of its region: bridge, play, local-tts, record, collect, ...
  std::vector<std::string> prefixes;  ///< Number prefixes its providers take, longest match wins; "" takes all.
  uint32_t capacity = 1000;
};
struct RouterEntry {
  std::string name, region, link_uri;
  std::string events_url;  ///< Where gateways ship their journal: "http://198.51.100.9:8080/v1/call-events".
  uint32_t capacity = 1000;
};
struct Topology {
  std::vector<GatewayEntry> gateways;
  std::vector<RouterEntry> routers;
  struct Rtt {
    std::string a, b;
    double ms = 0;
  };
  std::vector<Rtt> rtts;  ///< Between regions, either order; a missing pair counts as 200 ms, the same region as 1 ms.
  double rtt_ms(std::string_view a, std::string_view b) const;
};

struct RouterQuery {
  std::string call, account, region, gateway;
};
struct RouterChoice {
  std::string name, region, uri, events_url;
};
struct RouterAnswer {
  std::vector<RouterChoice> routers;
  std::string reason;
  bool is_fallback = false;
};

struct RouteQuery {
  std::string call, account, media = "audio";
  std::vector<std::string> needs;         ///< Media resources the step needs at the legs' region.
  std::string from_gateway, from_region;  ///< Where the first leg is.
  std::string to;                         ///< E.164 number, or SIP URI.
  std::vector<std::string> exclude;       ///< Gateways that have just refused.
};
struct RouteChoice {
  std::string gateway, region, uri;
  std::vector<std::string> features;
};
struct RouteAnswer {
  std::vector<RouteChoice> hops;
  std::string reason;
  double m2e_ms = 0;
  bool is_fallback = false;
};

struct ResourceQuery {
  std::string call, account, kind, near_region, router_region;
};
struct ResourceAnswer {
  std::string region;
  bool is_local = false;
  std::string reason;
  bool is_fallback = false;
};

/// Asks the policy server and falls back to the static topology after 20 ms or on any failure, so that it never fails a
/// call (policy.md section 1). Runs on its owner's loop.
class Client {
 public:
  virtual ~Client() = default;
  virtual Task<RouterAnswer> pick_routers(RouterQuery query) = 0;
  virtual Task<RouteAnswer> pick_route(RouteQuery query) = 0;
  virtual Task<ResourceAnswer> pick_resource(ResourceQuery query) = 0;
  /// Load for the policy's state: calls now and capacity. Fire and forget.
  virtual void report_load(std::string name, uint32_t used, uint32_t capacity) = 0;
};

/// The rules themselves, without a server: what `static` mode answers and what every client falls back to. Pure.
RouterAnswer static_routers(const Topology& topology, const RouterQuery& query);
RouteAnswer static_route(const Topology& topology, const RouteQuery& query);
ResourceAnswer static_resource(const Topology& topology, const ResourceQuery& query);

}  // namespace nearend::policy
