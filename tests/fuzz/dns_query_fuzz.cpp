// links: policy_server
// Questions to the name server: what a stranger's datagram can do. The answer must be a message that our own reader
// takes, within what the asker takes.
#include <cstdint>
#include <cstdlib>

#include "io/dns_answer.hpp"
#include "policy_server/dns_responder.hpp"

using namespace nearend;
using namespace nearend::policy_server;

namespace {

struct Platform {
  policy::Topology topology{
      .gateways = {{.name = "eu-gw1", .region = "eu/de1"}, {.name = "us-gw1", .region = "us/va1"}},
      .rtts = {{"eu/de1", "us/va1", 90}},
      .areas = {{.name = "a", .region = "eu/de1", .networks = {"203.0.113.0/24"}}}};
  policy::Advisor advisor{topology, {}};
  DnsSettings settings{.zone = "v.example",
                       .name_servers = {{"ns1.v.example", {IpAddress::loopback()}}},
                       .gateways = {{"eu-gw1", {"udp:198.51.100.7:5060", "tls:[2001:db8::7]:5061"}},
                                    {"us-gw1", {"udp:198.51.100.8:5060", "tcp:198.51.100.8:5060"}}}};
  dns::Responder responder{settings, advisor, 1};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Platform platform;
  for (const bool is_udp : {true, false}) {
    const auto answered = platform.responder.answer({data, size}, IpAddress::loopback(), is_udp, 1'000'000, size);
    if (!answered) continue;
    if (answered->message.size() < 12 || (is_udp && answered->message.size() > 1232)) std::abort();
    if (!io::parse_dns_answer(answered->message, io::DnsRecord::Type::srv)) std::abort();
    if (dns::parse_query(answered->message)) std::abort();
  }
  return 0;
}
