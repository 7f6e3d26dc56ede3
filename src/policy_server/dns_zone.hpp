#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/section.hpp"
#include "policy/places.hpp"
#include "policy_server/dns_message.hpp"

namespace nearend::policy_server {

/// Where endpoints outside reach a gateway.
struct PublicSip {
  enum class Kind : uint8_t { udp, tcp, tls } kind = Kind::udp;
  Endpoint place;
};
/// Of "udp:198.51.100.7:5060", "tcp:..." or "tls:...".
Result<PublicSip> parse_public_sip(std::string_view text);

/// How the policy server answers for the platform's zone.
struct DnsSettings {
  std::optional<Endpoint> listen;  ///< UDP and TCP; nothing: it does not.
  std::string zone;                ///< "voice.example.com"
  std::chrono::seconds ttl{20};
  struct NameServer {
    std::string name;
    std::vector<IpAddress> addresses;  ///< Where its name is in the zone.
  };
  std::vector<NameServer> name_servers;
  struct Gateway {
    std::string name;              ///< As the topology has it.
    std::vector<std::string> sip;  ///< See parse_public_sip.
    bool answers_probes = false;   ///< Clients may measure by STUN.
    std::string ping;              ///< Where browsers measure; empty: nowhere.
  };
  std::vector<Gateway> gateways;
  std::string region;         ///< Whose addresses are near to this region, as far as nothing better is known.
  double answers_most = 200;  ///< A second to one network (/24, /56); above it over TCP only.
};
void describe(config::Section& section, DnsSettings::NameServer& server);
void describe(config::Section& section, DnsSettings::Gateway& gateway);
void describe(config::Section& section, DnsSettings& settings);
Result<void> checked(const DnsSettings& settings);

namespace dns {

/// "eu-de1.voice.example.com": the gateways of a region.
std::string region_host(std::string_view region, std::string_view zone);
/// "eu-gw1.gw.voice.example.com": one gateway.
std::string gateway_host(std::string_view gateway, std::string_view zone);

/// The names of the zone and whose they are, which the settings and the topology say:
///
///     voice.example.com                  the nearest gateways of all; NS and SOA
///     eu-de1.voice.example.com           those of region eu/de1
///     eu.voice.example.com               those of all regions below eu
///     _sip._udp, _sip._tcp, _sips._tcp   before each of these: SRV
///     eu-gw1.gw.voice.example.com        one gateway, whom SRV names
///
/// Any thread.
class Zone {
 public:
  /// `settings` are checked; gateways that the topology does not know are nobody's.
  Zone(const DnsSettings& settings, const policy::Places& places);

  using Kind = PublicSip::Kind;
  struct Node {
    enum class Is : uint8_t { empty, host, service, gateway, name_server } is = Is::empty;
    std::vector<policy::GatewayId> gateways;  // of a host all, of a service those that have it
    Kind service = Kind::udp;
    size_t name_server = 0;
    bool is_apex = false;
  };
  /// Whether the zone answers for a name (in lower case), and the part of it before the zone.
  std::optional<std::string_view> within(std::string_view name) const;
  /// Nothing when the name does not exist.
  const Node* find(std::string_view relative) const;

  const std::vector<PublicSip>& addresses(policy::GatewayId gateway) const { return addresses_[gateway]; }
  const Name& gateway_name(policy::GatewayId gateway) const { return gateway_names_[gateway]; }
  const Name& apex() const { return apex_; }
  static std::string_view label_of(Kind kind);  ///< "_sip._udp"

 private:
  Node& add(const std::string& relative);
  void add_host(const std::string& relative, policy::GatewayId gateway);
  std::string zone_;
  Name apex_;
  std::map<std::string, Node, std::less<>> nodes_;
  std::vector<std::vector<PublicSip>> addresses_;
  std::vector<Name> gateway_names_;
};

}  // namespace dns
}  // namespace nearend::policy_server
