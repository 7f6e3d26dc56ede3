// links: io
// Answers of name servers and hosts files.
#include <cstdint>

#include "io/dns_answer.hpp"

using namespace nearend::io;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  for (const auto type : {DnsRecord::Type::a, DnsRecord::Type::aaaa, DnsRecord::Type::srv, DnsRecord::Type::naptr})
    (void)parse_dns_answer({data, size}, type);
  (void)parse_hosts({reinterpret_cast<const char*>(data), size});
  return 0;
}
