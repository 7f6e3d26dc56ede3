#pragma once

#include "io/asio_loop.hpp"
#include "io/asio_net.hpp"
#include "io/cares_dns.hpp"
#include "io/net.hpp"

namespace nearend::io {

/// The real world for one thread: loop, sockets, names, in the order in which they must go.
struct AsioWorld {
  AsioLoop loop;
  AsioNet net{loop};
  CaresDns dns;

  explicit AsioWorld(DnsSettings settings = {}) : dns(loop, std::move(settings)) {}
  World world() { return {loop, net, dns}; }
};

}  // namespace nearend::io
