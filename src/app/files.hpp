#pragma once

#include <string>
#include <vector>

#include "app/media_parts.hpp"
#include "config/section.hpp"
#include "gateway/settings.hpp"
#include "media/node.hpp"
#include "media_server/server.hpp"
#include "policy/http_client.hpp"
#include "policy/policy.hpp"
#include "policy_server/server.hpp"
#include "router/settings.hpp"
#include "telemetry/log.hpp"

namespace nearend::app {

/// Where a process writes its log.
struct LogSettings {
  telemetry::Level level = telemetry::Level::info;
  std::string file;
};

/// What stands in the file of every role beside the role's own table.
struct CommonSettings {
  std::string topology;           ///< Path of the topology file, relative to this file; "": an empty topology.
  policy::ClientSettings policy;  ///< How the policy server is asked.
  LogSettings log;
};

/// One file a process: `nearend gateway --config FILE`.
struct GatewayFile {
  CommonSettings common;
  gateway::Settings gateway;
  media::NodeSettings media;            ///< Of the media node in this process,
  MediaNodesSettings media_nodes;       ///< or those apart.
  std::optional<Endpoint> http_listen;  ///< Health, metrics and /v1/state.
  bool may_capture = false;             ///< Speech too, at the same address.
};
struct RouterFile {
  CommonSettings common;
  router::Settings router;
  media::NodeSettings media;
  MediaNodesSettings media_nodes;
};
struct PolicyFile {
  CommonSettings common;
  policy_server::Settings policy_server;
};
struct MediaFile {
  CommonSettings common;
  media::NodeSettings media;
  media_server::Settings media_server;
  std::optional<Endpoint> http_listen;  ///< Health, metrics, /v1/state and /v1/legs.
};

void describe(config::Section& section, LogSettings& log);
void describe(config::Section& section, MediaNodesSettings& nodes);
void describe(config::Section& section, GatewayFile& file);
void describe(config::Section& section, RouterFile& file);
void describe(config::Section& section, PolicyFile& file);
void describe(config::Section& section, MediaFile& file);

/// Reads one role's file and the topology it names. Errors name file, line and key.
template <class File>
struct Loaded {
  File file;
  policy::Topology topology;
};
template <class File>
Result<Loaded<File>> load(const std::string& path);

/// Puts into a role's settings what the topology knows and the file leaves open: routers, peers to stay connected to.
void fill_from_topology(GatewayFile& file, const policy::Topology& topology);
void fill_from_topology(RouterFile& file, const policy::Topology& topology);
void fill_from_topology(PolicyFile& file, const policy::Topology& topology);
void fill_from_topology(MediaFile& file, const policy::Topology& topology);

/// Sample file of a role, or the manual page of all ("docs/configuration.md").
Result<std::string> sample_file(std::string_view role);
std::string manual();

}  // namespace nearend::app
