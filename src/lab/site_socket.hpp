#pragma once

#include <string_view>

#include "lab/descriptor.hpp"
#include "lab/wan.hpp"

namespace nearend::lab {

/// A TCP socket connected to `to` from inside a site. Reads and writes give up after 2 s.
Result<Descriptor> connect_tcp(const Wan& wan, SiteId site, const Endpoint& to);
/// A UDP socket inside a site, bound to its address and `port` (0: any).
Result<Descriptor> open_udp(const Wan& wan, SiteId site, uint16_t port);
void send_udp(const Descriptor& socket, const Endpoint& to, std::string_view datagram);

}  // namespace nearend::lab
