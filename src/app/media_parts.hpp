#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "http/http.hpp"
#include "io/asio_world.hpp"
#include "media/control.hpp"
#include "media/node.hpp"
#include "policy/policy.hpp"

namespace nearend::media {
class HttpControl;
class LocalNode;
class NodeFleet;
}  // namespace nearend::media

namespace nearend::http {
class CurlClient;
}

namespace nearend::app {

/// Media nodes apart from the process that uses them.
struct MediaNodesSettings {
  std::vector<std::string> urls;                      ///< "https://198.51.100.7:7400"; empty: the node in this process.
  std::string certificate_file, key_file;             ///< PEM, shown to nodes that ask for one.
  std::string trust_file;                             ///< PEM of roots that sign the nodes' certificates.
  std::chrono::milliseconds unreachable_after{1000};  ///< Without an answer this long a node is given up.
};
/// Names the first wrong key, and the file that cannot be used.
Result<void> checked(const MediaNodesSettings& settings);

/// A media node in this process, whose media runs on threads of its own, or, where there are `urls`, the way to those
/// apart.
class MediaParts {
 public:
  MediaParts(io::AsioWorld& world, http::Client& http, const media::NodeSettings& settings,
             const MediaNodesSettings& nodes = {}, const std::string& peer_key = {}, const std::string& client = {});
  ~MediaParts();
  media::Control& control();

 private:
  std::unique_ptr<media::LocalNode> node_;  // one of the two
  std::unique_ptr<http::CurlClient> client_;
  std::unique_ptr<media::NodeFleet> far_;
};

/// Media nodes of other regions by which a router may take talks, and where prompts may run. Commands to them are
/// signed with the platform's key.
class RelayParts {
 public:
  /// Of the topology's gateways that name one, but those of `own_region`.
  RelayParts(io::AsioWorld& world, const policy::Topology& topology, std::string_view own_region,
             const MediaNodesSettings& nodes, const std::string& peer_key, const std::string& client);
  ~RelayParts();
  struct Relay {
    std::string region;
    std::unique_ptr<media::NodeFleet> control;
  };
  const std::vector<Relay>& all() const { return relays_; }

 private:
  std::unique_ptr<http::CurlClient> client_;
  std::vector<Relay> relays_;
};

}  // namespace nearend::app
