#include "policy/topology_file.hpp"

#include <set>

#include "base/ip.hpp"
#include "policy/geography.hpp"

namespace nearend::policy {

void describe(config::Section& section, GatewayEntry& gateway) {
  section.key("name", gateway.name, "Its name, the same as in its own file.");
  section.key("region", gateway.region, "Its zone path, for example \"eu/de1\".");
  section.key("link_uri", gateway.link_uri,
              "Where routers and gateways reach it: \"sip:198.51.100.7:5070;transport=tcp\".");
  section.key("features", gateway.features,
              "What its region can do: bridge, play, local-tts, record, collect, video, direct.");
  section.key("prefixes", gateway.prefixes,
              "Number prefixes its carriers take; the longest match wins, \"\" takes all.");
  section.key("capacity", gateway.capacity, "Calls it takes.");
  section.key("echo", gateway.echo,
              "UDP address where it gives other gateways echoes, by which round trips between regions are measured; "
              "left out: it is not asked.");
  section.key("relay_url", gateway.relay_url,
              "Media control API of a node in its region, by which routers may take talks between other regions and "
              "where they may run prompts: "
              "\"https://198.51.100.7:7400\"; empty: none.");
}

void describe(config::Section& section, RouterEntry& router) {
  section.key("name", router.name, "Its name, the same as in its own file.");
  section.key("region", router.region, "Its zone path.");
  section.key("link_uri", router.link_uri, "Where gateways reach it.");
  section.key("events_url", router.events_url,
              "Where gateways ship call events: \"http://198.51.100.9:8080/v1/call-events\".");
  section.key("capacity", router.capacity, "Calls it takes.");
}

void describe(config::Section& section, Topology::Rtt& rtt) {
  section.key("a", rtt.a, "One region.");
  section.key("b", rtt.b, "The other.");
  section.key("ms", rtt.ms, "Round-trip time between them.");
}

void describe(config::Section& section, Topology::Region& region) {
  section.key("name", region.name, "Its zone path.");
  section.key("latitude", region.latitude, "In degrees, north positive.");
  section.key("longitude", region.longitude, "In degrees, east positive.");
}

void describe(config::Section& section, Topology::Area& area) {
  section.key("name", area.name, "What reports and questions call it: \"vodafone-de\".");
  section.key("region", area.region,
              "The region that it is nearest to, with or without gateways; or say where it is, by country or latitude "
              "and longitude: then that is found.");
  section.key("country", area.country, "Its ISO code: \"DE\".");
  section.key("latitude", area.latitude, "In degrees, north positive.");
  section.key("longitude", area.longitude, "In degrees, east positive.");
  section.key("access_ms", area.access_ms,
              "Round trip of its last mile, on top of the way to that region; 0 where its place is said: 25 ms.");
  section.key("prefixes", area.prefixes, "Numbers that belong to it, the longest match wins: [\"+4915\"].");
  section.key("networks", area.networks, "Addresses that belong to it: [\"203.0.113.0/24\"].");
}

void describe(config::Section& section, Topology& topology) {
  section.key("networks", topology.network_files,
              "Tables that say where addresses are, relative to this file: lines of \"network, country\" or \"network, "
              "latitude, longitude\", each with \", AS number\" or without, or a registry's delegated-extended list.");
  section.list("gateway", topology.gateways, "A gateway of the platform.");
  section.list("router", topology.routers, "A router of the platform.");
  section.list("rtt", topology.rtts, "The round-trip time of a pair of regions.");
  section.list("region", topology.regions,
               "Where a region is: for pairs whose round-trip time is not given, and for numbers and networks that no "
               "area names, which are near the nearest.");
  section.list("area", topology.areas, "An access area: endpoints that come by the same network.");
}

namespace {

Result<void> check_entry(const std::string& key, const std::string& name, const std::string& region,
                         const std::string& link_uri, std::set<std::string_view>& names) {
  if (name.empty()) return fail(Error::Kind::invalid, "{}.name: missing", key);
  if (!names.insert(name).second) return fail(Error::Kind::invalid, "{}.name: '{}' is there twice", key, name);
  if (region.empty()) return fail(Error::Kind::invalid, "{}.region: missing, for {}", key, name);
  if (!link_uri.starts_with("sip:") && !link_uri.starts_with("sips:"))
    return fail(Error::Kind::invalid, "{}.link_uri: a SIP URI is expected, not '{}'", key, link_uri);
  return {};
}

Result<void> check_place(const Topology::Area& area) {
  if (area.name.empty()) return fail(Error::Kind::invalid, "name: missing");
  if (area.latitude.has_value() != area.longitude.has_value())
    return fail(Error::Kind::invalid, "latitude: goes with longitude, for {}", area.name);
  const int told = int{!area.region.empty()} + int{!area.country.empty()} + int{area.latitude.has_value()};
  if (told != 1)
    return fail(Error::Kind::invalid, "region: this, or country, or latitude and longitude, for {}", area.name);
  if (area.latitude && !position_of(*area.latitude, *area.longitude))
    return fail(Error::Kind::invalid, "latitude: from -90 to 90, and longitude from -180 to 180, for {}", area.name);
  if (!area.country.empty() && !Atlas::carried().country(area.country))
    return fail(Error::Kind::invalid, "country: '{}' is no ISO code, such as \"DE\"", area.country);
  return {};
}

}  // namespace

Result<void> checked(const Topology& topology) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < topology.gateways.size(); ++i) {
    const GatewayEntry& entry = topology.gateways[i];
    auto good = check_entry(fmt::format("gateway[{}]", i), entry.name, entry.region, entry.link_uri, names);
    if (!good) return good;
  }
  for (size_t i = 0; i < topology.routers.size(); ++i) {
    const RouterEntry& entry = topology.routers[i];
    auto good = check_entry(fmt::format("router[{}]", i), entry.name, entry.region, entry.link_uri, names);
    if (!good) return good;
  }
  for (size_t i = 0; i < topology.regions.size(); ++i)
    if (const auto& region = topology.regions[i]; !position_of(region.latitude, region.longitude))
      return fail(Error::Kind::invalid, "region[{}].latitude: from -90 to 90, and longitude from -180 to 180", i);
  for (size_t i = 0; i < topology.areas.size(); ++i) {
    const auto& area = topology.areas[i];
    if (auto good = check_place(area); !good) return fail(Error::Kind::invalid, "area[{}].{}", i, good.error().text);
    for (const std::string& network : area.networks)
      if (auto block = parse_cidr(network); !block)
        return fail(Error::Kind::invalid, "area[{}].networks: {}", i, block.error().text);
  }
  return {};
}

}  // namespace nearend::policy
