#include "app/doctor.hpp"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "app/files.hpp"
#include "io/asio_world.hpp"
#include "io/async.hpp"
#include "media/local_control.hpp"
#include "sip/uri.hpp"

namespace nearend::app {
namespace {

/// One line a check; counts what is missing and needed.
class Report {
 public:
  void good(std::string_view what, std::string_view detail) { print("ok", what, detail, ""); }
  void hint(std::string_view what, std::string_view detail, std::string_view remedy) {
    print("note", what, detail, remedy);
  }
  void bad(std::string_view what, std::string_view detail, std::string_view remedy) {
    print("MISSING", what, detail, remedy);
    ++missing_;
  }
  int missing() const { return missing_; }

 private:
  static void print(std::string_view verdict, std::string_view what, std::string_view detail, std::string_view remedy) {
    fmt::print("{:<8} {:<28} {}\n", verdict, what, detail);
    if (!remedy.empty()) fmt::print("{:<8} {:<28} -> {}\n", "", "", remedy);
  }
  int missing_ = 0;
};

bool is_program_there(std::string_view name) {
  const char* path = std::getenv("PATH");
  for (std::string_view rest = path ? path : ""; !rest.empty();) {
    const size_t colon = rest.find(':');
    const std::filesystem::path candidate = std::filesystem::path(rest.substr(0, colon)) / name;
    if (::access(candidate.c_str(), X_OK) == 0) return true;
    rest = colon == std::string_view::npos ? std::string_view() : rest.substr(colon + 1);
  }
  return ::access((std::filesystem::path("/usr/sbin") / name).c_str(), X_OK) == 0;
}

void check_limits(Report& report) {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  constexpr rlim_t sockets_per_leg = 4;
  const std::string detail = fmt::format("{} now, {} at most: about {} legs", files.rlim_cur, files.rlim_max,
                                         files.rlim_max / sockets_per_leg);
  if (files.rlim_max < 4096) {
    report.bad("open files", detail, "raise the hard limit: ulimit -Hn 65536, or LimitNOFILE= in the unit");
  } else {
    report.good("open files", detail);
  }
}

void check_ports(Report& report, uint16_t first, uint16_t last) {
  std::ifstream range("/proc/sys/net/ipv4/ip_local_port_range");
  int low = 0, high = 0;
  if (!(range >> low >> high)) return;
  const std::string detail = fmt::format("media {}-{}, the system's own {}-{}", first, last, low, high);
  if (last >= low && first <= high) {
    report.hint("port ranges overlap", detail,
                "sysctl net.ipv4.ip_local_port_range=\"30000 60999\", or move the media ports");
  } else {
    report.good("port ranges", detail);
  }
}

void check_lab(Report& report) {
  const bool is_root = ::geteuid() == 0;
  const bool can_unshare = is_root || std::system("unshare -Urnm true 2>/dev/null") == 0;
  if (!can_unshare) {
    report.hint("network namespaces", "not allowed",
                "`nearend lab` and `nearend demo` need root or unprivileged user namespaces");
  } else {
    report.good("network namespaces", is_root ? "as root" : "by unshare");
  }
  if (::access("/dev/net/tun", R_OK | W_OK) != 0)
    report.hint("/dev/net/tun", "not usable", "the lab's network needs it: modprobe tun");
  else
    report.good("/dev/net/tun", "usable");
  for (std::string_view program : {"baresip", "sipp", "kamailio"}) {
    if (is_program_there(program)) {
      report.good(program, "installed");
    } else {
      report.hint(program, "not installed", "only the lab and the tests need it: make packages");
    }
  }
}

void try_udp(Report& report, io::AsioWorld& world, const Endpoint& local, std::string_view key) {
  auto socket = world.net.open_udp(local, [](const Endpoint&, io::Bytes) {});
  if (socket) {
    report.good(key, fmt::format("udp {} can be bound", local.to_string()));
  } else {
    report.bad(key, socket.error().text, "is it in use (is this role running?), or not an address of this machine?");
  }
}

void try_listen(Report& report, io::AsioWorld& world, const Endpoint& local, const io::TlsSettings* tls,
                std::string_view key) {
  auto listener = world.net.listen(local, tls, [](std::unique_ptr<io::Stream>) {});
  if (listener) {
    report.good(key, fmt::format("tcp {} can be bound", local.to_string()));
  } else {
    report.bad(key, listener.error().text, "is it in use (is this role running?), or not an address of this machine?");
  }
}

template <class Listen>
void try_listeners(Report& report, io::AsioWorld& world, const std::vector<Listen>& listeners, std::string_view key) {
  for (size_t i = 0; i < listeners.size(); ++i) {
    const Listen& listen = listeners[i];
    const std::string name = fmt::format("{}[{}]", key, i);
    if (listen.protocol == sip::Protocol::udp) {
      try_udp(report, world, listen.local, name);
    } else {
      try_listen(report, world, listen.local, listen.tls ? &*listen.tls : nullptr, name);
    }
  }
}

/// Connects to a peer's link and closes again.
void try_connect(Report& report, io::AsioWorld& world, const std::string& uri, const std::string& what) {
  auto parsed = sip::parse_uri(uri);
  auto address =
      parsed ? parse_ip(parsed->host) : Result<IpAddress>(fail(Error::Kind::malformed, "'{}' is no SIP URI", uri));
  if (!address) {
    report.hint(what, address.error().text, "only numeric hosts are tried here");
    return;
  }
  bool is_open = false;
  std::string why = "no answer within 3 s";
  const Endpoint to{*address, parsed->port.value_or(5060)};
  auto stream = world.net.connect(to, nullptr,
                                  {.on_open =
                                       [&] {
                                         is_open = true;
                                         world.loop.stop();
                                       },
                                   .on_data = [](std::string_view) {},
                                   .on_close =
                                       [&](const Error& error) {
                                         why = error.text;
                                         world.loop.stop();
                                       }});
  world.loop.run_for(std::chrono::seconds(3));
  if (is_open) {
    report.good(what, to.to_string() + " answers");
  } else {
    report.bad(what, fmt::format("{}: {}", to.to_string(), why),
               "is it running, and is the address right in the topology file?");
  }
}

void check_directory(Report& report, std::string_view key, const std::string& path) {
  if (path.empty()) return;
  const std::filesystem::path directory = std::filesystem::path(path);
  const std::filesystem::path folder = std::filesystem::is_directory(directory) ? directory : directory.parent_path();
  if (folder.empty() || ::access(folder.c_str(), W_OK) == 0) {
    report.good(key, path + " can be written");
  } else {
    report.bad(key, folder.string() + " cannot be written", "make it, or give this user the right to write there");
  }
}

void check_tiers(Report& report, const media::NodeSettings& node) {
  report.good("tier sockets", "always");
  const auto steering = flow::Steering::open(media::steering_settings(node));
  if (!node.may_use_range())
    report.hint("tier range", "turned off by media.tiers", "");
  else if (steering && flow::RangeWriter().is_open())
    report.good("tier range", "one socket for the ports of a media thread");
  else
    report.hint("tier range", "not here", steering ? "raw sockets need CAP_NET_RAW" : steering.error().text);
  if (!node.may_use_kernel()) return report.hint("tier kernel", "turned off by media.tiers", "");
  const auto devices = flow::FlowTable::probe(media::flow_settings(node));
  if (devices)
    report.good("tier kernel", "on " + *devices);
  else
    report.hint("tier kernel", "not here; plain speech takes three times the CPU", devices.error().text);
}

void check_sleep(Report& report, const media::NodeSettings& node) {
  if (node.awake_from == 0)
    report.hint("cores awake", "turned off by media.awake_from", "");
  else if (media::ShallowSleep::is_possible())
    report.good("cores awake", fmt::format("from {} packets a second", node.awake_from));
  else
    report.hint("cores awake", "not here; a packet waits for its core to wake up",
                "/dev/cpu_dma_latency needs the right to write");
}

void check_media(Report& report, const media::NodeSettings& node) {
  check_ports(report, node.port_first, node.port_last);
  check_tiers(report, node);
  check_sleep(report, node);
  check_directory(report, "media.recordings", node.recordings);
  check_directory(report, "media.cache", node.cache);
}

void check_file(Report& report, const Loaded<GatewayFile>& loaded) {
  io::AsioWorld world;
  try_listeners(report, world, loaded.file.gateway.listen, "gateway.listen");
  try_listeners(report, world, loaded.file.gateway.link_listen, "gateway.link_listen");
  check_media(report, loaded.file.media);
  check_directory(report, "gateway.journal_path", loaded.file.gateway.journal_path);
  for (const auto& router : loaded.topology.routers)
    try_connect(report, world, router.link_uri, "router " + router.name);
}

void check_file(Report& report, const Loaded<RouterFile>& loaded) {
  io::AsioWorld world;
  try_listeners(report, world, loaded.file.router.link_listen, "router.link_listen");
  if (loaded.file.router.http_listen)
    try_listen(report, world, *loaded.file.router.http_listen, nullptr, "router.http_listen");
  check_media(report, loaded.file.media);
  check_directory(report, "router.store_path", loaded.file.router.store_path);
  for (const auto& gateway : loaded.topology.gateways)
    try_connect(report, world, gateway.link_uri, "gateway " + gateway.name);
}

void check_file(Report& report, const Loaded<PolicyFile>& loaded) {
  io::AsioWorld world;
  try_listen(report, world, loaded.file.policy_server.listen, nullptr, "policy_server.listen");
  if (const auto& names = loaded.file.policy_server.dns; names.listen)
    try_listen(report, world, *names.listen, nullptr, "policy_server.dns.listen");
  if (loaded.topology.gateways.empty() || loaded.topology.routers.empty())
    report.bad("topology", "names no gateway or no router",
               "add [[gateway]] and [[router]] tables to the topology file");
}

void check_file(Report& report, const Loaded<MediaFile>& loaded) {
  io::AsioWorld world;
  try_listen(report, world, loaded.file.media_server.listen, nullptr, "media_server.listen");
  check_media(report, loaded.file.media);
}

/// True when the file has the role's table and has been checked.
template <class File>
bool check_as(Report& report, const config::Node& root, std::string_view table, const std::string& path) {
  if (!root.members.contains(table)) return false;
  auto loaded = load<File>(path);
  if (!loaded) {
    report.bad("file", loaded.error().text, "`nearend config manual` lists all keys");
  } else {
    report.good("file", path + " reads well");
    check_file(report, *loaded);
  }
  return true;
}

void check_config(Report& report, const std::string& path) {
  auto root = config::read_toml_file(path);
  if (!root) {
    report.bad("file", root.error().text, "");
    return;
  }
  const bool is_known = check_as<GatewayFile>(report, *root, "gateway", path) ||
                        check_as<RouterFile>(report, *root, "router", path) ||
                        check_as<PolicyFile>(report, *root, "policy_server", path) ||
                        check_as<MediaFile>(report, *root, "media_server", path);
  if (!is_known)
    report.bad("file", path + " is no role's file",
               "it needs a table [gateway], [router], [policy_server] or [media_server]");
}

}  // namespace

int run_doctor(const std::string& config_path) {
  Report report;
  check_limits(report);
  if (config_path.empty()) {
    check_ports(report, media::NodeSettings{}.port_first, media::NodeSettings{}.port_last);
    check_tiers(report, {});
    check_lab(report);
  } else {
    check_config(report, config_path);
  }
  fmt::print("{}\n", report.missing() == 0 ? "Nothing that is needed is missing."
                                           : fmt::format("{} needed thing(s) missing.", report.missing()));
  return report.missing() == 0 ? 0 : 1;
}

}  // namespace nearend::app
