#include "policy_server/dns_responder.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace nearend::policy_server::dns {
namespace {

constexpr uint16_t payload_most = 1232, tcp_most = 65'535;
constexpr size_t addresses_most = 3, services_most = 6;

bool is_of(Type type, const IpAddress& address) {
  return (type == Type::aaaa) == address.is_v6() && (type == Type::a || type == Type::aaaa);
}

Type type_of(const Query& query) {
  return query.has_question ? static_cast<Type>(query.type) : Type::any;
}

}  // namespace

struct Responder::Asked {
  const Query& query;
  Type type;
  policy::Places::Network client;
  int64_t now_ms;
  uint64_t random;
};

Responder::Responder(const DnsSettings& settings, const policy::Advisor& advisor, uint32_t serial)
    : advisor_(advisor),
      zone_(settings, advisor.places()),
      ttl_s_(static_cast<uint32_t>(settings.ttl.count())),
      serial_(serial),
      home_(advisor.places().region(settings.region)),
      mailbox_(*wire_name("hostmaster." + settings.zone)),
      name_servers_(settings.name_servers) {}

std::optional<Answered> Responder::answer(io::Bytes message, const IpAddress& from, bool is_udp, int64_t now_ms,
                                          uint64_t random) const {
  const auto query = parse_query(message);
  if (!query) return std::nullopt;
  const bool is_told = query->subnet && query->subnet->source > 0;
  const IpAddress& client = is_told ? query->subnet->address : from;
  const auto all_bits = static_cast<uint8_t>(from.is_v6() ? 128 : 32);
  const Asked asked{*query, type_of(*query),
                    advisor_.places().network_of(client, is_told ? query->subnet->source : all_bits), now_ms, random};
  Reply reply;
  reply.code = query->wrong;
  if (reply.code == Code::good) fill(asked, reply);
  const uint16_t limit = is_udp ? std::min(query->payload, payload_most) : tcp_most;
  return Answered{encode(*query, reply, limit), asked.type, reply.code};
}

std::optional<Answered> Responder::answer_truncated(io::Bytes message) {
  const auto query = parse_query(message);
  if (!query) return std::nullopt;
  return Answered{encode(*query, {}, 0), type_of(*query), Code::good};
}

void Responder::fill(const Asked& asked, Reply& reply) const {
  constexpr uint16_t internet = 1;
  const auto number = static_cast<uint16_t>(asked.type);
  if (asked.type == Type::opt ||
      (number >= 128 && number <= 254 && asked.type != Type::axfr && asked.type != Type::ixfr)) {
    reply.code = Code::not_implemented;
    return;
  }
  const auto name = plain_name(asked.query.name);
  // Whether strange signs stand before our zone's name does not matter: nobody's name here has them.
  const auto relative = name ? zone_.within(*name) : std::nullopt;
  const bool is_ours = relative || (!name && to_lower(asked.query.name).ends_with(to_lower(zone_.apex())));
  const bool is_transfer = asked.type == Type::axfr || asked.type == Type::ixfr;
  if (!is_ours || is_transfer || asked.query.net_class != internet) {
    reply.code = Code::refused;
    return;
  }
  reply.is_authoritative = true;
  const Zone::Node* node = relative ? zone_.find(*relative) : nullptr;
  if (!node)
    reply.code = Code::no_name;
  else
    fill_node(asked, *node, reply);
  if (reply.answer.empty()) reply.authority.push_back(soa());
}

void Responder::fill_node(const Asked& asked, const Zone::Node& node, Reply& reply) const {
  using Is = Zone::Node::Is;
  if (asked.type == Type::any)  // RFC 8482 4.2
    reply.answer.push_back({.owner = asked.query.name, .type = Type::hinfo, .ttl_s = 3600, .flags = "RFC8482"});
  if (node.is_apex) fill_apex(asked, reply);
  if (node.is == Is::host || node.is == Is::gateway) fill_addresses(asked, node, reply);
  if (node.is == Is::host && asked.type == Type::naptr) fill_naptr(asked, node, reply);
  if (node.is == Is::service && asked.type == Type::srv) fill_services(asked, node, reply);
  if (node.is == Is::name_server) fill_name_server(asked, node, reply);
}

Record Responder::soa() const {
  return {.owner = zone_.apex(),
          .type = Type::soa,
          .ttl_s = ttl_s_,
          .target = *wire_name(name_servers_.front().name),
          .mailbox = mailbox_,
          .serial = serial_};
}

