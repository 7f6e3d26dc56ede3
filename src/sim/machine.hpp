#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <memory>
#include <vector>

#include "io/net.hpp"
#include "sim/network.hpp"

namespace nearend::sim {

class Connection;

/// What a datagram socket and its machine share; the handler lives until its last call has returned.
struct BoundSocket {
  Endpoint local;
  io::DatagramHandler on_datagram;
  bool is_open = true;
};

/// What a listener and its machine share.
struct BoundListener {
  Endpoint local;
  bool is_secure = false;
  io::TlsSettings tls;
  io::AcceptHandler on_accept;
  bool is_open = true;
};

/// One host's side of the network: addresses, bound ports, streams.
struct Machine final : io::Net {
  Machine(Network& of, HostId with_id, std::vector<IpAddress> with_addresses);

  Result<std::unique_ptr<io::UdpSocket>> open_udp(const Endpoint& local, io::DatagramHandler on_datagram) override;
  Result<std::unique_ptr<io::Listener>> listen(const Endpoint& local, const io::TlsSettings* tls,
                                               io::AcceptHandler on_accept) override;
  std::unique_ptr<io::Stream> connect(const Endpoint& to, const io::TlsSettings* tls,
                                      io::Stream::Handlers handlers) override;

  std::shared_ptr<BoundSocket> find_socket(const Endpoint& to) const;
  std::shared_ptr<BoundListener> find_listener(const Endpoint& to) const;
  /// The address to send from, for a socket bound to `local`.
  Endpoint source(const Endpoint& local, const IpAddress& to) const;
  void add_stream(const std::shared_ptr<Connection>& connection);
  void drop_everything();

  Network& network;
  HostId id;
  std::vector<IpAddress> addresses;
  uint32_t epoch = 0;
  bool is_alive = true;

  template <class Bound>
  using Ports = boost::unordered_flat_map<uint16_t, std::vector<std::shared_ptr<Bound>>>;
  Ports<BoundSocket> sockets;
  Ports<BoundListener> listeners;

 private:
  template <class Bound>
  Result<Endpoint> choose_port(const Ports<Bound>& taken, const Endpoint& wanted, std::string_view kind);
  uint16_t next_port_ = 49152;
  std::vector<std::weak_ptr<Connection>> streams_;  // Owned by the streams' holders and by what is under way.
  size_t compact_at_ = 64;
};

/// Takes a bound thing off its port.
template <class Bound>
void unbind(Machine::Ports<Bound>& ports, const std::shared_ptr<Bound>& bound) {
  bound->is_open = false;
  const auto found = ports.find(bound->local.port);
  if (found == ports.end()) return;
  std::erase(found->second, bound);
  if (found->second.empty()) ports.erase(found);
}

}  // namespace nearend::sim
