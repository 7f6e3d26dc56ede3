#include "sim/machine.hpp"

#include <algorithm>

#include "sim/connection.hpp"

namespace nearend::sim {

class SimUdpSocket final : public io::UdpSocket {
 public:
  SimUdpSocket(Machine& machine, std::shared_ptr<BoundSocket> bound) : machine_(machine), bound_(std::move(bound)) {}
  ~SimUdpSocket() override {
    if (bound_->is_open) unbind(machine_.sockets, bound_);
  }
  void send(const Endpoint& to, io::Bytes datagram) override {
    if (bound_->is_open) machine_.network.send(machine_.id, machine_.source(bound_->local, to.address), to, datagram);
  }
  Endpoint local() const override { return bound_->local; }

 private:
  Machine& machine_;
  std::shared_ptr<BoundSocket> bound_;  // Also held by its port, and by a delivery while it runs.
};

class SimListener final : public io::Listener {
 public:
  SimListener(Machine& machine, std::shared_ptr<BoundListener> bound) : machine_(machine), bound_(std::move(bound)) {}
  ~SimListener() override {
    if (bound_->is_open) unbind(machine_.listeners, bound_);
  }
  Endpoint local() const override { return bound_->local; }

 private:
  Machine& machine_;
  std::shared_ptr<BoundListener> bound_;  // Also held by its port, and by an accept while it runs.
};

namespace {

template <class Bound>
std::shared_ptr<Bound> find_bound(const Machine::Ports<Bound>& ports, const Endpoint& to) {
  const auto found = ports.find(to.port);
  if (found == ports.end()) return nullptr;
  for (const auto& bound : found->second)
    if (bound->local.address == to.address) return bound;
  for (const auto& bound : found->second)
    if (bound->local.address.is_unspecified() && bound->local.address.family() == to.address.family()) return bound;
  return nullptr;
}

}  // namespace

Machine::Machine(Network& of, HostId with_id, std::vector<IpAddress> with_addresses)
    : network(of), id(with_id), addresses(std::move(with_addresses)) {}

template <class Bound>
Result<Endpoint> Machine::choose_port(const Ports<Bound>& taken, const Endpoint& wanted, std::string_view kind) {
  if (!is_alive) return fail(Error::Kind::unavailable, "binding {} {}: the host is down", kind, wanted.to_string());
  const bool is_ours = wanted.address.is_unspecified() || wanted.address.is_loopback() ||
                       std::find(addresses.begin(), addresses.end(), wanted.address) != addresses.end();
  if (!is_ours)
    return fail(Error::Kind::unavailable, "binding {} {}: not an address of this host", kind, wanted.to_string());
  Endpoint chosen = wanted;
  if (chosen.port == 0) {
    do {
      chosen.port = next_port_;
      next_port_ = next_port_ == 65535 ? 49152 : static_cast<uint16_t>(next_port_ + 1);
    } while (taken.contains(chosen.port));
    return chosen;
  }
  const auto found = taken.find(chosen.port);
  if (found == taken.end()) return chosen;
  for (const auto& bound : found->second)
    if (bound->local.address == chosen.address ||
        (bound->local.address.family() == chosen.address.family() &&
         (bound->local.address.is_unspecified() || chosen.address.is_unspecified())))
      return fail(Error::Kind::unavailable, "binding {} {}: address already in use", kind, wanted.to_string());
  return chosen;
}

Result<std::unique_ptr<io::UdpSocket>> Machine::open_udp(const Endpoint& local, io::DatagramHandler on_datagram) {
  auto chosen = choose_port(sockets, local, "UDP");
  if (!chosen) return pass(chosen);
  auto bound = std::make_shared<BoundSocket>(BoundSocket{*chosen, std::move(on_datagram)});
  sockets[chosen->port].push_back(bound);
  return std::make_unique<SimUdpSocket>(*this, std::move(bound));
}

Result<std::unique_ptr<io::Listener>> Machine::listen(const Endpoint& local, const io::TlsSettings* tls,
                                                      io::AcceptHandler on_accept) {
  auto chosen = choose_port(listeners, local, "TCP");
  if (!chosen) return pass(chosen);
  auto bound = std::make_shared<BoundListener>(
      BoundListener{*chosen, tls != nullptr, tls ? *tls : io::TlsSettings{}, std::move(on_accept)});
  listeners[chosen->port].push_back(bound);
  return std::make_unique<SimListener>(*this, std::move(bound));
}

std::unique_ptr<io::Stream> Machine::connect(const Endpoint& to, const io::TlsSettings* tls,
                                             io::Stream::Handlers handlers) {
  Endpoint local = source({IpAddress::any(to.address.family()), next_port_}, to.address);
  next_port_ = next_port_ == 65535 ? 49152 : static_cast<uint16_t>(next_port_ + 1);
  return connect_in_simulation(*this, local, to, tls, std::move(handlers));
}

std::shared_ptr<BoundSocket> Machine::find_socket(const Endpoint& to) const {
  return find_bound(sockets, to);
}
std::shared_ptr<BoundListener> Machine::find_listener(const Endpoint& to) const {
  return find_bound(listeners, to);
}

Endpoint Machine::source(const Endpoint& local, const IpAddress& to) const {
  if (!local.address.is_unspecified()) return local;
  if (to.is_loopback()) return {IpAddress::loopback(to.family()), local.port};
  for (const IpAddress& address : addresses)
    if (address.family() == to.family()) return {address, local.port};
  return local;
}

void Machine::add_stream(const std::shared_ptr<Connection>& connection) {
  streams_.push_back(connection);
  if (streams_.size() < compact_at_) return;
  std::erase_if(streams_, [](const auto& weak) { return weak.expired(); });
  compact_at_ = std::max<size_t>(64, streams_.size() * 2);
}

void Machine::drop_everything() {
  const auto old_sockets = std::exchange(sockets, {});
  for (const auto& [port, all] : old_sockets)
    for (const auto& bound : all) bound->is_open = false;
  const auto old_listeners = std::exchange(listeners, {});
  for (const auto& [port, all] : old_listeners)
    for (const auto& bound : all) bound->is_open = false;
  for (const auto& weak : std::exchange(streams_, {}))
    if (const auto connection = weak.lock()) connection->die(id);
}

}  // namespace nearend::sim
