#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <optional>
#include <vector>

#include "base/ip.hpp"

namespace nearend::flow::test {

inline socklen_t to_kernel(const Endpoint& endpoint, sockaddr_storage& storage) {
  std::memset(&storage, 0, sizeof(storage));
  if (endpoint.address.is_v6()) {
    auto& address = reinterpret_cast<sockaddr_in6&>(storage);
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(endpoint.port);
    std::memcpy(&address.sin6_addr, endpoint.address.bytes().data(), 16);
    return sizeof(address);
  }
  auto& address = reinterpret_cast<sockaddr_in&>(storage);
  address.sin_family = AF_INET;
  address.sin_port = htons(endpoint.port);
  std::memcpy(&address.sin_addr, endpoint.address.bytes().data(), 4);
  return sizeof(address);
}

inline Endpoint from_kernel(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET6) {
    const auto& address = reinterpret_cast<const sockaddr_in6&>(storage);
    return {IpAddress::from_bytes(IpAddress::Family::v6, address.sin6_addr.s6_addr), ntohs(address.sin6_port)};
  }
  const auto& address = reinterpret_cast<const sockaddr_in&>(storage);
  return {IpAddress::from_bytes(IpAddress::Family::v4, reinterpret_cast<const uint8_t*>(&address.sin_addr)),
          ntohs(address.sin_port)};
}

/// A plain UDP socket of the thread's network.
class Udp {
 public:
  struct Datagram {
    Endpoint from;
    std::vector<uint8_t> bytes;
  };
  explicit Udp(const Endpoint& at)
      : descriptor(::socket(at.address.is_v6() ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_storage storage;
    const socklen_t size = to_kernel(at, storage);
    is_bound = ::bind(descriptor, reinterpret_cast<sockaddr*>(&storage), size) == 0;
    socklen_t length = sizeof(storage);
    ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&storage), &length);
    local = from_kernel(storage);
  }
  Udp(const Udp&) = delete;
  ~Udp() { ::close(descriptor); }
  bool send(const Endpoint& to, const std::vector<uint8_t>& bytes) {
    sockaddr_storage storage;
    const socklen_t size = to_kernel(to, storage);
    return ::sendto(descriptor, bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&storage), size) >= 0;
  }
  /// What comes within the time; loopback delivers before the sender's call returns.
  std::optional<Datagram> receive(int milliseconds = 300) {
    pollfd wanted{.fd = descriptor, .events = POLLIN};
    if (::poll(&wanted, 1, milliseconds) <= 0) return std::nullopt;
    Datagram datagram;
    datagram.bytes.resize(4096);
    sockaddr_storage storage;
    socklen_t length = sizeof(storage);
    const ssize_t size = ::recvfrom(descriptor, datagram.bytes.data(), datagram.bytes.size(), 0,
                                    reinterpret_cast<sockaddr*>(&storage), &length);
    if (size < 0) return std::nullopt;
    datagram.bytes.resize(static_cast<size_t>(size));
    datagram.from = from_kernel(storage);
    return datagram;
  }
  bool is_quiet() { return !receive(0); }

  int descriptor;
  bool is_bound = false;
  Endpoint local;
};

}  // namespace nearend::flow::test
