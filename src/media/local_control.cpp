#include "media/local_control.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "io/socket_address.hpp"
#include "telemetry/log.hpp"

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

/// A leg takes four descriptors a stream. What the process may not open is not promised (fault FT18).
NodeSettings within_descriptors(NodeSettings settings) {
  constexpr rlim_t others = 256, a_leg = 4;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return settings;
  if (limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    ::getrlimit(RLIMIT_NOFILE, &limit);
  }
  const rlim_t possible = limit.rlim_cur > others + a_leg ? (limit.rlim_cur - others) / a_leg : 1;
  if (possible >= settings.anchors_max) return settings;
  telemetry::warn("media_anchors_limited", {{"anchors_max", settings.anchors_max},
                                            {"possible", static_cast<uint64_t>(possible)},
                                            {"descriptors", static_cast<uint64_t>(limit.rlim_cur)}});
  settings.anchors_max = static_cast<uint32_t>(possible);
  return settings;
}

}  // namespace

LocalControl::LocalControl(io::Loop& loop, NodeSettings settings, SourceLoader& loader, WorkerPool& pool)
    : NodeControl(loop, within_descriptors(std::move(settings)), loader), placement_(this->settings().cores) {
  Engine::Start start{.now = loop.now(), .wall = loop.wall(), .seed = loop.random()};
  for (; start.index < this->settings().cores; ++start.index) {
    threads_.push_back(
        std::make_unique<MediaThread>(start, pool, [this, &loop, alive = is_alive_](MediaThread::Events events) {
          loop.post([this, alive, events = std::move(events)]() mutable {
            for (auto& [anchor, event] : events)
              if (*alive) on_event(anchor, std::move(event));
          });
        }));
  }
}

LocalControl::~LocalControl() {
  *is_alive_ = false;
  release_all();
  for (auto& thread : threads_) thread->wake();  // all: one may wait for what another has to hand over
}

Result<NodeControl::SocketPair> LocalControl::open_sockets(const Endpoint& local, const Inlet& inlet) {
  auto rtp = open_udp(local);
  if (!rtp) return pass(rtp);
  auto rtcp = open_udp({local.address, static_cast<uint16_t>(local.port + 1)});
  if (!rtcp) {
    ::close(*rtp);
    return pass(rtcp);
  }
  MediaThread& thread = thread_of(inlet.anchor);
  thread.watch(*rtp, inlet);
  Inlet reports = inlet;
  reports.is_rtcp = true;
  reports.is_bursty = false;
  thread.watch(*rtcp, reports);
  wake_after_turn();
  return SocketPair{static_cast<Socket>(*rtp), static_cast<Socket>(*rtcp)};
}

void LocalControl::close_sockets(AnchorId anchor, std::vector<Socket> sockets) {
  for (Socket socket : sockets) thread_of(anchor).close(static_cast<int>(socket));
  wake_after_turn();
}

void LocalControl::command(AnchorId anchor, Command run) {
  thread_of(anchor).command(std::move(run));
  wake_after_turn();
}

void LocalControl::join(AnchorId first, AnchorId second) {
  auto move = placement_.join(first, second);
  if (!move) return;
  threads_[move->from]->hand_over(std::move(move->anchors), *threads_[move->to]);
  wake_after_turn();
}

/// What one turn of the loop commands is carried out together.
void LocalControl::wake_after_turn() {
  if (std::exchange(is_wake_posted_, true)) return;
  loop().post([this, alive = is_alive_] {
    if (!*alive) return;
    is_wake_posted_ = false;
    for (auto& thread : threads_) thread->wake();
  });
}

LocalNode::LocalNode(io::Loop& loop, NodeSettings settings, http::Client* client)
    : pool_(settings.workers),
      worker_(pool_, deliver_to(loop)),
      loader_(loop, client, worker_, settings),
      control_(loop, std::move(settings), loader_, pool_) {}

}  // namespace nearend::media
