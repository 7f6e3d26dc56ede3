#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.hpp"
#include "base/result.hpp"
#include "io/net.hpp"

namespace nearend::policy_server::dns {

/// Types of records and questions that are told apart (RFC 1035, 2782, 3403, 3596, 8482).
enum class Type : uint16_t {
  a = 1,
  ns = 2,
  soa = 6,
  hinfo = 13,
  aaaa = 28,
  srv = 33,
  naptr = 35,
  opt = 41,
  tkey = 249,
  tsig = 250,
  ixfr = 251,
  axfr = 252,
  mailb = 253,
  maila = 254,
  any = 255,
};
enum class Code : uint8_t {
  good = 0,
  malformed = 1,
  no_name = 3,
  not_implemented = 4,
  refused = 5,
  bad_version = 16,
};
std::string_view to_string(Type type);  ///< "A"; "other" for what is not told apart.
std::string_view to_string(Code code);  ///< "NXDOMAIN"

/// A name as it is on the wire, uncompressed, in the case that it was written in.
using Name = std::string;
/// Of text without a dot at the end. Errors: a label that is empty, above 63 or of other than letters, digits, '-' and
/// '_'; a name above 255 bytes.
Result<Name> wire_name(std::string_view text);
/// In lower case with dots, nothing at the end; nothing when a label holds other than letters, digits, '-' and '_'.
std::optional<std::string> plain_name(const Name& name);

/// EDNS Client Subnet as a query has it (RFC 7871 6).
struct ClientSubnet {
  uint16_t family = 0;  ///< 1 IPv4, 2 IPv6; 0 with a source of 0 only.
  uint8_t source = 0;   ///< How many bits of the address are told.
  IpAddress address;
};

struct Query {
  uint16_t id = 0;
  uint8_t opcode = 0;
  bool wants_recursion = false;
  bool has_question = false;  ///< Otherwise the three that follow say nothing.
  Name name;
  uint16_t type = 0, net_class = 0;
  bool has_edns = false;
  bool wants_dnssec = false;  ///< DO, which is echoed (RFC 3225 3).
  uint8_t edns_version = 0;
  uint16_t payload = 512;  ///< What the asker's UDP takes (RFC 6891 6.2.3).
  std::optional<ClientSubnet> subnet;
  Code wrong = Code::good;  ///< What to answer at once: the query is broken, or of a kind that we do not do.
};

/// Nothing for what must not be answered at all: an answer, or too short for a header.
std::optional<Query> parse_query(io::Bytes message);

struct Record {
  Name owner;
  Type type = Type::a;
  uint32_t ttl_s = 0;
  IpAddress address = {};    ///< A, AAAA
  uint16_t priority = 0;     ///< SRV; NAPTR order
  uint16_t weight = 0;       ///< SRV; NAPTR preference
  uint16_t port = 0;         ///< SRV
  Name target = {};          ///< SRV, NS; NAPTR replacement; SOA's first name server
  std::string flags = {};    ///< NAPTR; HINFO's CPU
  std::string service = {};  ///< NAPTR
  Name mailbox = {};         ///< SOA
  uint32_t serial = 0;       ///< SOA
};

struct Reply {
  Code code = Code::good;
  bool is_authoritative = false;
  std::vector<Record> answer, authority, additional;
  uint8_t scope = 0;  ///< For how many bits of the client's subnet it is true (RFC 7871 7.2.1).
};

/// The reply on the wire, at most `limit` bytes: additional records are left out first, then all of them and TC is set.
std::vector<uint8_t> encode(const Query& query, const Reply& reply, size_t limit);

}  // namespace nearend::policy_server::dns
