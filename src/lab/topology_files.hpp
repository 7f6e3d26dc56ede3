#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/ip.hpp"
#include "base/result.hpp"

namespace nearend::lab {

/// One region: always a gateway and a policy server, a router where it is a core.
struct RegionPlan {
  std::string name;  ///< "eu"; also its site in the lab's network.
  std::string zone;  ///< "eu/de1"
  bool has_router = false;
  std::vector<std::string> features{"bridge", "play", "local-tts", "record", "collect", "hangup-on-star", "video"};
  std::vector<std::string> capabilities{"bridge", "play", "tts", "record",
                                        "collect"};  ///< Of its gateway's media node.
  IpAddress address;                                 ///< Filled in by Platform.
  size_t media_nodes = 0;                 ///< Apart, each a site of its own ("eu-media1" …); 0: in the gateway.
  bool is_relay = false;                  ///< Talks between other regions may go by its first media node.
  std::vector<IpAddress> node_addresses;  ///< Filled in by Platform.
  IpAddress policy_address;               ///< Filled in by Platform.
};

/// The site of one of a region's media nodes, and its program's name; they count from 1.
std::string media_node_name(const RegionPlan& region, size_t number);

/// The site of a region's policy server where it is one of its own, and its program's name.
std::string policy_name(const RegionPlan& region);

/// One access network: a provider of a region's gateway, and where phones live.
struct AccessPlan {
  std::string name;    ///< "caller"; also its site.
  std::string region;  ///< Whose gateway it is attached to.
  std::string prefix;  ///< The numbers that are reached through it.
  bool can_direct = false;
  std::string srtp = "off";  ///< As the gateway's setting of the provider.
  IpAddress address;         ///< Filled in by Platform.
};

/// A number of the platform: TwiML at a path of the application server, or bridged by the gateway.
struct NumberPlan {
  std::string number;
  std::string document;    ///< Path of its TwiML.
  std::string forward_to;  ///< Instead of a document.
};

/// All that one run of the platform is made of.
struct PlatformPlan {
  std::vector<RegionPlan> regions;
  std::vector<AccessPlan> accesses;
  std::vector<NumberPlan> numbers;
  struct Rtt {
    std::string a, b;  ///< Zones.
    double ms = 0;
  };
  std::vector<Rtt> rtts;  ///< What the topology file says; the network itself is set by the flow.
  IpAddress app;          ///< Filled in by Platform.

  std::string rtp_timeout = "60s";
  std::string gateway_reanchor = "both";  ///< router, gateway or both
  std::string router_reanchor = "router";
  std::string star = "router";  ///< router or peer_gateway
  std::string plan = "local";   ///< local, remote or trombone
  bool has_arming = true;
  bool has_continuations = true;
  bool is_direct = false;
  bool has_policy = true;
  bool has_policy_sites = false;  ///< Each policy server on a machine of its own, so that it can be cut off.
  bool has_race =
      false;  ///< Gateways answer probes and pings of anybody; policy servers have a zone and a list of them.
  bool has_echoes = false;  ///< Gateways measure round trips among themselves.
};

constexpr uint16_t sip_port = 5060;
constexpr uint16_t link_port = 5070;
constexpr uint16_t http_port = 8080;
constexpr uint16_t policy_port = 8090;
constexpr uint16_t app_port = 80;
constexpr uint16_t media_port = 7400;
constexpr uint16_t echo_port = 5075;
constexpr uint16_t ping_port = 8086;
constexpr uint16_t first_hops_port = 8091;
constexpr uint16_t names_port = 5353;
inline constexpr std::string_view race_zone = "voice.lab";

/// The files that `nearend gateway|router|policy --config` of each region read, under `directory`: topology.toml and
/// `<region>-<role>.toml`. The one place in the lab that knows their keys.
Result<void> write_role_files(const PlatformPlan& plan, const std::filesystem::path& directory);

/// Ids that the files use.
inline constexpr std::string_view account_sid = "AC000000000000000000000000000001ab";

}  // namespace nearend::lab
