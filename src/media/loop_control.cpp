#include "media/loop_control.hpp"

#include <array>
#include <cstring>

namespace nearend::media {
namespace {
constexpr size_t datagram_max = 2048;
}

LoopControl::LoopControl(io::Loop& loop, io::Net& net, NodeSettings settings, SourceLoader& loader)
    : NodeControl(loop, std::move(settings), loader),
      net_(net),
      worker_(loop),
      engine_({.now = loop.now(), .wall = loop.wall(), .seed = loop.random()}, *this, worker_),
      tick_timer_(loop) {}

LoopControl::~LoopControl() {
  *is_alive_ = false;
  release_all();
}

Result<Socket> LoopControl::open_socket(const Endpoint& local, Inlet inlet) {
  auto socket = net_.open_udp(
      local, [this, inlet](const Endpoint& from, io::Bytes datagram) { on_datagram(inlet, from, datagram); });
  if (!socket) return pass(socket);
  Socket place = static_cast<Socket>(sockets_.size());
  if (free_sockets_.empty()) {
    sockets_.emplace_back();
  } else {
    place = free_sockets_.back();
    free_sockets_.pop_back();
  }
  sockets_[place] = std::move(*socket);
  return place;
}

Result<SocketPair> LoopControl::open_sockets(const Endpoint& local, const Inlet& inlet) {
  auto rtp = open_socket(local, inlet);
  if (!rtp) return pass(rtp);
  Inlet reports = inlet;
  reports.is_rtcp = true;
  auto rtcp = open_socket({local.address, static_cast<uint16_t>(local.port + 1)}, reports);
  if (!rtcp) {
    close_socket(*rtp);
    return pass(rtcp);
  }
  return SocketPair{.local = local, .rtp = *rtp, .rtcp = *rtcp};
}

void LoopControl::close_sockets(AnchorId, const SocketPair& pair) {
  close_socket(pair.rtp);
  close_socket(pair.rtcp);
}

void LoopControl::close_socket(Socket socket) {
  sockets_[socket].reset();
  free_sockets_.push_back(socket);
}

void LoopControl::command(AnchorId, Command run, Urgency) {
  run(engine_, loop().now());
  if (!engine_.has_work() || tick_timer_.is_running()) return;
  next_tick_ = loop().now() + Engine::tick_length;
  tick_timer_.start_at(next_tick_, [this] { tick(); });
}

void LoopControl::tick() {
  engine_.tick(loop().now());
  if (!engine_.has_work()) return;
  next_tick_ += Engine::tick_length;
  // After a long stall the missed frames are not made up for: they would only queue at the far end.
  if (next_tick_ + std::chrono::milliseconds(100) < loop().now()) next_tick_ = loop().now();
  tick_timer_.start_at(next_tick_, [this] { tick(); });
}

void LoopControl::on_datagram(const Inlet& inlet, const Endpoint& from, io::Bytes datagram) {
  std::array<uint8_t, datagram_max> copy;
  if (datagram.empty() || datagram.size() > copy.size()) return;
  std::memcpy(copy.data(), datagram.data(), datagram.size());
  engine_.input(inlet, from, {copy.data(), datagram.size()}, loop().now());
}

void LoopControl::send(Socket socket, const Endpoint& to, std::span<const uint8_t> datagram) {
  if (sockets_[socket]) sockets_[socket]->send(to, datagram);
}

void LoopControl::tell(AnchorId anchor, Event event) {
  loop().post([this, alive = is_alive_, anchor, event = std::move(event)]() mutable {
    if (*alive) on_event(anchor, std::move(event));
  });
}

}  // namespace nearend::media
