#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "lab/capture.hpp"
#include "lab/measure.hpp"
#include "lab/process.hpp"
#include "lab/topology_files.hpp"
#include "lab/wan.hpp"

namespace nearend::lab {

/// Which roles run.
struct RolesWanted {
  bool routers = true;
  bool policies = true;
};

/// A whole platform in the lab: a site for each region, each access network and the application server, the network
/// between them, and the real programs in the sites. Made anew for each flow; destroying it ends its programs.
class Platform {
 public:
  /// One-way delays that do not depend on the flow.
  static constexpr double access_ms = 5;
  static constexpr double app_ms = 0.5;
  static constexpr double edge_to_edge_ms = 20;
  static constexpr double node_ms = 0.1;  ///< A media node apart, from its gateway.

  static Result<std::unique_ptr<Platform>> start(PlatformPlan plan, const std::string& program,
                                                 const std::filesystem::path& directory, RolesWanted wanted = {});
  ~Platform();

  Wan& wan() { return wan_; }
  const Wan& wan() const { return wan_; }
  Capture& capture() { return capture_; }
  const std::filesystem::path& directory() const { return directory_; }
  /// The site of a region, an access network, or "app".
  SiteId site(const std::string& name) const { return sites_.at(name); }
  Endpoint gateway(const std::string& region) const { return {wan_.address(site(region)), sip_port}; }
  Process& process(const std::string& name) { return processes_.at(name); }
  bool has_process(const std::string& name) const { return processes_.contains(name); }

  /// The round-trip time between every edge region and every router's region, from now on.
  void set_core_rtt(double rtt_ms);
  /// Nothing gets to the site nor out of it any more.
  void cut_off(const std::string& site);
  /// Policy servers with sites of their own are reached again by everybody who was.
  void join_policies();
  void set_rtt(const std::string& a, const std::string& b, double rtt_ms);
  /// The first program that has ended though it should run, with its last words; empty when all are well.
  std::string casualties();
  CallSites call_sites(const std::string& caller, const std::string& callee) const;

 private:
  Platform() = default;
  /// Until the links between gateways and routers stand, so that no flow measures their first handshake.
  Result<void> wait_for_links();
  Result<void> make_sites();
  Result<void> start_app(const std::string& program);
  Result<void> start_media_nodes(const std::string& program, const RegionPlan& region);
  Result<void> start_role(const std::string& program, const RegionPlan& region, const std::string& role, uint16_t port,
                          bool is_udp);
  const RegionPlan& region_of(const std::string& access) const;

  PlatformPlan plan_;
  std::filesystem::path directory_;
  Capture capture_;  // outlives the network, which writes to it
  Wan wan_;
  std::map<std::string, SiteId> sites_;
  std::map<std::string, Process> processes_;
};

}  // namespace nearend::lab
