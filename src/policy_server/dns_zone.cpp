#include "policy_server/dns_zone.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "http/url.hpp"

namespace nearend::policy_server {
namespace dns {
namespace {

/// A label of a region's or gateway's name: "eu/de1" is "eu-de1".
std::string label_from(std::string_view name) {
  std::string label = to_lower(name.substr(0, 63));
  for (char& sign : label)
    if (!(sign >= 'a' && sign <= 'z') && !(sign >= '0' && sign <= '9')) sign = '-';
  return label;
}

}  // namespace

std::string region_host(std::string_view region, std::string_view zone) {
  return fmt::format("{}.{}", label_from(region), to_lower(zone));
}
std::string gateway_host(std::string_view gateway, std::string_view zone) {
  return fmt::format("{}.gw.{}", label_from(gateway), to_lower(zone));
}

std::string_view Zone::label_of(Kind kind) {
  return kind == Kind::udp ? "_sip._udp" : kind == Kind::tcp ? "_sip._tcp" : "_sips._tcp";
}

/// With all names above it, which exist then, too (RFC 8020).
Zone::Node& Zone::add(const std::string& relative) {
  for (size_t dot = relative.find('.'); dot != std::string::npos; dot = relative.find('.', dot + 1))
    nodes_.try_emplace(relative.substr(dot + 1));
  return nodes_[relative];
}

void Zone::add_host(const std::string& relative, policy::GatewayId gateway) {
  Node& host = add(relative);
  host.is = Node::Is::host;
  host.gateways.push_back(gateway);
  for (const PublicSip& each : addresses_[gateway]) {
    Node& service = add(fmt::format("{}{}{}", label_of(each.kind), relative.empty() ? "" : ".", relative));
    service.is = Node::Is::service;
    service.service = each.kind;
    if (service.gateways.empty() || service.gateways.back() != gateway) service.gateways.push_back(gateway);
  }
}

Zone::Zone(const DnsSettings& settings, const policy::Places& places)
    : zone_(to_lower(settings.zone)), apex_(*wire_name(settings.zone)) {
  Node& apex = nodes_[""];
  apex.is_apex = true;
  apex.is = Node::Is::host;
  for (size_t i = 0; i < places.gateways(); ++i) {
    const auto gateway = static_cast<policy::GatewayId>(i);
    const policy::GatewayEntry& entry = places.entry(gateway);
    auto& addresses = addresses_.emplace_back();
    const auto told = std::ranges::find(settings.gateways, entry.name, &DnsSettings::Gateway::name);
    if (told != settings.gateways.end())
      for (const std::string& each : told->sip)
        if (auto place = parse_public_sip(each)) addresses.push_back(*place);
    const std::string own = label_from(entry.name) + ".gw";
    gateway_names_.push_back(*wire_name(own + "." + zone_));
    if (addresses.empty()) continue;
    Node& itself = add(own);
    itself.is = Node::Is::gateway;
    itself.gateways.push_back(gateway);
    add_host("", gateway);
    for (size_t slash = entry.region.find('/'); slash != std::string::npos; slash = entry.region.find('/', slash + 1))
      add_host(label_from(entry.region.substr(0, slash)), gateway);
    add_host(label_from(entry.region), gateway);
  }
  for (size_t i = 0; i < settings.name_servers.size(); ++i) {
    const std::string name = to_lower(settings.name_servers[i].name);
    const auto relative = within(name);
    if (!relative || relative->empty()) continue;
    Node& node = add(std::string(*relative));
    if (node.is != Node::Is::empty) continue;
    node.is = Node::Is::name_server;
    node.name_server = i;
  }
}

std::optional<std::string_view> Zone::within(std::string_view name) const {
  if (name == zone_) return std::string_view{};
  if (name.size() <= zone_.size() || !name.ends_with(zone_) || name[name.size() - zone_.size() - 1] != '.')
    return std::nullopt;
  return name.substr(0, name.size() - zone_.size() - 1);
}

const Zone::Node* Zone::find(std::string_view relative) const {
  const auto found = nodes_.find(relative);
  return found == nodes_.end() ? nullptr : &found->second;
}

}  // namespace dns

Result<PublicSip> parse_public_sip(std::string_view text) {
  using Kind = PublicSip::Kind;
  for (const auto& [name, kind] :
       {std::pair<std::string_view, Kind>{"udp:", Kind::udp}, {"tcp:", Kind::tcp}, {"tls:", Kind::tls}}) {
    if (!text.starts_with(name)) continue;
    auto place = parse_endpoint(text.substr(name.size()));
    if (!place) return pass(place);
    return PublicSip{kind, *place};
  }
  return fail(Error::Kind::invalid, "\"udp:198.51.100.7:5060\", or with tcp or tls, is expected, not '{}'", text);
}

void describe(config::Section& section, DnsSettings::NameServer& server) {
  section.key("name", server.name, "\"ns1.voice.example.com\", in the zone or elsewhere.");
  section.key("addresses", server.addresses, "Of a name in the zone: [\"198.51.100.53\"].");
}

void describe(config::Section& section, DnsSettings::Gateway& gateway) {
  section.key("name", gateway.name, "Its name in the topology.");
  section.key("sip", gateway.sip,
              "Where carriers and telephones reach it: [\"udp:198.51.100.7:5060\", \"tls:[2001:db8::7]:5061\"].");
  section.key("probes", gateway.answers_probes,
              "Its UDP addresses answer STUN of anybody (`gateway.listen.probes`): told to clients that race.");
  section.key("ping", gateway.ping,
              "Where its `ping.listen` is reached, for browsers that race: \"https://gw1.example.com/ping\".");
}

void describe(config::Section& section, DnsSettings& settings) {
  section.key("listen", settings.listen, "UDP and TCP, \"198.51.100.53:53\"; left out: no names are answered for.");
  section.key("zone", settings.zone, "The zone that is delegated to the policy servers, \"voice.example.com\".");
  section.key("ttl", settings.ttl, "How long an answer may be kept, and with it a gateway that has failed since.");
  section.key("region", settings.region,
              "Zone path of this instance: who is nowhere known is near to it; empty: is near to nothing.");
  section.key("answers_most", settings.answers_most,
              "A second to one network (/24, IPv6: /56) over UDP; more are cut to a hint to ask over TCP, or dropped.");
  section.list("gateway", settings.gateways, "A gateway that the zone's names may lead to.");
  section.list("name_server", settings.name_servers, "A name server of the zone, this one among them.");
}

namespace {

Result<void> check_gateways(const DnsSettings& settings) {
  for (size_t i = 0; i < settings.gateways.size(); ++i) {
    const std::string& ping = settings.gateways[i].ping;
    if (!ping.empty() && !http::parse_url(ping))
      return fail(Error::Kind::invalid, "gateway[{}].ping: \"https://gw1.example.com/ping\" is expected, not '{}'", i,
                  ping);
    for (const std::string& each : settings.gateways[i].sip)
      if (auto place = parse_public_sip(each); !place)
        return fail(Error::Kind::invalid, "gateway[{}].sip: {}", i, place.error().text);
  }
  return {};
}

}  // namespace

Result<void> checked(const DnsSettings& settings) {
  if (auto good = check_gateways(settings); !good) return good;
  if (!settings.listen) return {};
  // As much as the longest names in the zone need before it.
  constexpr size_t zone_most = 150;
  if (auto good = dns::wire_name(settings.zone); !good || settings.zone.size() > zone_most)
    return fail(Error::Kind::invalid, "zone: a name as \"voice.example.com\" is expected, not '{}'", settings.zone);
  if (settings.ttl.count() < 0 || settings.ttl.count() > 86'400)
    return fail(Error::Kind::invalid, "ttl: at most a day");
  if (settings.answers_most < 1) return fail(Error::Kind::invalid, "answers_most: at least 1");
  if (settings.name_servers.empty())
    return fail(Error::Kind::invalid, "name_server: at least one is needed, as the delegation names it");
  for (size_t i = 0; i < settings.name_servers.size(); ++i) {
    const auto& server = settings.name_servers[i];
    if (auto good = dns::wire_name(server.name); !good)
      return fail(Error::Kind::invalid, "name_server[{}].name: {}", i, good.error().text);
    if (to_lower(server.name).ends_with("." + to_lower(settings.zone)) && server.addresses.empty())
      return fail(Error::Kind::invalid, "name_server[{}].addresses: a name in the zone needs one", i);
  }
  return {};
}

}  // namespace nearend::policy_server
