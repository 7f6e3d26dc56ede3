#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "policy_server/dns_zone.hpp"
#include "policy_server/first_hop.hpp"

namespace nearend::policy_server::dns {

struct Answered {
  std::vector<uint8_t> message;
  Type type = Type::any;  ///< That was asked for; as far as it could be read.
  Code code = Code::good;
};

/// Answers for the platform's zone, authoritatively and for it alone (RFC 1034 4.3.2; RFC 2308 for what is not there).
/// What it answers depends on its arguments and the advisor's beliefs only. Advisor's thread; what is given must
/// outlive it.
class Responder {
 public:
  Responder(const DnsSettings& settings, const policy::Advisor& advisor, uint32_t serial);

  /// Nothing when the message deserves no answer. `from`: who sent it, whom the answer is for when he does not say for
  /// whom he asks (RFC 7871). Over UDP it is as long as he takes, at most 1232 bytes; otherwise TC is set.
  std::optional<Answered> answer(io::Bytes message, const IpAddress& from, bool is_udp, int64_t now_ms,
                                 uint64_t random) const;
  /// The same question answered with nothing but a hint to ask over TCP.
  static std::optional<Answered> answer_truncated(io::Bytes message);

 private:
  struct Asked;
  void fill(const Asked& asked, Reply& reply) const;
  void fill_node(const Asked& asked, const Zone::Node& node, Reply& reply) const;
  void fill_apex(const Asked& asked, Reply& reply) const;
  void fill_addresses(const Asked& asked, const Zone::Node& node, Reply& reply) const;
  void fill_services(const Asked& asked, const Zone::Node& node, Reply& reply) const;
  void fill_naptr(const Asked& asked, const Zone::Node& node, Reply& reply) const;
  void fill_name_server(const Asked& asked, const Zone::Node& node, Reply& reply) const;
  void add_addresses(const Name& owner, policy::GatewayId gateway, Type type, std::vector<Record>& records) const;
  std::vector<FirstHopPick> hops(const Asked& asked, const std::vector<policy::GatewayId>& from) const;
  Record soa() const;

  const policy::Advisor& advisor_;
  Zone zone_;
  uint32_t ttl_s_, serial_;
  policy::RegionId home_;
  Name mailbox_;
  std::vector<DnsSettings::NameServer> name_servers_;
};

}  // namespace nearend::policy_server::dns
