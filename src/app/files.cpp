#include "app/files.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>

#include "gateway/settings_file.hpp"
#include "media/node_settings_file.hpp"
#include "policy/network_table.hpp"
#include "policy/topology_file.hpp"
#include "router/settings_file.hpp"

namespace nearend::policy {

void describe(config::Section& section, ClientSettings& client) {
  section.key("url", client.url, "The policy server: \"http://198.51.100.8:8090\"; empty: the static rules decide.");
  section.key("deadline", client.deadline, "Without an answer this long the static rules decide.");
  section.key("rest", client.rest, "After a failure the policy server is left alone this long.");
}

}  // namespace nearend::policy

namespace nearend::media_server {

void describe(config::Section& section, Settings& server) {
  section.key("listen", server.listen, "Where gateways and routers reach the media control API.");
  section.key("peer_key", server.peer_key,
              "Shared key of platform peers; empty: unsigned requests are taken (loopback or mutual TLS only).");
  section.key("certificate_file", server.certificate_file, "PEM chain of this node, for TLS; with key_file.");
  section.key("key_file", server.key_file, "PEM.");
  section.key("trust_file", server.trust_file,
              "PEM of roots; set: only clients with a certificate that one of them signs are served.");
  section.key("peers", server.peers, "Names in the clients' certificates that are served; empty: any.");
}

}  // namespace nearend::media_server

