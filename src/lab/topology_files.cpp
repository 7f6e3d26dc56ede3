#include "lab/topology_files.hpp"

#include <algorithm>
#include <fstream>

namespace nearend::lab {
namespace {

constexpr std::string_view shared_link_key = "the lab's peers know this";

std::string quoted(const std::vector<std::string>& words) {
  std::string out = "[";
  for (const auto& word : words) out += fmt::format("{}\"{}\"", out.size() > 1 ? ", " : "", word);
  return out + "]";
}

std::string link_uri(const IpAddress& address) {
  return fmt::format("sip:{}:{};transport=tcp", address.to_string(), link_port);
}
std::string events_url(const IpAddress& address) {
  return fmt::format("http://{}:{}/v1/call-events", address.to_string(), http_port);
}

std::vector<std::string> prefixes_of(const PlatformPlan& plan, const RegionPlan& region) {
  std::vector<std::string> out;
  for (const AccessPlan& access : plan.accesses) {
    if (access.region == region.name) out.push_back(access.prefix);
  }
  return out;
}

std::string topology_file(const PlatformPlan& plan) {
  std::string out;
  for (const RegionPlan& region : plan.regions) {
    out += fmt::format(
        "[[gateway]]\nname = \"{}-gw\"\nregion = \"{}\"\nlink_uri = \"{}\"\nfeatures = {}\nprefixes = {}\n",
        region.name, region.zone, link_uri(region.address), quoted(region.features), quoted(prefixes_of(plan, region)));
    if (plan.has_echoes) out += fmt::format("echo = \"{}:{}\"\n", region.address.to_string(), echo_port);
    if (region.is_relay)
      out += fmt::format("relay_url = \"http://{}:{}\"\n", region.node_addresses.front().to_string(), media_port);
    out += "\n";
  }
  for (const RegionPlan& region : plan.regions) {
    if (!region.has_router) continue;
    // A router shares its site's address with the gateway there, so it has the next port.
    out += fmt::format(
        "[[router]]\nname = \"{0}-router\"\nregion = \"{1}\"\nlink_uri = \"sip:{2}:{3};transport=tcp\"\n"
        "events_url = \"{4}\"\n\n",
        region.name, region.zone, region.address.to_string(), link_port + 1, events_url(region.address));
  }
  for (const AccessPlan& access : plan.accesses) {
    const auto region = std::ranges::find(plan.regions, access.region, &RegionPlan::name);
    if (plan.has_race)
      out += fmt::format("[[area]]\nname = \"{}\"\nregion = \"{}\"\nnetworks = [\"{}/32\"]\n\n", access.name,
                         region->zone, access.address.to_string());
  }
  for (const auto& rtt : plan.rtts)
    out += fmt::format("[[rtt]]\na = \"{}\"\nb = \"{}\"\nms = {:.1f}\n\n", rtt.a, rtt.b, rtt.ms);
  return out;
}

std::string common(const PlatformPlan& plan, const RegionPlan& region) {
  std::string out = "topology = \"topology.toml\"\n";
  out +=
      fmt::format("{{listen}}[policy]\nurl = \"{}\"\n\n[log]\nlevel = \"debug\"\n\n",
                  plan.has_policy ? fmt::format("http://{}:{}", region.policy_address.to_string(), policy_port) : "");
  return out;
}

std::string with_listen(std::string text, const std::string& listen) {
  const std::string_view mark = "{listen}";
  return text.replace(text.find(mark), mark.size(), listen);
}

std::string media(const RegionPlan& region, const std::filesystem::path& directory, std::string_view role,
                  int port_first) {
  return fmt::format(
      "[media]\nbind_outer = \"{0}\"\nbind_inner = \"{0}\"\nport_first = {1}\nport_last = {2}\ncapabilities = "
      "{3}\n"
      "recordings = \"{4}\"\nmay_reach_internal = true\n\n",
      region.address.to_string(), port_first, port_first + 3999, quoted(region.capabilities),
      (directory / fmt::format("{}-{}-recordings", region.name, role)).string());
}

/// How a gateway reaches the media nodes of its region.
std::string media_nodes(const RegionPlan& region) {
  std::vector<std::string> urls;
  for (const IpAddress& address : region.node_addresses)
    urls.push_back(fmt::format("http://{}:{}", address.to_string(), media_port));
  return urls.empty() ? "" : fmt::format("[media_nodes]\nurls = {}\n\n", quoted(urls));
}

std::string media_file(const RegionPlan& region, size_t number, const std::filesystem::path& directory) {
  RegionPlan node = region;
  node.address = region.node_addresses[number - 1];
  return media(node, directory, fmt::format("media{}", number), 20000) +
         fmt::format("[media_server]\nlisten = \"{}:{}\"\npeer_key = \"{}\"\n\n[log]\nlevel = \"debug\"\n",
                     node.address.to_string(), media_port, shared_link_key);
}

std::string link_peers(const PlatformPlan& plan) {
  std::vector<std::string> out;
  for (const RegionPlan& region : plan.regions) out.push_back(region.address.to_string() + "/32");
  return quoted(out);
}

std::string gateway_providers(const PlatformPlan& plan, const RegionPlan& region) {
  std::string out;
  for (const AccessPlan& access : plan.accesses) {
    if (access.region != region.name) continue;
    out += fmt::format(
        "[[gateway.provider]]\nname = \"{0}\"\naddresses = [\"{1}/32\"]\nprefixes = [\"{2}\"]\n"
        "options_ping = \"0s\"\ncan_direct = {3}\nsrtp = \"{5}\"\n[[gateway.provider.target]]\nhost = \"{1}\"\nport = "
        "{4}\n\n",
        access.name, access.address.to_string(), access.prefix, access.can_direct, sip_port, access.srtp);
  }
  return out;
}

std::string gateway_numbers(const PlatformPlan& plan) {
  std::string out;
  for (const NumberPlan& number : plan.numbers) {
    out += fmt::format("[[gateway.number]]\nvalue = \"{}\"\naccount_sid = \"{}\"\n", number.number, account_sid);
    if (!number.forward_to.empty()) out += fmt::format("kind = \"forward\"\nforward_to = \"{}\"\n", number.forward_to);
    out += "\n";
  }
  return out;
}

std::string gateway_file(const PlatformPlan& plan, const RegionPlan& region, const std::filesystem::path& directory) {
  const std::string address = region.address.to_string();
  std::string out =
      with_listen(common(plan, region), fmt::format("http_listen = \"{}:{}\"\n\n", address, http_port - 1));
  out += media(region, directory, "gateway", 20000) + media_nodes(region);
  out += fmt::format(
      "[gateway]\nname = \"{0}-gw\"\nregion = \"{1}\"\nlink_peers = {2}\nlink_key = \"{3}\"\nfeatures = {4}\n"
      "journal_path = \"{5}\"\nrtp_timeout = \"{6}\"\nreanchor = \"{7}\"\nstar = \"{8}\"\n\n",
      region.name, region.zone, link_peers(plan), shared_link_key, quoted(region.features),
      (directory / fmt::format("{}-journal", region.name)).string(), plan.rtp_timeout, plan.gateway_reanchor,
      plan.star);
  for (const std::string_view protocol : {"udp", "tcp"}) {
    out += fmt::format("[[gateway.listen]]\nprotocol = \"{}\"\nlocal = \"{}:{}\"\nprobes = {}\n\n", protocol, address,
                       sip_port, plan.has_race);
  }
  if (plan.has_race) out += fmt::format("[gateway.ping]\nlisten = \"{}:{}\"\n\n", address, ping_port);
  out += fmt::format("[[gateway.link_listen]]\nprotocol = \"tcp\"\nlocal = \"{}:{}\"\n\n", address, link_port);
  return out + gateway_providers(plan, region) + gateway_numbers(plan);
}

std::string router_file(const PlatformPlan& plan, const RegionPlan& region, const std::filesystem::path& directory) {
  const std::string address = region.address.to_string();
  std::string out = with_listen(common(plan, region), "\n");
  // The router's own media node has everything: it is where a verb runs that the edge cannot.
  RegionPlan whole = region;
  whole.capabilities = RegionPlan().capabilities;
  out += media(whole, directory, "router", 25000);
  out += fmt::format(
      "[router]\nname = \"{0}-router\"\nregion = \"{1}\"\nlink_peers = {2}\nlink_key = \"{3}\"\nhttp_listen = "
      "\"{4}:{5}\"\n"
      "store_path = \"{6}\"\nmay_reach_internal = true\npublic_url = \"http://{4}:{5}\"\nplan = \"{7}\"\narming = {8}\n"
      "continuations = {9}\ndirect = {10}\nreanchor = \"{11}\"\n\n",
      region.name, region.zone, link_peers(plan), shared_link_key, address, http_port,
      (directory / fmt::format("{}-store.sqlite", region.name)).string(), plan.plan, plan.has_arming,
      plan.has_continuations, plan.is_direct, plan.router_reanchor);
  out += fmt::format("[[router.link_listen]]\nprotocol = \"tcp\"\nlocal = \"{}:{}\"\n\n", address, link_port + 1);
  out += fmt::format("[[router.account]]\nsid = \"{}\"\nauth_token = \"lab-secret\"\nname = \"lab\"\n\n", account_sid);
  for (const NumberPlan& number : plan.numbers) {
    if (number.document.empty()) continue;
    out += fmt::format("[[router.number]]\nnumber = \"{}\"\naccount_sid = \"{}\"\nvoice_url = \"http://{}:{}/{}\"\n\n",
                       number.number, account_sid, plan.app.to_string(), app_port, number.document);
  }
  return out;
}

/// The zone and the list of a policy server for clients that race.
std::string race_tables(const PlatformPlan& plan, const RegionPlan& region) {
  const std::string own = region.policy_address.to_string();
  std::string out = fmt::format(
      "[policy_server.first_hops]\nlisten = \"{0}:{1}\"\n[policy_server.dns]\nlisten = \"{0}:{2}\"\nzone = \"{3}\"\n"
      "[[policy_server.dns.name_server]]\nname = \"ns.{3}\"\naddresses = [\"{0}\"]\n",
      own, first_hops_port, names_port, race_zone);
  for (const RegionPlan& each : plan.regions)
    out += fmt::format(
        "[[policy_server.dns.gateway]]\nname = \"{0}-gw\"\nsip = [\"udp:{1}:{2}\", \"tcp:{1}:{2}\"]\nprobes = true\n"
        "ping = \"http://{1}:{3}/ping\"\n",
        each.name, each.address.to_string(), sip_port, ping_port);
  return out;
}

/// Each region has its instance, and they tell each other what they hear.
std::string policy_file(const PlatformPlan& plan, const RegionPlan& region, const std::filesystem::path& directory) {
  std::vector<std::string> peers;
  for (const RegionPlan& other : plan.regions)
    if (other.name != region.name)
      peers.push_back(fmt::format("http://{}:{}", other.policy_address.to_string(), policy_port));
  std::string out = fmt::format(
      "topology = \"topology.toml\"\n\n[policy_server]\nname = \"{}-policy\"\nlisten = \"{}:{}\"\nlink_key = \"{}\"\n"
      "peers = {}\nrecord_file = \"{}\"\n",
      region.name, region.policy_address.to_string(), policy_port, shared_link_key, quoted(peers),
      (directory / fmt::format("{}-policy.jsonl", region.name)).string());
  return plan.has_race ? out + race_tables(plan, region) : out;
}

Result<void> write_text(const std::filesystem::path& file, const std::string& text) {
  std::ofstream out(file);
  out << text;
  if (!out.flush()) return fail(Error::Kind::internal, "{} cannot be written", file.string());
  return {};
}

}  // namespace

std::string media_node_name(const RegionPlan& region, size_t number) {
  return fmt::format("{}-media{}", region.name, number);
}

std::string policy_name(const RegionPlan& region) {
  return region.name + "-policy";
}

Result<void> write_role_files(const PlatformPlan& plan, const std::filesystem::path& directory) {
  if (auto done = write_text(directory / "topology.toml", topology_file(plan)); !done) return done;
  for (const RegionPlan& region : plan.regions) {
    const auto file = [&](std::string_view role) { return directory / fmt::format("{}-{}.toml", region.name, role); };
    if (auto done = write_text(file("gateway"), gateway_file(plan, region, directory)); !done) return done;
    if (auto done = write_text(file("policy"), policy_file(plan, region, directory)); !done) return done;
    for (size_t number = 1; number <= region.node_addresses.size(); ++number) {
      const auto node = directory / (media_node_name(region, number) + ".toml");
      if (auto done = write_text(node, media_file(region, number, directory)); !done) return done;
    }
    if (!region.has_router) continue;
    if (auto done = write_text(file("router"), router_file(plan, region, directory)); !done) return done;
  }
  return {};
}

}  // namespace nearend::lab
