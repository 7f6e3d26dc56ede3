#include "lab/platform.hpp"

#include <algorithm>

namespace nearend::lab {
namespace {

constexpr std::chrono::milliseconds start_limit{10'000};

Path one_way(double ms) {
  return {.delay = nanoseconds(static_cast<int64_t>(ms * 1e6))};
}

}  // namespace

Platform::~Platform() {
  for (auto& [name, process] : processes_) process.stop();
}

Result<std::unique_ptr<Platform>> Platform::start(PlatformPlan plan, const std::string& program,
                                                  const std::filesystem::path& directory, RolesWanted wanted) {
  std::unique_ptr<Platform> made(new Platform);
  made->plan_ = std::move(plan);
  made->directory_ = std::filesystem::absolute(directory);
  std::filesystem::create_directories(made->directory_ / "app");
  if (auto done = made->make_sites(); !done) return pass(done);
  if (auto done = write_role_files(made->plan_, made->directory_); !done) return pass(done);
  if (wanted.routers) {
    if (auto done = made->start_app(program); !done) return pass(done);
  }
  for (const RegionPlan& region : made->plan_.regions) {
    if (wanted.policies && made->plan_.has_policy) {
      if (auto done = made->start_role(program, region, "policy", policy_port, false); !done) return pass(done);
    }
    if (wanted.routers && region.has_router) {
      if (auto done = made->start_role(program, region, "router", link_port + 1, false); !done) return pass(done);
    }
    if (auto done = made->start_media_nodes(program, region); !done) return pass(done);
    if (auto done = made->start_role(program, region, "gateway", sip_port, true); !done) return pass(done);
  }
  if (wanted.routers) {
    if (auto done = made->wait_for_links(); !done) return pass(done);
  }
  return made;
}

Result<void> Platform::wait_for_links() {
  for (const RegionPlan& region : plan_.regions) {
    for (const char* role : {"gateway", "router"}) {
      if (role == std::string_view("router") && !region.has_router) continue;
      auto ready = processes_.at(fmt::format("{}-{}", region.name, role)).wait_for_line("links ready", start_limit);
      if (!ready) return ready;
    }
  }
  return {};
}

Result<void> Platform::make_sites() {
  std::vector<std::pair<std::string, IpAddress*>> wanted;
  for (auto& region : plan_.regions) {
    wanted.emplace_back(region.name, &region.address);
    region.node_addresses.resize(region.media_nodes);
    for (size_t i = 0; i < region.media_nodes; ++i)
      wanted.emplace_back(media_node_name(region, i + 1), &region.node_addresses[i]);
  }
  for (auto& access : plan_.accesses) wanted.emplace_back(access.name, &access.address);
  for (auto& region : plan_.regions)
    if (plan_.has_policy_sites) wanted.emplace_back(policy_name(region), &region.policy_address);
  wanted.emplace_back("app", &plan_.app);
  for (const auto& [name, address] : wanted) {
    const auto site = wan_.add_site(name);
    if (!site) return fail(site.error().kind, "site {}: {}", name, site.error().text);
    sites_[name] = *site;
    *address = wan_.address(*site);
  }
  for (auto& region : plan_.regions)
    if (!plan_.has_policy_sites) region.policy_address = region.address;
  for (const AccessPlan& access : plan_.accesses) {
    wan_.set_paths(site(access.name), site(access.region), one_way(access_ms));
  }
  for (const RegionPlan& region : plan_.regions) {
    for (size_t number = 1; number <= region.media_nodes; ++number) {
      const SiteId node = site(media_node_name(region, number));
      for (const RegionPlan& other : plan_.regions)
        wan_.set_paths(node, site(other.name), one_way(other.name == region.name ? node_ms : edge_to_edge_ms));
      for (const AccessPlan& access : plan_.accesses)
        if (access.region == region.name) wan_.set_paths(node, site(access.name), one_way(access_ms));
      wan_.set_paths(node, site("app"), one_way(app_ms));
    }
  }
  for (const RegionPlan& a : plan_.regions) {
    wan_.set_paths(site(a.name), site("app"), one_way(app_ms));
    for (const RegionPlan& b : plan_.regions) {
      if (a.name != b.name) wan_.set_paths(site(a.name), site(b.name), one_way(edge_to_edge_ms));
    }
  }
  if (plan_.has_policy_sites) join_policies();
  wan_.add_tap(capture_);
  return wan_.start();
}

void Platform::join_policies() {
  for (const RegionPlan& region : plan_.regions)
    for (const RegionPlan& other : plan_.regions) {
      const bool is_own = other.name == region.name;
      wan_.set_paths(site(policy_name(region)), site(other.name), one_way(is_own ? node_ms : edge_to_edge_ms));
      if (!is_own) wan_.set_paths(site(policy_name(region)), site(policy_name(other)), one_way(edge_to_edge_ms));
    }
}

Result<void> Platform::start_app(const std::string& program) {
  const Endpoint listen{plan_.app, app_port};
  auto process = Process::start(
      wan_.net(site("app")),
      {.name = "app",
       .arguments = {program, "lab", "app", "--listen", listen.to_string(), "--dir", (directory_ / "app").string()},
       .directory = directory_,
       .environment = {}});
  if (!process) return pass(process);
  auto& kept = processes_["app"] = std::move(*process);
  return kept.wait_for_tcp(app_port, start_limit);
}

Result<void> Platform::start_media_nodes(const std::string& program, const RegionPlan& region) {
  for (size_t number = 1; number <= region.media_nodes; ++number) {
    const std::string name = media_node_name(region, number);
    auto process = Process::start(
        wan_.net(site(name)), {.name = name,
                               .arguments = {program, "media", "--config", (directory_ / (name + ".toml")).string()},
                               .directory = directory_,
                               .environment = {}});
    if (!process) return pass(process);
    auto& kept = processes_[name] = std::move(*process);
    if (auto ready = kept.wait_for_tcp(media_port, start_limit); !ready) return ready;
  }
  return {};
}

Result<void> Platform::start_role(const std::string& program, const RegionPlan& region, const std::string& role,
                                  uint16_t port, bool is_udp) {
  const std::string name = fmt::format("{}-{}", region.name, role);
  const bool is_apart = role == "policy" && plan_.has_policy_sites;
  auto process = Process::start(wan_.net(site(is_apart ? name : region.name)),
                                {.name = name,
                                 .arguments = {program, role, "--config", (directory_ / (name + ".toml")).string()},
                                 .directory = directory_,
                                 .environment = {}});
  if (!process) return pass(process);
  auto& kept = processes_[name] = std::move(*process);
  return is_udp ? kept.wait_for_udp(port, start_limit) : kept.wait_for_tcp(port, start_limit);
}

void Platform::cut_off(const std::string& name) {
  for (const auto& [other, id] : sites_)
    if (other != name) wan_.set_paths(site(name), id, {.is_cut = true});
}

void Platform::set_rtt(const std::string& a, const std::string& b, double rtt_ms) {
  wan_.set_paths(site(a), site(b), one_way(rtt_ms / 2));
}

void Platform::set_core_rtt(double rtt_ms) {
  for (const RegionPlan& edge : plan_.regions) {
    for (const RegionPlan& core : plan_.regions) {
      if (!edge.has_router && core.has_router) set_rtt(edge.name, core.name, rtt_ms);
    }
  }
}

std::string Platform::casualties() {
  for (auto& [name, process] : processes_) {
    if (process.is_running()) continue;
    return fmt::format("{} has ended with code {}; {} says:\n{}", name, process.exit_code(), process.log().string(),
                       last_lines(process.log(), 12));
  }
  return {};
}

const RegionPlan& Platform::region_of(const std::string& access) const {
  const auto plan = std::ranges::find(plan_.accesses, access, &AccessPlan::name);
  return *std::ranges::find(plan_.regions, plan->region, &RegionPlan::name);
}

CallSites Platform::call_sites(const std::string& caller, const std::string& callee) const {
  const auto router = std::ranges::find(plan_.regions, true, &RegionPlan::has_router);
  return {.caller = site(caller),
          .callee = site(callee),
          .x1 = site(region_of(caller).name),
          .x2 = site(region_of(callee).name),
          .router = router == plan_.regions.end() ? site("app") : site(router->name),
          .app = site("app")};
}

}  // namespace nearend::lab
