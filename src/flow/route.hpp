#pragma once

#include "base/ip.hpp"
#include "base/result.hpp"

namespace nearend::flow {

/// Which way a datagram to somebody leaves this host.
struct Route {
  uint32_t device = 0;
  bool is_local = false;  ///< To this host itself.
  IpAddress next_hop;     ///< The gateway, or the destination itself where it is a neighbour.
  IpAddress source;       ///< The address it leaves from where none was given.
  bool operator==(const Route&) const = default;
};

/// Asks the kernel's routing table (RTM_GETROUTE). `from` may be unspecified. Errors: unavailable, no route;
/// unsupported, a next hop of the other family.
Result<Route> find_route(const IpAddress& to, const IpAddress& from);

}  // namespace nearend::flow
