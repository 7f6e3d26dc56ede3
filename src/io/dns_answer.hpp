#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "io/net.hpp"

namespace nearend::io {

/// Records of the wanted type in a DNS message (RFC 1035; SRV RFC 2782; NAPTR RFC 3403), each with its TTL.
Result<std::vector<DnsRecord>> parse_dns_answer(std::span<const uint8_t> message, DnsRecord::Type type);

/// The addresses of each name in a hosts file (hosts(5)), names in lower case. Lines that make no sense are left out.
std::unordered_map<std::string, std::vector<DnsRecord>> parse_hosts(std::string_view text);

}  // namespace nearend::io