namespace nearend::app {
namespace {

void describe_common(config::Section& section, CommonSettings& common) {
  section.key("topology", common.topology, "The platform's topology file, relative to this one.");
  section.table("policy", common.policy, "How the policy server is asked.");
  section.table("log", common.log, "The log.");
}

Result<void> checked(const media::NodeSettings& node) {
  return node.checked();
}

/// The rules of one table, with the place of the key that breaks one: the first word of the error.
template <class S>
Result<void> check(const config::Node& root, std::string_view table, const S& settings) {
  const auto good = checked(settings);
  if (good) return {};
  const std::string text = table.empty() ? good.error().text : fmt::format("{}.{}", table, good.error().text);
  return fail(Error::Kind::invalid, "{}: {}", config::place_of(root, text.substr(0, text.find_first_of(": "))), text);
}
Result<void> check_file(const config::Node& root, const GatewayFile& file) {
  if (auto good = check(root, "gateway", file.gateway); !good) return good;
  if (auto good = check(root, "media_nodes", file.media_nodes); !good) return good;
  return check(root, "media", file.media);
}
Result<void> check_file(const config::Node& root, const RouterFile& file) {
  if (auto good = check(root, "router", file.router); !good) return good;
  if (auto good = check(root, "media_nodes", file.media_nodes); !good) return good;
  return check(root, "media", file.media);
}
Result<void> check_file(const config::Node& root, const PolicyFile& file) {
  return check(root, "policy_server", file.policy_server);
}
Result<void> check_file(const config::Node& root, const MediaFile& file) {
  if (auto good = check(root, "media_server", file.media_server); !good) return good;
  return check(root, "media", file.media);
}

Result<void> read_networks(const std::string& topology_path, policy::Topology& topology) {
  if (topology.network_files.empty()) return {};
  auto table = std::make_shared<policy::NetworkTable>();
  for (const std::string& named : topology.network_files) {
    const std::string path = (std::filesystem::path(topology_path).parent_path() / named).string();
    std::ifstream file(path, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    if (!file.is_open()) return fail(Error::Kind::unavailable, "{}: networks: cannot read '{}'", topology_path, path);
    if (auto added = table->add(text); !added) return fail(added.error().kind, "{}:{}", path, added.error().text);
  }
  topology.networks = std::move(table);
  return {};
}

Result<policy::Topology> load_topology(const std::string& config_path, const std::string& named) {
  if (named.empty()) return policy::Topology{};
  const std::string path = (std::filesystem::path(config_path).parent_path() / named).string();
  auto root = config::read_toml_file(path);
  if (!root) return pass(root);
  auto topology = config::read_settings<policy::Topology>(*root);
  if (!topology) return pass(topology);
  if (auto good = check(*root, "", *topology); !good) return pass(good);
  if (auto good = read_networks(path, *topology); !good) return pass(good);
  return topology;
}

}  // namespace

void describe(config::Section& section, LogSettings& log) {
  section.choice("level", log.level, {"debug", "info", "warn", "error", "off"},
                 "The least important line that is written.");
  section.key("file", log.file, "Where to; empty: standard error.");
}

void describe(config::Section& section, MediaNodesSettings& nodes) {
  section.key("urls", nodes.urls,
              "\"https://198.51.100.7:7400\", as many as there are; empty: the node in this process.");
  section.key("certificate_file", nodes.certificate_file, "PEM chain, shown to nodes that want one; with key_file.");
  section.key("key_file", nodes.key_file, "PEM.");
  section.key("trust_file", nodes.trust_file, "PEM of roots that sign the nodes' certificates; empty: the system's.");
  section.key("unreachable_after", nodes.unreachable_after,
              "A node without an answer this long loses its calls to the others.");
}

void describe(config::Section& section, GatewayFile& file) {
  describe_common(section, file.common);
  section.table("gateway", file.gateway, "The gateway.");
  section.table("media", file.media, "The media node in the gateway's process.");
  section.table("media_nodes", file.media_nodes, "Media nodes apart instead.");
  section.key("http_listen", file.http_listen, "Health, metrics, /v1/state and /v1/legs; left out: none.");
  section.key("may_capture", file.may_capture,
              "Whether /v1/legs/ID/pcap there gives a call's packets, what is said included, to whoever asks.");
}

void describe(config::Section& section, RouterFile& file) {
  describe_common(section, file.common);
  section.table("router", file.router, "The router.");
  section.table("media", file.media, "The media node in the router's process.");
  section.table("media_nodes", file.media_nodes, "Media nodes apart instead.");
}

void describe(config::Section& section, PolicyFile& file) {
  describe_common(section, file.common);
  section.table("policy_server", file.policy_server, "The policy server.");
}

void describe(config::Section& section, MediaFile& file) {
  describe_common(section, file.common);
  section.table("media", file.media, "The media node.");
  section.table("media_server", file.media_server, "The media control API.");
  section.key("http_listen", file.http_listen, "Health, metrics, /v1/state and /v1/legs; left out: none.");
}

/// What the platform's topology and the role's own part of its file say, where it is needed elsewhere too.
void fill_from_topology(GatewayFile& file, const policy::Topology& topology) {
  gateway::Settings& own = file.gateway;
  file.common.policy.link_key = own.link_key;
  if (own.routers.empty())
    for (const auto& router : topology.routers)
      own.routers.push_back({router.name, router.region, router.link_uri, router.events_url});
  if (own.link_neighbours.empty())
    for (const auto& gateway : topology.gateways)
      if (gateway.name != own.name) own.link_neighbours.push_back(gateway.link_uri);
  if (!own.echo_listen)
    for (const auto& gateway : topology.gateways)
      if (gateway.name == own.name) own.echo_listen = gateway.echo;
  own.topology = topology;
}
void fill_from_topology(RouterFile& file, const policy::Topology& topology) {
  file.common.policy.link_key = file.router.link_key;
  if (file.router.link_neighbours.empty())
    for (const auto& gateway : topology.gateways) file.router.link_neighbours.push_back(gateway.link_uri);
}
void fill_from_topology(PolicyFile&, const policy::Topology&) {}
void fill_from_topology(MediaFile&, const policy::Topology&) {}

template <class File>
Result<Loaded<File>> load(const std::string& path) {
  auto root = config::read_toml_file(path);
  if (!root) return pass(root);
  auto file = config::read_settings<File>(*root);
  if (!file) return pass(file);
  auto good = check_file(*root, *file);
  if (!good) return pass(good);
  auto topology = load_topology(path, file->common.topology);
  if (!topology) return pass(topology);
  fill_from_topology(*file, *topology);
  return Loaded<File>{std::move(*file), std::move(*topology)};
}

template Result<Loaded<GatewayFile>> load(const std::string&);
template Result<Loaded<RouterFile>> load(const std::string&);
template Result<Loaded<PolicyFile>> load(const std::string&);
template Result<Loaded<MediaFile>> load(const std::string&);

Result<std::string> sample_file(std::string_view role) {
  if (role == "gateway") return config::sample_of<GatewayFile>();
  if (role == "router") return config::sample_of<RouterFile>();
  if (role == "policy") return config::sample_of<PolicyFile>();
  if (role == "media") return config::sample_of<MediaFile>();
  if (role == "topology") return config::sample_of<policy::Topology>();
  return fail(Error::Kind::not_found, "no role '{}'; gateway, router, policy, media or topology", role);
}

std::string manual() {
  std::string text =
      "# Configuration\n\n"
      "Printed by `nearend config manual`; a role's sample file by `nearend config sample ROLE`. Files are TOML. A "
      "wrong or "
      "unknown key stops the start with file, line and key.\n";
  const auto chapter = [&text](std::string_view title, const std::string& table) {
    text += fmt::format("\n## {}\n\n{}", title, table);
  };
  chapter("Topology file (every role)", config::manual_of<policy::Topology>());
  chapter("nearend gateway", config::manual_of<GatewayFile>());
  chapter("nearend router", config::manual_of<RouterFile>());
  chapter("nearend policy", config::manual_of<PolicyFile>());
  chapter("nearend media", config::manual_of<MediaFile>());
  return text;
}

}  // namespace nearend::app
