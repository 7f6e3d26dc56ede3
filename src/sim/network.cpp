#include "sim/network.hpp"

#include <algorithm>

#include "sim/machine.hpp"

namespace nearend::sim {
namespace {

/// Packets under way belong to nobody's process.
constexpr Owner nobody = 0xffff'ffff;
constexpr uint32_t epochs = 1 << 12;
constexpr io::Duration retransmit_floor = std::chrono::milliseconds(200);

bool looks_like_rtp(io::Bytes bytes) {
  return bytes.size() >= 12 && (bytes[0] & 0xc0) == 0x80 && !(bytes[1] >= 192 && bytes[1] <= 223);
}

}  // namespace

struct Network::Packet {
  HostId to_host;
  Endpoint from, to;
  std::vector<uint8_t> bytes;
};

Network::Network(Clock& clock, uint64_t seed) : clock_(clock), random_(seed) {}
Network::~Network() = default;

HostId Network::add_host(std::string_view region, std::vector<IpAddress> addresses) {
  const HostId id = paths_.add_host(region);
  for (const IpAddress& address : addresses) by_address_.emplace(address, id);
  machines_.push_back(std::make_unique<Machine>(*this, id, std::move(addresses)));
  return id;
}

io::Net& Network::net(HostId host) {
  return machine(host);
}
const std::vector<IpAddress>& Network::addresses(HostId host) const {
  return machine(host).addresses;
}
bool Network::is_alive(HostId host) const {
  return machine(host).is_alive;
}

Owner Network::owner(HostId host) const {
  return static_cast<uint32_t>(host) * epochs + machine(host).epoch % epochs;
}

std::optional<HostId> Network::host_of(const IpAddress& address) const {
  const auto found = by_address_.find(address);
  if (found == by_address_.end()) return std::nullopt;
  return found->second;
}

std::optional<HostId> Network::destination(HostId from, const IpAddress& to) const {
  return to.is_loopback() ? from : host_of(to);
}

void Network::kill(HostId host) {
  Machine& dying = machine(host);
  if (!dying.is_alive) return;
  dying.is_alive = false;
  dying.drop_everything();
  clock_.drop(owner(host));
  ++dying.epoch;
}

void Network::restart(HostId host) {
  machine(host).is_alive = true;
}

void Network::send(HostId from_host, const Endpoint& from, const Endpoint& to, io::Bytes bytes) {
  const auto to_host = destination(from_host, to.address);
  PacketSeen seen{.at = clock_.now(),
                  .from_host = from_host,
                  .to_host = to_host.value_or(from_host),
                  .from = from,
                  .to = to,
                  .bytes = bytes,
                  .is_lost = !to_host};
  Fate fate;
  if (to_host && fault_) fate = fault_(seen);
  if (to_host) {
    Path& path = paths_.path(from_host, *to_host);
    ++path.counts.packets;
    path.counts.bytes += bytes.size();
    if (looks_like_rtp(bytes)) ++path.counts.rtp_packets;
    seen.is_lost = fate.is_lost || path.is_cut || random_.chance(path.quality.loss);
    if (seen.is_lost) ++path.counts.lost;
    if (!seen.is_lost) {
      const uint32_t copies = fate.copies + (random_.chance(path.quality.duplicate) ? 1 : 0);
      for (uint32_t i = 0; i < copies; ++i) launch(*to_host, from, to, bytes, datagram_delay(path) + fate.extra_delay);
    }
  }
  if (observer_) observer_(seen);
}

io::Duration Network::datagram_delay(const Path& path) {
  io::Duration delay = path.delay;
  if (path.quality.jitter.count() > 0)
    delay += io::Duration(static_cast<int64_t>(random_.below(static_cast<uint64_t>(path.quality.jitter.count()))));
  if (random_.chance(path.quality.reorder)) delay += path.quality.held_back;
  return delay;
}

void Network::launch(HostId to_host, const Endpoint& from, const Endpoint& to, io::Bytes bytes, io::Duration delay) {
  if (free_packets_.empty()) {
    packets_.push_back(std::make_unique<Packet>());
    free_packets_.push_back(packets_.back().get());
  }
  Packet* packet = free_packets_.back();
  free_packets_.pop_back();
  packet->to_host = to_host;
  packet->from = from;
  packet->to = to;
  packet->bytes.assign(bytes.begin(), bytes.end());
  clock_.at(clock_.now() + delay, [this, packet] { deliver(packet); }, nobody);
}

void Network::deliver(Packet* packet) {
  const Machine& receiver = machine(packet->to_host);
  if (receiver.is_alive) {
    if (const auto socket = receiver.find_socket(packet->to)) {
      ++delivered_;
      socket->on_datagram(packet->from, packet->bytes);
    }
  }
  free_packets_.push_back(packet);
}

std::optional<io::Duration> Network::stream_delay(HostId from, HostId to, size_t bytes) {
  Path& path = paths_.path(from, to);
  if (path.is_cut) return std::nullopt;
  path.counts.stream_bytes += bytes;
  io::Duration delay = path.delay;
  if (path.quality.jitter.count() > 0)
    delay += io::Duration(static_cast<int64_t>(random_.below(static_cast<uint64_t>(path.quality.jitter.count()))));
  io::Duration wait = std::max(retransmit_floor, path.delay * 3);
  for (int tries = 0; tries < 5 && random_.chance(path.quality.loss); ++tries, wait *= 2) delay += wait;
  return delay;
}

}  // namespace nearend::sim
