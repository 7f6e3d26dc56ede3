#include "io/socket_address.hpp"

#include <arpa/inet.h>

#include <cstring>

namespace nearend::io {

SocketAddress::SocketAddress(const Endpoint& endpoint) {
  if (endpoint.address.is_v6()) {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(endpoint.port);
    std::memcpy(&v6->sin6_addr, endpoint.address.bytes().data(), 16);
    size = sizeof(sockaddr_in6);
  } else {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(endpoint.port);
    std::memcpy(&v4->sin_addr, endpoint.address.bytes().data(), 4);
    size = sizeof(sockaddr_in);
  }
}

Endpoint SocketAddress::endpoint() const {
  return endpoint_of(*data());
}

Endpoint endpoint_of(const sockaddr& address) {
  if (address.sa_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    return {IpAddress::from_bytes(IpAddress::Family::v6, reinterpret_cast<const uint8_t*>(&v6.sin6_addr)),
            ntohs(v6.sin6_port)};
  }
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
  return {IpAddress::from_bytes(IpAddress::Family::v4, reinterpret_cast<const uint8_t*>(&v4.sin_addr)),
          ntohs(v4.sin_port)};
}

}  // namespace nearend::io
