#include "media/local_control.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "io/socket_address.hpp"

namespace nearend::media {
namespace {

constexpr int receive_buffer = 256 << 10;

Result<int> open_udp(const Endpoint& local) {
  const io::SocketAddress address(local);
  const int socket = ::socket(address.data()->sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket < 0) return fail(Error::Kind::unavailable, "no socket for media: {}", std::strerror(errno));
  ::setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
  const int expedited = 46 << 2;  // RFC 4594: voice; ignored where not allowed
  if (address.data()->sa_family == AF_INET)
    ::setsockopt(socket, IPPROTO_IP, IP_TOS, &expedited, sizeof(expedited));
  else
    ::setsockopt(socket, IPPROTO_IPV6, IPV6_TCLASS, &expedited, sizeof(expedited));
  if (::bind(socket, address.data(), address.size) == 0) return socket;
  const int error = errno;
  ::close(socket);
  return fail(Error::Kind::unavailable, "media port {}: {}", local.to_string(), std::strerror(error));
}

}  // namespace

LocalControl::LocalControl(io::Loop& loop, NodeSettings settings, SourceLoader& loader, WorkerPool& pool)
    : NodeControl(loop, std::move(settings), loader),
      thread_({.now = loop.now(), .wall = loop.wall(), .seed = loop.random()}, pool,
              [this, &loop, alive = is_alive_](MediaThread::Events events) {
                loop.post([this, alive, events = std::move(events)]() mutable {
                  for (auto& [anchor, event] : events)
                    if (*alive) on_event(anchor, std::move(event));
                });
              }) {}

LocalControl::~LocalControl() {
  *is_alive_ = false;
  release_all();
}

Result<NodeControl::SocketPair> LocalControl::open_sockets(const Endpoint& local, const Inlet& inlet) {
  auto rtp = open_udp(local);
  if (!rtp) return pass(rtp);
  auto rtcp = open_udp({local.address, static_cast<uint16_t>(local.port + 1)});
  if (!rtcp) {
    ::close(*rtp);
    return pass(rtcp);
  }
  thread_.watch(*rtp, inlet);
  Inlet reports = inlet;
  reports.is_rtcp = true;
  thread_.watch(*rtcp, reports);
  return SocketPair{static_cast<Socket>(*rtp), static_cast<Socket>(*rtcp)};
}

void LocalControl::close_sockets(std::vector<Socket> sockets) {
  for (Socket socket : sockets) thread_.close(static_cast<int>(socket));
}

LocalNode::LocalNode(io::Loop& loop, NodeSettings settings, http::Client* client)
    : pool_(settings.workers),
      worker_(pool_, deliver_to(loop)),
      loader_(loop, client, worker_, settings),
      control_(loop, std::move(settings), loader_, pool_) {}

}  // namespace nearend::media
