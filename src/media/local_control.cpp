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

constexpr int receive_buffer = 256 << 10;  // for pictures; the system's own holds seconds of speech
constexpr size_t kept_max = 8192;
constexpr size_t choice_min = 256;  // a kept pair is one of this many; see SocketPool
constexpr size_t small_part = 8;    // of the ports: so many of a small range are not kept, and are choice enough
constexpr std::chrono::seconds trim_interval{10};
constexpr std::chrono::milliseconds soon{10};  // what can wait is carried out then at the latest

Result<int> open_udp(const Endpoint& local, bool is_bursty) {
  const io::SocketAddress address(local);
  const int socket = ::socket(address.data()->sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket < 0) return fail(Error::Kind::unavailable, "no socket for media: {}", std::strerror(errno));
  if (is_bursty) ::setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
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

/// Kept sockets take the descriptors that full legs would not.
SocketPool make_pool(const NodeSettings& settings) {
  constexpr rlim_t others = 256, a_leg = 4, a_pair = 2;
  const size_t pairs = static_cast<size_t>(settings.port_last - settings.port_first + 1) / 2;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t taken = others + a_leg * settings.anchors_max;
  const rlim_t spare = limit.rlim_cur > taken ? (limit.rlim_cur - taken) / a_pair : 0;
  return SocketPool(std::min({kept_max, pairs - pairs / small_part, static_cast<size_t>(spare)}),
                    std::min(choice_min, pairs / small_part));
}

/// Null where the settings or the system forbid it; then user space does the same.
std::unique_ptr<flow::FlowTable> open_flows(const NodeSettings& settings) {
  if (!settings.may_use_kernel()) return nullptr;
  auto table = flow::FlowTable::open(flow_settings(settings));
  if (table) {
    telemetry::info("media_in_kernel", {{"attached", (*table)->description()}});
    return std::move(*table);
  }
  const bool is_wanted = settings.tiers == "kernel";
  (is_wanted ? telemetry::warn : telemetry::info)("media_not_in_kernel", {{"reason", table.error().text}});
  return nullptr;
}

std::unique_ptr<flow::Steering> open_steering(const NodeSettings& settings) {
  if (!settings.may_use_range()) return nullptr;
  auto steering = flow::Steering::open(steering_settings(settings));
  if (steering) {
    telemetry::info("media_ports_shared", {{"threads", settings.cores}});
    return std::move(*steering);
  }
  const bool is_wanted = settings.tiers == "range";
  (is_wanted ? telemetry::warn : telemetry::info)("media_ports_not_shared", {{"reason", steering.error().text}});
  return nullptr;
}

}  // namespace

flow::Steering::Settings steering_settings(const NodeSettings& node) {
  return {.port_first = node.port_first, .port_last = node.port_last, .threads = node.cores};
}

flow::FlowTable::Settings flow_settings(const NodeSettings& node) {
  flow::FlowTable::Settings settings{.port_first = node.port_first, .port_last = node.port_last};
  settings.addresses = {node.bind_outer, node.bind_inner};
  if (node.bind_outer_v6) settings.addresses.push_back(*node.bind_outer_v6);
  return settings;
}

