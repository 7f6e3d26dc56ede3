#include "sip/resolver.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/text.hpp"

namespace nearend::sip {
namespace {

using io::DnsRecord;
constexpr size_t targets_max = 16;

/// One SRV name to ask for, with the protocol that it stands for.
struct Service {
  Protocol protocol = Protocol::udp;
  std::string name;
};

std::optional<Protocol> parse_protocol(std::string_view name) {
  if (equal_ignoring_case(name, "udp")) return Protocol::udp;
  if (equal_ignoring_case(name, "tcp")) return Protocol::tcp;
  if (equal_ignoring_case(name, "tls")) return Protocol::tls;
  return std::nullopt;
}

uint16_t default_port(Protocol protocol) {
  return protocol == Protocol::tls ? 5061 : 5060;
}

/// What the URI or the caller asks for; nothing when left open. sips and TCP together mean TLS.
Result<std::optional<Protocol>> wanted_protocol(const Uri& uri, std::string_view transport) {
  const std::string_view name = transport.empty() ? uri.transport() : transport;
  if (name.empty()) {
    if (uri.is_secure()) return std::optional(Protocol::tls);
    return std::optional<Protocol>{};
  }
  const auto protocol = parse_protocol(name);
  if (!protocol) return fail(Error::Kind::unsupported, "transport {}: must be udp, tcp or tls", name);
  if (uri.is_secure() && *protocol == Protocol::udp) return fail(Error::Kind::unsupported, "sips: not over udp");
  if (uri.is_secure()) return std::optional(Protocol::tls);
  return std::optional(*protocol);
}

std::string_view host_of(const Uri& uri) {
  const std::string_view maddr = uri.parameters.get("maddr");
  return maddr.empty() ? std::string_view(uri.host) : maddr;
}

std::string_view srv_prefix(Protocol protocol) {
  switch (protocol) {
    case Protocol::udp:
      return "_sip._udp.";
    case Protocol::tcp:
      return "_sip._tcp.";
    case Protocol::tls:
      return "_sips._tcp.";
  }
  return "_sip._udp.";
}

std::optional<Protocol> protocol_of_service(std::string_view service) {
  if (equal_ignoring_case(service, "SIP+D2U")) return Protocol::udp;
  if (equal_ignoring_case(service, "SIP+D2T")) return Protocol::tcp;
  if (equal_ignoring_case(service, "SIPS+D2T")) return Protocol::tls;
  return std::nullopt;
}

/// RFC 3263 4.1: the services that NAPTR records name, in their order; only those that fit what is wanted.
std::vector<Service> services_of(std::vector<DnsRecord> records, std::optional<Protocol> wanted) {
  std::ranges::sort(records, [](const DnsRecord& a, const DnsRecord& b) {
    return std::tie(a.priority, a.weight, a.service) < std::tie(b.priority, b.weight, b.service);
  });
  std::vector<Service> services;
  for (const DnsRecord& record : records) {
    const auto protocol = protocol_of_service(record.service);
    if (!protocol || !equal_ignoring_case(record.flags, "s") || (wanted && *wanted != *protocol)) continue;
    services.push_back({*protocol, record.target});
  }
  return services;
}

std::vector<Service> usual_services(const std::string& host, std::optional<Protocol> wanted) {
  if (wanted) return {{*wanted, std::string(srv_prefix(*wanted)) + host}};
  return {{Protocol::udp, std::string(srv_prefix(Protocol::udp)) + host},
          {Protocol::tcp, std::string(srv_prefix(Protocol::tcp)) + host}};
}

/// RFC 2782: by priority, and within one by drawing lots with the weights.
std::vector<DnsRecord> in_srv_order(std::vector<DnsRecord> records, io::Loop& loop) {
  std::ranges::sort(records, [](const DnsRecord& a, const DnsRecord& b) {
    return std::tie(a.priority, a.target, a.port) < std::tie(b.priority, b.target, b.port);
  });
  for (auto first = records.begin(); first != records.end(); ++first) {
    const auto last = std::find_if(first, records.end(), [&](const auto& r) { return r.priority != first->priority; });
    uint64_t total = 0;
    for (auto it = first; it != last; ++it) total += it->weight;
    if (total == 0) continue;
    uint64_t lot = loop.random() % total;
    auto drawn = first;
    while (lot >= drawn->weight) lot -= (drawn++)->weight;
    std::rotate(first, drawn, drawn + 1);
  }
  return records;
}

Task<Result<std::vector<IpAddress>>> addresses_of(std::string host, io::Dns& dns) {
  std::vector<IpAddress> addresses;
  if (const auto numeric = parse_ip(host)) {
    addresses.push_back(*numeric);
    co_return addresses;
  }
  std::optional<Error> error;
  for (const auto type : {DnsRecord::Type::a, DnsRecord::Type::aaaa}) {
    auto records = co_await dns.query(host, type);
    if (!records) {
      error = std::move(records.error());
      continue;
    }
    for (const DnsRecord& record : *records) addresses.push_back(record.address);
  }
  if (!addresses.empty()) co_return addresses;
  if (error) co_return std::unexpected(std::move(*error));
  co_return fail(Error::Kind::not_found, "host {}: has no address", host);
}

void append_targets(std::vector<Target>& targets, const std::vector<IpAddress>& addresses, Protocol protocol,
                    uint16_t port, const std::string& server_name) {
  for (const IpAddress& address : addresses)
    if (targets.size() < targets_max) targets.push_back({protocol, {address, port}, server_name, 0});
}

Task<Result<std::vector<Target>>> resolve_services(std::vector<Service> services, std::string domain, io::Dns& dns,
                                                   io::Loop& loop) {
  std::vector<Target> targets;
  for (const Service& service : services) {
    auto records = co_await dns.query(service.name, DnsRecord::Type::srv);
    if (!records && records.error().kind != Error::Kind::not_found) co_return pass(records);
    if (!records) continue;
    const std::vector<DnsRecord> ordered = in_srv_order(std::move(*records), loop);
    for (const DnsRecord& record : ordered) {
      if (record.target == "." || record.target.empty() || targets.size() >= targets_max) continue;
      auto addresses = co_await addresses_of(record.target, dns);
      // RFC 5922: the certificate is for the domain asked for, not for the host that serves it.
      if (addresses) append_targets(targets, *addresses, service.protocol, record.port, domain);
    }
  }
  co_return targets;
}

}  // namespace

std::optional<std::vector<Target>> resolve_numeric(const Uri& uri, std::string_view transport) {
  const auto address = parse_ip(host_of(uri));
  const auto wanted = wanted_protocol(uri, transport);
  if (!address || !wanted) return std::nullopt;
  const Protocol protocol = wanted->value_or(Protocol::udp);
  const uint16_t port = uri.port.value_or(default_port(protocol));
  const std::string server_name = protocol == Protocol::tls && host_of(uri) != uri.host ? uri.host : std::string{};
  return std::vector<Target>{{protocol, {*address, port}, server_name, 0}};
}

Task<Result<std::vector<Target>>> resolve(Uri uri, std::string transport, io::Dns& dns, io::Loop& loop) {
  auto wanted = wanted_protocol(uri, transport);
  if (!wanted) co_return pass(wanted);
  if (auto numeric = resolve_numeric(uri, transport)) co_return std::move(*numeric);
  const std::string host(host_of(uri));
  const std::optional<Protocol> fixed = *wanted;
  std::vector<Target> targets;
  if (!uri.port) {
    std::vector<Service> services;
    const bool is_open = !fixed || (uri.is_secure() && uri.transport().empty() && transport.empty());
    if (is_open) {
      auto pointers = co_await dns.query(host, DnsRecord::Type::naptr);
      if (!pointers && pointers.error().kind != Error::Kind::not_found) co_return pass(pointers);
      if (pointers) services = services_of(std::move(*pointers), fixed);
    }
    if (services.empty()) services = usual_services(host, fixed);
    auto served = co_await resolve_services(std::move(services), host, dns, loop);
    if (!served) co_return served;
    targets = std::move(*served);
  }
  if (!targets.empty()) co_return targets;
  auto addresses = co_await addresses_of(host, dns);
  if (!addresses) co_return pass(addresses);
  const Protocol protocol = fixed.value_or(Protocol::udp);
  append_targets(targets, *addresses, protocol, uri.port.value_or(default_port(protocol)), host);
  co_return targets;
}

}  // namespace nearend::sip
