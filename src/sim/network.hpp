#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "io/net.hpp"
#include "sim/clock.hpp"
#include "sim/paths.hpp"
#include "sim/random.hpp"

namespace nearend::sim {

/// One datagram as it leaves a host. `bytes` is valid during the call.
struct PacketSeen {
  io::Instant at;
  HostId from_host, to_host;
  Endpoint from, to;
  io::Bytes bytes;
  bool is_lost = false;  ///< By cut, loss, or because no host has the address.
};

/// What a test wants to happen to one datagram besides what its path does.
struct Fate {
  bool is_lost = false;
  uint32_t copies = 1;
  io::Duration extra_delay{};
};

struct Machine;

/// The network between simulated hosts: datagrams that are delayed, lost, doubled and overtaken as the paths say, and
/// streams that are ordered and reliable, pay round trips to open and loss with retransmission delay, and break after a
/// cut of 20 s or when the process at the other end dies. A connection to an address that nobody has times out, to a
/// closed port it is refused.
class Network {
 public:
  Network(Clock& clock, uint64_t seed);
  ~Network();
  Network(const Network&) = delete;

  HostId add_host(std::string_view region, std::vector<IpAddress> addresses);
  Paths& paths() { return paths_; }
  /// The sockets of a host; valid as long as the network.
  io::Net& net(HostId host);
  const std::vector<IpAddress>& addresses(HostId host) const;
  std::optional<HostId> host_of(const IpAddress& address) const;

  /// The host's process dies: its sockets vanish, its timers and posts never run, its peers' streams are reset.
  void kill(HostId host);
  /// A new process may run on the host.
  void restart(HostId host);
  bool is_alive(HostId host) const;
  /// The mark of what belongs to the host's present process.
  Owner owner(HostId host) const;

  /// Called for every datagram sent, in order. One observer, one fault.
  void observe(std::function<void(const PacketSeen&)> observer) { observer_ = std::move(observer); }
  void set_fault(std::function<Fate(const PacketSeen&)> fault) { fault_ = std::move(fault); }
  uint64_t delivered() const { return delivered_; }

 private:
  friend struct Machine;
  friend class SimUdpSocket;
  friend class Connection;
  friend class SimListener;
  struct Packet;

  Machine& machine(HostId host) { return *machines_[static_cast<uint32_t>(host)]; }
  const Machine& machine(HostId host) const { return *machines_[static_cast<uint32_t>(host)]; }
  /// The host that an address means when seen from `from`.
  std::optional<HostId> destination(HostId from, const IpAddress& to) const;
  void send(HostId from_host, const Endpoint& from, const Endpoint& to, io::Bytes bytes);
  void launch(HostId to_host, const Endpoint& from, const Endpoint& to, io::Bytes bytes, io::Duration delay);
  void deliver(Packet* packet);
  io::Duration datagram_delay(const Path& path);
  /// How long a piece of a stream takes, with retransmissions; nothing while the path is cut.
  std::optional<io::Duration> stream_delay(HostId from, HostId to, size_t bytes);

  Clock& clock_;
  Random random_;
  Paths paths_;
  std::vector<std::unique_ptr<Machine>> machines_;
  boost::unordered_flat_map<IpAddress, HostId, std::hash<IpAddress>> by_address_;
  std::vector<std::unique_ptr<Packet>> packets_;
  std::vector<Packet*> free_packets_;
  std::function<void(const PacketSeen&)> observer_;
  std::function<Fate(const PacketSeen&)> fault_;
  uint64_t delivered_ = 0;
};

}  // namespace nearend::sim