LocalControl::LocalControl(io::Loop& loop, NodeSettings settings, SourceLoader& loader, WorkerPool& pool)
    : NodeControl(loop, within_descriptors(std::move(settings)), loader),
      flows_(open_flows(this->settings())),
      steering_(open_steering(this->settings())),
      placement_(this->settings().cores),
      kept_(make_pool(this->settings())),
      trim_timer_(loop),
      wake_timer_(loop) {
  Engine::Start start{.now = loop.now(), .wall = loop.wall(), .seed = loop.random()};
  const MediaThread::Tiers tiers{flows_.get(), steering_.get(), this->settings().awake_from};
  for (; start.index < this->settings().cores; ++start.index) {
    threads_.push_back(
        std::make_unique<MediaThread>(start, pool, tiers, [this, &loop, alive = is_alive_](MediaThread::Events events) {
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

Result<SocketPair> LocalControl::open_sockets(const Endpoint& local, const Inlet& inlet) {
  auto rtp = open_udp(local, inlet.is_bursty);
  if (!rtp) return pass(rtp);
  auto rtcp = open_udp({local.address, static_cast<uint16_t>(local.port + 1)}, false);
  if (!rtcp) {
    ::close(*rtp);
    return pass(rtcp);
  }
  const SocketPair pair{.local = local, .rtp = static_cast<Socket>(*rtp), .rtcp = static_cast<Socket>(*rtcp)};
  thread_of(inlet.anchor).watch(pair, inlet);
  wake_soon();
  return pair;
}

void LocalControl::close_sockets(AnchorId anchor, const SocketPair& pair) {
  thread_of(anchor).close(pair);
  wake_soon();
}

std::optional<SocketPair> LocalControl::reuse_sockets(const IpAddress& bind, const Inlet& inlet) {
  if (inlet.is_bursty) return std::nullopt;  // its buffer is another
  auto pair = kept_.take(bind, placement_.thread_of(inlet.anchor), loop().random(), loop().now());
  if (!pair) return std::nullopt;
  thread_of(inlet.anchor).watch(*pair, inlet);
  wake_soon();
  return pair;
}

bool LocalControl::keep_sockets(AnchorId anchor, const SocketPair& pair) {
  if (!kept_.keep(pair, placement_.thread_of(anchor), loop().random(), loop().now())) return false;
  thread_of(anchor).rest(pair);
  wake_soon();
  if (!trim_timer_.is_running()) trim_timer_.start(trim_interval, [this] { trim_kept(); });
  return true;
}

void LocalControl::on_ports_short(const IpAddress& bind, AnchorId anchor) {
  close_kept(kept_.spare(bind, placement_.thread_of(anchor), loop().random(), loop().now()));
}

void LocalControl::trim_kept() {
  close_kept(kept_.trim(loop().random(), loop().now()));
  if (!kept_.is_empty()) trim_timer_.start(trim_interval, [this] { trim_kept(); });
}

void LocalControl::close_kept(const std::vector<SocketPool::Excess>& pairs) {
  for (const auto& [pair, thread] : pairs) {
    threads_[thread]->close(pair);
    give_back_port(pair.local.port);
  }
  if (!pairs.empty()) wake_soon();
}

void LocalControl::command(AnchorId anchor, Command run, Urgency urgency) {
  thread_of(anchor).command(std::move(run));
  urgency == Urgency::now ? wake_after_turn() : wake_soon();
}

void LocalControl::command_engine(size_t engine, Command run) {
  threads_[engine]->command(std::move(run));
  wake_soon();
}

void LocalControl::join(AnchorId first, AnchorId second) {
  auto move = placement_.join(first, second);
  if (!move) return;
  threads_[move->from]->hand_over(std::move(move->anchors), *threads_[move->to]);
  wake_soon();
}

/// What one turn of the loop commands is carried out together.
void LocalControl::wake_after_turn() {
  if (std::exchange(is_wake_posted_, true)) return;
  loop().post([this, alive = is_alive_] {
    if (!*alive) return;
    is_wake_posted_ = false;
    wake_all();
  });
}

void LocalControl::wake_soon() {
  if (!is_wake_posted_ && !wake_timer_.is_running()) wake_timer_.start(soon, [this] { wake_all(); });
}

void LocalControl::wake_all() {
  wake_timer_.stop();
  for (auto& thread : threads_) thread->wake();
}

LocalNode::LocalNode(io::Loop& loop, NodeSettings settings, http::Client* client)
    : pool_(settings.workers),
      worker_(pool_, deliver_to(loop)),
      loader_(loop, client, worker_, settings),
      control_(loop, std::move(settings), loader_, pool_) {}

}  // namespace nearend::media
