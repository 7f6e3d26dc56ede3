#include "lab/site_socket.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace nearend::lab {
namespace {

constexpr timeval patience{.tv_sec = 2, .tv_usec = 0};

sockaddr_in address_of(const Endpoint& endpoint) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(endpoint.port);
  std::memcpy(&out.sin_addr, endpoint.address.bytes().data(), 4);
  return out;
}

Descriptor socket_of(int type) {
  Descriptor made(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  ::setsockopt(made.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(made.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  return made;
}

}  // namespace

Result<Descriptor> connect_tcp(const Wan& wan, SiteId site, const Endpoint& to) {
  Descriptor made;
  int error = 0;
  wan.net(site).run([&] {
    made = socket_of(SOCK_STREAM);
    const sockaddr_in peer = address_of(to);
    if (::connect(made.get(), reinterpret_cast<const sockaddr*>(&peer), sizeof peer) != 0) error = errno;
  });
  if (error != 0) {
    return fail(Error::Kind::unavailable, "connect to {} in {}: {}", to.to_string(), wan.name(site),
                std::strerror(error));
  }
  return made;
}

Result<Descriptor> open_udp(const Wan& wan, SiteId site, uint16_t port) {
  Descriptor made;
  int error = 0;
  wan.net(site).run([&] {
    made = socket_of(SOCK_DGRAM);
    const sockaddr_in local = address_of({wan.address(site), port});
    if (::bind(made.get(), reinterpret_cast<const sockaddr*>(&local), sizeof local) != 0) error = errno;
  });
  if (error != 0) {
    return fail(Error::Kind::unavailable, "bind to port {} in {}: {}", port, wan.name(site), std::strerror(error));
  }
  return made;
}

void send_udp(const Descriptor& socket, const Endpoint& to, std::string_view datagram) {
  const sockaddr_in peer = address_of(to);
  ::sendto(socket.get(), datagram.data(), datagram.size(), 0, reinterpret_cast<const sockaddr*>(&peer), sizeof peer);
}

}  // namespace nearend::lab
