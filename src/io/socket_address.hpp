#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/ip.hpp"

namespace nearend::io {

/// An Endpoint in the kernel's form.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_storage);

  SocketAddress() = default;
  explicit SocketAddress(const Endpoint& endpoint);
  sockaddr* data() { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* data() const { return reinterpret_cast<const sockaddr*>(&storage); }
  Endpoint endpoint() const;
};

/// Reads an address the kernel wrote: IPv4 or IPv6.
Endpoint endpoint_of(const sockaddr& address);

}  // namespace nearend::io
