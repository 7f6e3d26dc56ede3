#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.hpp"
#include "base/result.hpp"
#include "base/task.hpp"

namespace nearend::policy {

class NetworkTable;

/// One region of the static topology: its gateways, routers, and what its media nodes can do.
struct GatewayEntry {
  std::string name, region;           ///< "eu-gw1", "eu/de1"
  std::string link_uri;               ///< "sip:198.51.100.7:5070;transport=tcp": where routers and gateways reach it.
  std::vector<std::string> features;  ///< Catalogue of its region: bridge, play, local-tts, record, collect, ...
  std::vector<std::string> prefixes;  ///< Number prefixes its providers take, longest match wins; "" takes all.
  uint32_t capacity = 1000;
  std::optional<Endpoint> echo = {};  ///< Where it gives echoes over UDP; nothing: it is not asked for any.
  /// Media control API of a node in its region by which talks between others may go: "https://198.51.100.7:7400".
  std::string relay_url = {};
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
  /// Where a region is, for pairs without a measured round trip.
  struct Region {
    std::string name;
    double latitude = 0, longitude = 0;
  };
  std::vector<Region> regions;
  /// Where endpoints are: a carrier's subscribers, a country, a network.
  struct Area {
    std::string name;
    std::string region;                 ///< The nearest one, with or without gateways; empty: by its place.
    double access_ms = 0;               ///< Round trip of its last mile, on top of the way to that region.
    std::vector<std::string> prefixes;  ///< Numbers by E.164 that belong to it, the longest match wins: "+4915".
    std::vector<std::string> networks;  ///< Addresses: "203.0.113.0/24".
    std::string country = {};           ///< ISO code, or its place in degrees.
    std::optional<double> latitude = {}, longitude = {};
  };
  std::vector<Area> areas;
  std::vector<std::string> network_files = {};             ///< Tables that say where networks are,
  std::shared_ptr<const NetworkTable> networks = nullptr;  ///< and what was read from them.
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

/// One side of a call, as far as it is known.
struct Place {
  std::string kind;     ///< pstn, sip, browser, mobile; empty: unknown.
  std::string area;     ///< Access area by name.
  std::string address;  ///< E.164 number, SIP URI or IP address.
  std::string gateway;  ///< The leg is there already.
  std::string region;
};
struct RouteQuery {
  std::string call, account, media = "audio";
  std::vector<std::string> codecs;
  std::vector<std::string> needs;      ///< Media resources the step needs on the way.
  Place a, b;                          ///< The first leg; whom it is to be connected with.
  std::vector<std::string> exclude;    ///< Gateways that have just refused.
  std::vector<std::string> residency;  ///< Zone paths that media must not leave; empty: those of the account.
  bool may_relay = false;              ///< Whether media may pass a third gateway.
};
struct RouteChoice {
  std::string gateway, region, uri;
  std::vector<std::string> features;
  std::vector<std::string> providers = {};  ///< Of the gateway at b, for a number: which it should try, in order.
};
/// What is expected of a route.
struct RouteEstimate {
  double m2e_ms = 0;             ///< Mouth to ear.
  double rating = 0, score = 0;  ///< R and mean opinion score by ITU-T G.107; Opus counts as G.711 with concealment.
  double loss_percent = 0;
  double confidence = 0;  ///< 0: by the topology alone; 1: all of it measured just now.
};
struct RouteAnswer {
  std::vector<RouteChoice> hops;  ///< The gateways that media passes, from a to b; empty: no route.
  std::vector<std::vector<RouteChoice>> alternatives;
  RouteEstimate estimate;
  std::string mode, reason;
  std::string_view why;           ///< The reason's kind in a word, for the server's metrics; not on the wire.
  std::string_view provider_why;  ///< That of the first provider's choice; empty: none was chosen.
  int64_t expires_ms = 0;         ///< How long it is worth something.
  bool is_fallback = false;
};

struct ProviderQuery {
  struct Which {
    std::string gateway, provider;  ///< Without a provider: all of the gateway's.
  };
  std::string call, account, number, media = "audio";
  std::vector<std::string> codecs;
  std::string near_region, near_gateway;
  std::vector<Which> exclude;
};
struct ProviderAnswer {
  struct Choice {
    std::string gateway, provider, region;
    double cost = 0;
    double delivered = 0, score = 0, delay_ms = 0, confidence = 0;  ///< Expected: see ProviderEstimate.
    double load = 0;                                                ///< 0 to 1, of its channels.
    std::string reason;
  };
  std::vector<Choice> providers;  ///< Best first.
  std::string mode, reason;
  std::string_view why;  ///< The reason's kind in a word, for the server's metrics.
};

/// How a call that is up is doing, as its gateway sees it.
struct Observed {
  double rtt_ms = 0;  ///< Of the whole path; 0: not known.
  double loss = 0;    ///< 0 to 1, with what comes too late.
  double jitter_ms = 0;
  bool is_between = false;  ///< The way between its gateways has been shown to be at fault, not an access to them.
};
struct RerouteQuery {
  RouteQuery route;
  std::vector<std::string> current;  ///< The gateways it passes now.
  Observed observed;
  std::optional<int64_t> moved_ms_ago = {};  ///< By anybody's word; nothing: never, as far as its gateway knows.
};
struct RerouteAnswer {
  bool stays = true;
  RouteAnswer route;     ///< Where to; its reason says why it stays, too.
  double gain = 0;       ///< Points that it is better by.
  std::string_view why;  ///< The verdict in a word, for the server's metrics; not on the wire.
};

struct ResourceQuery {
  std::string call, account;
  std::string kind;  ///< A feature of the catalogue: play, local-tts, record, collect, bridge, transcode.
  std::string near_region, router_region;
  std::string near_gateway = {};  ///< Instead of near_region.
  std::string codec = {};         ///< Or a file's format: what lists its own, as "record/mp3", must list this one.
  double units = 1;               ///< Of a gateway's capacity that must be free.
  bool may_be_remote = true;
};
/// Where a resource is, and the milliseconds there and back that it adds.
struct ResourceChoice {
  std::string region, gateway;
  std::string uri;  ///< Of a media node that others may use there, else of the gateway; empty: the router's own.
  double added_ms = 0;
};
struct ResourceAnswer {
  std::string region;  ///< Empty: nowhere.
  bool is_local = false;
  std::string reason;
  bool is_fallback = false;
  std::string gateway = {}, uri = {};
  double added_ms = 0;
  int64_t lease_ms = 0;  ///< So long room is held for it.
  std::vector<ResourceChoice> alternatives = {};
};

struct GatewayReport;

/// Asks the policy server and falls back to the static topology after 20 ms or on any failure, so that it never fails a
/// call (policy.md section 1). Runs on its owner's loop.
class Client {
 public:
  virtual ~Client() = default;
  virtual Task<RouterAnswer> pick_routers(RouterQuery query) = 0;
  virtual Task<RouteAnswer> pick_route(RouteQuery query) = 0;
  virtual Task<ResourceAnswer> pick_resource(ResourceQuery query) = 0;
  /// Whether a call that suffers should go another way; without an answer it stays.
  virtual Task<RerouteAnswer> reroute(RerouteQuery query) = 0;
  /// Load for the policy's state: calls now and capacity. Fire and forget.
  virtual void report_load(std::string name, uint32_t used, uint32_t capacity) = 0;
  /// What a gateway carries and what it met on its ways. Fire and forget; a report that is lost is made good by the
  /// next.
  virtual void report(const GatewayReport& report) = 0;
};

/// The rules themselves, without a server: what `static` mode answers and what every client falls back to. Pure.
RouterAnswer static_routers(const Topology& topology, const RouterQuery& query);
RouteAnswer static_route(const Topology& topology, const RouteQuery& query);
ResourceAnswer static_resource(const Topology& topology, const ResourceQuery& query);

}  // namespace nearend::policy
