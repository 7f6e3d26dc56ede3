#include "app/media_parts.hpp"

#include <map>
#include <set>

#include "http/curl_client.hpp"
#include "io/tls_context.hpp"
#include "media/local_control.hpp"
#include "media/node_fleet.hpp"

namespace nearend::app {

Result<void> checked(const MediaNodesSettings& settings) {
  if (settings.urls.size() > media::NodeFleet::nodes_max)
    return fail(Error::Kind::invalid, "urls: {} nodes are possible, not {}", media::NodeFleet::nodes_max,
                settings.urls.size());
  for (const std::string& url : settings.urls)
    if (!url.starts_with("http://") && !url.starts_with("https://"))
      return fail(Error::Kind::invalid, "urls: '{}' is no http or https URL", url);
  if (settings.unreachable_after < std::chrono::milliseconds(100))
    return fail(Error::Kind::invalid, "unreachable_after: at least 100ms");
  if (settings.certificate_file.empty() != settings.key_file.empty())
    return fail(Error::Kind::invalid, "certificate_file: it and key_file go together");
  const io::TlsSettings tls{.certificate_file = settings.certificate_file,
                            .key_file = settings.key_file,
                            .trust_file = settings.trust_file,
                            .server_name = {}};
  return io::check_tls(io::TlsRole::client, tls);
}

MediaParts::MediaParts(io::AsioWorld& world, http::Client& http, const media::NodeSettings& settings,
                       const MediaNodesSettings& nodes, const std::string& peer_key, const std::string& client) {
  if (nodes.urls.empty()) {
    node_ = std::make_unique<media::LocalNode>(world.loop, settings, &http);
    node_->local().set_world(world.world());
    return;
  }
  client_ = std::make_unique<http::CurlClient>(
      world.loop, world.dns,
      http::CurlSettings{
          .ca_file = nodes.trust_file, .certificate_file = nodes.certificate_file, .key_file = nodes.key_file});
  std::vector<std::unique_ptr<media::HttpControl>> controls;
  for (const std::string& url : nodes.urls)
    controls.push_back(std::make_unique<media::HttpControl>(
        world.loop, *client_,
        media::HttpControl::Settings{
            .url = url, .peer_key = peer_key, .client = client, .unreachable_after = nodes.unreachable_after}));
  far_ = std::make_unique<media::NodeFleet>(world.loop, std::move(controls));
}

MediaParts::~MediaParts() = default;

media::Control& MediaParts::control() {
  if (far_) return *far_;
  return node_->control();
}

RelayParts::RelayParts(io::AsioWorld& world, const policy::Topology& topology, std::string_view own_region,
                       const MediaNodesSettings& nodes, const std::string& peer_key, const std::string& client) {
  std::map<std::string, std::vector<std::unique_ptr<media::HttpControl>>> nodes_by_region;
  std::set<std::string_view> urls;
  for (const policy::GatewayEntry& gateway : topology.gateways) {
    if (gateway.relay_url.empty() || gateway.region == own_region || !urls.insert(gateway.relay_url).second) continue;
    if (!client_)
      client_ = std::make_unique<http::CurlClient>(
          world.loop, world.dns,
          http::CurlSettings{
              .ca_file = nodes.trust_file, .certificate_file = nodes.certificate_file, .key_file = nodes.key_file});
    const media::HttpControl::Settings settings{
        .url = gateway.relay_url, .peer_key = peer_key, .client = client, .unreachable_after = nodes.unreachable_after};
    nodes_by_region[gateway.region].push_back(std::make_unique<media::HttpControl>(world.loop, *client_, settings));
  }
  for (auto& [region, controls] : nodes_by_region)
    relays_.push_back({region, std::make_unique<media::NodeFleet>(world.loop, std::move(controls))});
}

RelayParts::~RelayParts() = default;

}  // namespace nearend::app