void Responder::fill_apex(const Asked& asked, Reply& reply) const {
  if (asked.type == Type::soa) reply.answer.push_back(soa());
  if (asked.type != Type::ns) return;
  for (const auto& server : name_servers_) {
    const Name name = *wire_name(server.name);
    reply.answer.push_back({.owner = asked.query.name, .type = Type::ns, .ttl_s = 3600, .target = name});
    for (const IpAddress& address : server.addresses)
      reply.additional.push_back(
          {.owner = name, .type = address.is_v6() ? Type::aaaa : Type::a, .ttl_s = 3600, .address = address});
  }
}

void Responder::fill_name_server(const Asked& asked, const Zone::Node& node, Reply& reply) const {
  for (const IpAddress& address : name_servers_[node.name_server].addresses)
    if (is_of(asked.type, address))
      reply.answer.push_back({.owner = asked.query.name, .type = asked.type, .ttl_s = 3600, .address = address});
}

std::vector<FirstHopPick> Responder::hops(const Asked& asked, const std::vector<policy::GatewayId>& from) const {
  const bool is_placed = asked.client.area == policy::no_area && asked.client.home != policy::no_region;
  return first_hops(advisor_, from, asked.client.area, is_placed ? asked.client.home : home_, asked.now_ms);
}

void Responder::add_addresses(const Name& owner, policy::GatewayId gateway, Type type,
                              std::vector<Record>& records) const {
  for (const PublicSip& each : zone_.addresses(gateway)) {
    const IpAddress& address = each.place.address;
    const auto is_same = [&](const Record& record) { return record.owner == owner && record.address == address; };
    if (is_of(type, address) && std::ranges::none_of(records, is_same))
      records.push_back({.owner = owner, .type = type, .ttl_s = ttl_s_, .address = address});
  }
}

void Responder::fill_addresses(const Asked& asked, const Zone::Node& node, Reply& reply) const {
  std::vector<policy::GatewayId> able;  // has an address of this kind at all
  for (const policy::GatewayId gateway : node.gateways)
    if (std::ranges::any_of(zone_.addresses(gateway),
                            [&](const PublicSip& each) { return is_of(asked.type, each.place.address); }))
      able.push_back(gateway);
  if (able.empty()) return;
  if (node.is == Zone::Node::Is::host) reply.scope = asked.client.prefix;
  // Who asks for addresses tries them in any order, so only the nearest region's are told.
  for (const FirstHopPick& pick : drawn(hops(asked, able), addresses_most, asked.random))
    if (pick.rank == 0) add_addresses(asked.query.name, pick.gateway, asked.type, reply.answer);
}

void Responder::fill_services(const Asked& asked, const Zone::Node& node, Reply& reply) const {
  reply.scope = asked.client.prefix;
  for (const FirstHopPick& pick : drawn(hops(asked, node.gateways), services_most, asked.random)) {
    const Name& name = zone_.gateway_name(pick.gateway);
    std::vector<uint16_t> ports;
    for (const PublicSip& each : zone_.addresses(pick.gateway)) {
      if (each.kind != node.service || std::ranges::find(ports, each.place.port) != ports.end()) continue;
      ports.push_back(each.place.port);
      reply.answer.push_back({.owner = asked.query.name,
                              .type = Type::srv,
                              .ttl_s = ttl_s_,
                              .priority = static_cast<uint16_t>(10 * (pick.rank + 1)),
                              .weight = static_cast<uint16_t>(std::clamp(pick.room, 1.0, 65'535.0)),
                              .port = each.place.port,
                              .target = name});
    }
    for (const Type type : {Type::a, Type::aaaa}) add_addresses(name, pick.gateway, type, reply.additional);
  }
}

/// In the order of RFC 3263 4.1's example: protected before not, connections before datagrams.
void Responder::fill_naptr(const Asked& asked, const Zone::Node& node, Reply& reply) const {
  struct Way {
    Zone::Kind kind;
    std::string_view service;
    uint16_t order;
  };
  for (const Way& way : {Way{Zone::Kind::tls, "SIPS+D2T", 50}, Way{Zone::Kind::tcp, "SIP+D2T", 90},
                         Way{Zone::Kind::udp, "SIP+D2U", 100}}) {
    const bool has_it = std::ranges::any_of(node.gateways, [&](policy::GatewayId gateway) {
      const auto& addresses = zone_.addresses(gateway);
      return std::ranges::find(addresses, way.kind, &PublicSip::kind) != addresses.end();
    });
    if (!has_it) continue;
    Name label = *wire_name(Zone::label_of(way.kind));
    label.pop_back();
    reply.answer.push_back({.owner = asked.query.name,
                            .type = Type::naptr,
                            .ttl_s = ttl_s_,
                            .priority = way.order,
                            .weight = 50,
                            .target = label + asked.query.name,
                            .flags = "s",
                            .service = std::string(way.service)});
  }
}

}  // namespace nearend::policy_server::dns
