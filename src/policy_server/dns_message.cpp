// DNS messages by ldns: what comes is parsed and what goes is written by it, and nothing of it is seen outside.
#include "policy_server/dns_message.hpp"

#include <ldns/ldns.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "base/text.hpp"

namespace nearend::policy_server::dns {
namespace {

constexpr size_t header_size = 12, query_most = 4096;
constexpr uint16_t our_payload = 1232;  // no fragments on any way
constexpr uint16_t subnet_option = 8;

struct PacketFree {
  void operator()(ldns_pkt* packet) const { ldns_pkt_free(packet); }
};
using Packet = std::unique_ptr<ldns_pkt, PacketFree>;

bool is_name_sign(char sign) {
  return (sign >= 'a' && sign <= 'z') || (sign >= '0' && sign <= '9') || sign == '-' || sign == '_';
}

uint16_t word(io::Bytes bytes, size_t at) {
  return static_cast<uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

/// RFC 7871 6 and 7.1.2: as many bytes as the source has bits, none set behind them; the scope is ours to tell.
std::optional<ClientSubnet> parse_subnet(io::Bytes data) {
  if (data.size() < 4) return std::nullopt;
  ClientSubnet subnet{.family = word(data, 0), .source = data[2], .address = {}};
  const size_t most = subnet.family == 1 ? 32 : subnet.family == 2 ? 128 : 0;
  const io::Bytes told = data.subspan(4);
  if (subnet.family > 2 || subnet.source > most || data[3] != 0 || told.size() != (subnet.source + 7u) / 8)
    return std::nullopt;
  if (subnet.source % 8 != 0 && (told.back() & (0xff >> subnet.source % 8)) != 0) return std::nullopt;
  std::array<uint8_t, 16> bytes{};
  std::ranges::copy(told, bytes.begin());
  subnet.address =
      IpAddress::from_bytes(subnet.family == 2 ? IpAddress::Family::v6 : IpAddress::Family::v4, bytes.data());
  return subnet;
}

/// False when the options are broken.
bool read_options(const ldns_pkt& packet, Query& query) {
  const ldns_rdf* data = ldns_pkt_edns_data(&packet);
  if (!data || ldns_rdf_size(data) == 0) return true;
  const io::Bytes bytes(ldns_rdf_data(data), ldns_rdf_size(data));
  for (size_t at = 0; at < bytes.size();) {
    if (bytes.size() - at < 4) return false;
    const uint16_t code = word(bytes, at);
    const size_t size = word(bytes, at + 2);
    at += 4;
    if (bytes.size() - at < size) return false;
    if (code == subnet_option) {
      query.subnet = parse_subnet(bytes.subspan(at, size));
      if (!query.subnet) return false;
    }
    at += size;
  }
  return true;
}

/// False when it is broken.
bool read(io::Bytes message, Query& query) {
  const size_t extra = word(message, 10);
  // A question, and with it OPT and perhaps a signature: anything else is no query.
  if (message.size() > query_most || word(message, 4) != 1 || word(message, 6) != 0 || word(message, 8) != 0 ||
      extra > 2)
    return false;
  ldns_pkt* parsed = nullptr;
  if (ldns_wire2pkt(&parsed, message.data(), message.size()) != LDNS_STATUS_OK) return false;
  const Packet packet(parsed);
  const ldns_rr* question = ldns_rr_list_rr(ldns_pkt_question(packet.get()), 0);
  if (!question) return false;
  const ldns_rdf* name = ldns_rr_owner(question);
  query.name.assign(reinterpret_cast<const char*>(ldns_rdf_data(name)), ldns_rdf_size(name));
  query.type = static_cast<uint16_t>(ldns_rr_get_type(question));
  query.net_class = static_cast<uint16_t>(ldns_rr_get_class(question));
  query.has_question = true;
  // ldns takes OPT out of the additional records; two of them are one too many (RFC 6891 6.1.1).
  const size_t opts = extra - ldns_pkt_arcount(packet.get());
  if (opts == 0) return true;
  query.has_edns = true;
  query.payload = std::max<uint16_t>(512, ldns_pkt_edns_udp_size(packet.get()));
  query.edns_version = ldns_pkt_edns_version(packet.get());
  query.wants_dnssec = ldns_pkt_edns_do(packet.get());
  return opts == 1 && (query.edns_version != 0 || read_options(*packet, query));
}

ldns_rdf* name_data(const Name& name) {
  return ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, name.size(), name.data());
}
ldns_rdf* text_data(std::string_view text) {
  std::string counted(1, static_cast<char>(std::min<size_t>(text.size(), 255)));
  counted += text.substr(0, 255);
  return ldns_rdf_new_frm_data(LDNS_RDF_TYPE_STR, counted.size(), counted.data());
}
ldns_rdf* number(uint16_t value) {
  return ldns_native2rdf_int16(LDNS_RDF_TYPE_INT16, value);
}
ldns_rdf* long_number(uint32_t value, ldns_rdf_type type = LDNS_RDF_TYPE_PERIOD) {
  return ldns_native2rdf_int32(type, value);
}

void push_soa(ldns_rr* made, const Record& record) {
  constexpr uint32_t refresh_s = 3600, retry_s = 600, expire_s = 86'400;
  ldns_rr_push_rdf(made, name_data(record.target));
  ldns_rr_push_rdf(made, name_data(record.mailbox));
  ldns_rr_push_rdf(made, long_number(record.serial, LDNS_RDF_TYPE_INT32));
  for (const uint32_t each : {refresh_s, retry_s, expire_s, record.ttl_s}) ldns_rr_push_rdf(made, long_number(each));
}

void push_data(ldns_rr* made, const Record& record) {
  const auto push = [made](ldns_rdf* data) { ldns_rr_push_rdf(made, data); };
  switch (record.type) {
    case Type::a:
      return push(ldns_rdf_new_frm_data(LDNS_RDF_TYPE_A, 4, record.address.bytes().data()));
    case Type::aaaa:
      return push(ldns_rdf_new_frm_data(LDNS_RDF_TYPE_AAAA, 16, record.address.bytes().data()));
    case Type::ns:
      return push(name_data(record.target));
    case Type::srv:
      for (const uint16_t each : {record.priority, record.weight, record.port}) push(number(each));
      return push(name_data(record.target));
    case Type::naptr:
      for (const uint16_t each : {record.priority, record.weight}) push(number(each));
      for (const std::string_view each : {std::string_view(record.flags), std::string_view(record.service), {}})
        push(text_data(each));
      return push(name_data(record.target));
    case Type::soa:
      return push_soa(made, record);
    default:  // HINFO, the only other that we give
      push(text_data(record.flags));
      return push(text_data({}));
  }
}

void push(ldns_pkt* packet, ldns_pkt_section section, const std::vector<Record>& records) {
  for (const Record& record : records) {
    ldns_rr* made = ldns_rr_new();
    ldns_rr_set_owner(made, name_data(record.owner));
    ldns_rr_set_type(made, static_cast<ldns_rr_type>(record.type));
    ldns_rr_set_class(made, LDNS_RR_CLASS_IN);
    ldns_rr_set_ttl(made, record.ttl_s);
    push_data(made, record);
    ldns_pkt_push_rr(packet, section, made);
  }
}

void push_question(ldns_pkt* packet, const Query& query) {
  ldns_rr* question = ldns_rr_new();
  ldns_rr_set_question(question, true);
  ldns_rr_set_owner(question, name_data(query.name));
  ldns_rr_set_type(question, static_cast<ldns_rr_type>(query.type));
  ldns_rr_set_class(question, static_cast<ldns_rr_class>(query.net_class));
  ldns_pkt_push_rr(packet, LDNS_SECTION_QUESTION, question);
}

void set_edns(ldns_pkt* packet, const Query& query, const Reply& reply) {
  ldns_pkt_set_edns_udp_size(packet, our_payload);
  ldns_pkt_set_edns_extended_rcode(packet, static_cast<uint8_t>(reply.code) >> 4);
  ldns_pkt_set_edns_do(packet, query.wants_dnssec);
  if (!query.subnet) return;
  const size_t told = (query.subnet->source + 7u) / 8;
  std::string option{0,
                     subnet_option,
                     0,
                     static_cast<char>(4 + told),
                     0,
                     static_cast<char>(query.subnet->family),
                     static_cast<char>(query.subnet->source),
                     static_cast<char>(query.subnet->source == 0 ? 0 : reply.scope)};
  option.append(reinterpret_cast<const char*>(query.subnet->address.bytes().data()), told);
  ldns_pkt_set_edns_data(packet, ldns_rdf_new_frm_data(LDNS_RDF_TYPE_NONE, option.size(), option.data()));
}

enum class Kept : uint8_t { all, no_additional, nothing };

std::vector<uint8_t> encode(const Query& query, const Reply& reply, Kept kept) {
  const Packet packet(ldns_pkt_new());
  ldns_pkt_set_id(packet.get(), query.id);
  ldns_pkt_set_qr(packet.get(), true);
  ldns_pkt_set_opcode(packet.get(), static_cast<ldns_pkt_opcode>(query.opcode));
  ldns_pkt_set_rd(packet.get(), query.wants_recursion);
  ldns_pkt_set_aa(packet.get(), reply.is_authoritative);
  ldns_pkt_set_tc(packet.get(), kept == Kept::nothing);
  ldns_pkt_set_rcode(packet.get(), static_cast<uint8_t>(reply.code) & 0x0f);
  if (query.has_question) push_question(packet.get(), query);
  if (kept != Kept::nothing) {
    push(packet.get(), LDNS_SECTION_ANSWER, reply.answer);
    push(packet.get(), LDNS_SECTION_AUTHORITY, reply.authority);
  }
  if (kept == Kept::all) push(packet.get(), LDNS_SECTION_ADDITIONAL, reply.additional);
  if (query.has_edns) set_edns(packet.get(), query, reply);
  uint8_t* bytes = nullptr;
  size_t size = 0;
  if (ldns_pkt2wire(&bytes, packet.get(), &size) != LDNS_STATUS_OK) size = 0;
  const std::unique_ptr<uint8_t, decltype(&std::free)> owned(bytes, &std::free);
  return {bytes, bytes + size};
}

}  // namespace

std::string_view to_string(Type type) {
  switch (type) {
    case Type::a:
      return "A";
    case Type::ns:
      return "NS";
    case Type::soa:
      return "SOA";
    case Type::aaaa:
      return "AAAA";
    case Type::srv:
      return "SRV";
    case Type::naptr:
      return "NAPTR";
    case Type::any:
      return "ANY";
    default:
      return "other";
  }
}

std::string_view to_string(Code code) {
  switch (code) {
    case Code::good:
      return "NOERROR";
    case Code::malformed:
      return "FORMERR";
    case Code::no_name:
      return "NXDOMAIN";
    case Code::not_implemented:
      return "NOTIMP";
    case Code::refused:
      return "REFUSED";
    case Code::bad_version:
      return "BADVERS";
  }
  return "SERVFAIL";
}

Result<Name> wire_name(std::string_view text) {
  Name name;
  // split() leaves out what is empty.
  if (text.empty() || text.starts_with('.') || text.ends_with('.') || text.contains(".."))
    return fail(Error::Kind::invalid, "'{}' is no host name", text);
  for (const std::string_view label : split(text, '.')) {
    if (label.size() > 63 || !std::ranges::all_of(to_lower(label), is_name_sign))
      return fail(Error::Kind::invalid, "'{}' is no host name", text);
    name += static_cast<char>(label.size());
    name += label;
  }
  name += '\0';
  if (name.size() > 255) return fail(Error::Kind::invalid, "'{}' is longer than a name may be", text);
  return name;
}

std::optional<std::string> plain_name(const Name& name) {
  std::string plain;
  for (size_t at = 0; at < name.size() && name[at] != 0;) {
    const auto length = static_cast<uint8_t>(name[at]);
    const std::string label = to_lower(std::string_view(name).substr(at + 1, length));
    if (!std::ranges::all_of(label, is_name_sign)) return std::nullopt;
    if (!plain.empty()) plain += '.';
    plain += label;
    at += 1u + length;
  }
  return plain;
}

std::optional<Query> parse_query(io::Bytes message) {
  if (message.size() < header_size || (message[2] & 0x80) != 0) return std::nullopt;
  Query query;
  query.id = word(message, 0);
  query.opcode = (message[2] >> 3) & 0x0f;
  query.wants_recursion = (message[2] & 0x01) != 0;
  if (query.opcode != 0)
    query.wrong = Code::not_implemented;
  else if (!read(message, query))
    query.wrong = Code::malformed;
  else if (query.edns_version != 0)
    query.wrong = Code::bad_version;
  return query;
}

std::vector<uint8_t> encode(const Query& query, const Reply& reply, size_t limit) {
  std::vector<uint8_t> message = encode(query, reply, Kept::all);
  if (message.size() > limit) message = encode(query, reply, Kept::no_additional);
  if (message.size() > limit) message = encode(query, reply, Kept::nothing);
  return message;
}

}  // namespace nearend::policy_server::dns
