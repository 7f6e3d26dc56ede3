#include "sip/transport.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "sip/connection.hpp"
#include "sip/probes.hpp"
#include "sip/stun.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::sip {
namespace {

// RFC 3261 18.1.1: above this a request leaves on a congestion controlled transport.
constexpr size_t datagram_max = 1300;

io::Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
std::string_view as_text(io::Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Whom an outgoing connection was made to; the same is used again.
struct PeerKey {
  Protocol protocol;
  Endpoint address;
  std::string server_name;
  uint32_t listener;  // whose TLS settings it was made with
  bool operator==(const PeerKey&) const = default;
};
struct PeerHash {
  size_t operator()(const PeerKey& key) const {
    return std::hash<Endpoint>{}(key.address) * 31 + std::hash<std::string>{}(key.server_name) + size_t(key.protocol);
  }
};

}  // namespace

std::string_view to_string(Protocol protocol) {
  switch (protocol) {
    case Protocol::udp:
      return "UDP";
    case Protocol::tcp:
      return "TCP";
    case Protocol::tls:
      return "TLS";
  }
  return "UDP";
}

class Transport::Impl {
 public:
  Impl(io::Loop& loop, io::Net& net, Limits limits)
      : loop_(loop),
        net_(net),
        limits_(limits),
        stranger_limits_(Probes::limits_of_strangers(limits)),
        probes_(loop, limits) {}

  Result<Endpoint> listen(Listen settings);
  void send(const Flow& flow, std::string message);
  Result<Flow> open(const Target& target, size_t message_size);
  std::string advertised(const Flow& flow) const;
  bool is_alive(const Flow& flow) const {
    return flow.protocol == Protocol::udp || connections_.contains(flow.connection);
  }
  size_t connections() const { return connections_.size(); }

  MessageHandler on_message;
  FailureHandler on_failure;

 private:
  struct Port {
    Listen settings;
    Endpoint bound;
    std::unique_ptr<io::UdpSocket> socket;
    std::unique_ptr<io::Listener> listener;
  };

  Result<void> listen_udp(Port& port);
  Result<void> listen_stream(Port& port);
  void take_datagram(Port& port, const Endpoint& from, io::Bytes datagram);
  void answer_stun(Port& port, const Endpoint& from, io::Bytes request, bool is_known);
  void accept(Port& port, std::unique_ptr<io::Stream> stream);
  /// Room for one more stranger's connection.
  void make_room();
  bool is_admitted(const Port& port, const IpAddress& source) const;
  const Port* find_port(uint32_t tag, Protocol protocol, IpAddress::Family family) const;
  const Port* port_of(const Flow& flow) const;
  Result<Flow> connect(Protocol protocol, const Target& target);
  std::string name_expected(const Target& target, const Port* port);
  Connection& add_connection(Flow flow);
  void take_message(Connection& from, std::string_view text);
  void forget(Connection& connection, const Error& error);

  io::Loop& loop_;
  io::Net& net_;
  Limits limits_, stranger_limits_;
  Probes probes_;
  std::set<uint64_t> stranger_connections_;  // by number, and so by age
  std::vector<std::unique_ptr<Port>> ports_;
  std::unordered_map<uint64_t, std::unique_ptr<Connection>> connections_;
  std::unordered_map<PeerKey, uint64_t, PeerHash> outgoing_;
  std::unordered_map<uint64_t, PeerKey> outgoing_keys_;
  std::unordered_map<Endpoint, std::string> tls_names_;  // whom certificates had to name, for who connects again
  std::unordered_map<IpAddress, size_t> per_source_;
  uint64_t connection_last_ = 0;
  std::shared_ptr<bool> is_here_ = std::make_shared<bool>(true);  // watched by what was posted to the loop
  telemetry::Counter& strangers_ = telemetry::counter("sip_dropped_total", "reason=\"source not admitted\"");
  telemetry::Counter& overfull_ = telemetry::counter("sip_dropped_total", "reason=\"connection limit\"");
};

Result<Endpoint> Transport::Impl::listen(Listen settings) {
  auto port = std::make_unique<Port>();
  port->settings = std::move(settings);
  auto opened = port->settings.protocol == Protocol::udp ? listen_udp(*port) : listen_stream(*port);
  if (!opened) return pass(opened);
  ports_.push_back(std::move(port));
  return ports_.back()->bound;
}

Result<void> Transport::Impl::listen_udp(Port& port) {
  auto socket = net_.open_udp(port.settings.local, [this, &port](const Endpoint& from, io::Bytes datagram) {
    take_datagram(port, from, datagram);
  });
  if (!socket) return pass(socket);
  port.socket = std::move(*socket);
  port.bound = port.socket->local();
  port.socket->set_unreachable_handler([this, &port](const Endpoint& to) {
    const Flow flow{.protocol = Protocol::udp, .peer = to, .local = port.bound, .listener = port.settings.tag};
    if (on_failure) on_failure(flow, Error{Error::Kind::unavailable, "port or host unreachable"});
  });
  return {};
}

void Transport::Impl::take_datagram(Port& port, const Endpoint& from, io::Bytes datagram) {
  const bool is_known = is_admitted(port, from.address);
  if (!is_known && !port.settings.answers_probes) return strangers_.add();
  if (stun::may_be_stun(datagram)) return answer_stun(port, from, datagram, is_known);
  if (datagram.size() > limits_.message_max || !on_message) return;
  if (!is_known && !probes_.takes_options(as_text(datagram), from.address)) return strangers_.add();
  Flow flow{.protocol = Protocol::udp, .peer = from, .local = port.bound, .listener = port.settings.tag};
  flow.is_stranger = !is_known;
  on_message(flow, as_text(datagram));
}

void Transport::Impl::answer_stun(Port& port, const Endpoint& from, io::Bytes request, bool is_known) {
  if (!is_known && port.settings.is_open && !port.settings.is_open()) return;
  if (const auto answer = probes_.answer_stun(request, from, is_known)) port.socket->send(from, answer->bytes());
}

Result<void> Transport::Impl::listen_stream(Port& port) {
  if (port.settings.protocol == Protocol::tls && !port.settings.tls)
    return fail(Error::Kind::invalid, "a TLS listener needs its certificate and key");
  const io::TlsSettings* tls = port.settings.protocol == Protocol::tls ? port.settings.tls : nullptr;
  auto listener = net_.listen(port.settings.local, tls,
                              [this, &port](std::unique_ptr<io::Stream> stream) { accept(port, std::move(stream)); });
  if (!listener) return pass(listener);
  port.listener = std::move(*listener);
  port.bound = port.listener->local();
  port.listener->set_admission([this, &port](const IpAddress& source) {
    if (is_admitted(port, source)) return true;
    if (port.settings.answers_probes && probes_.may_connect(source)) return true;
    strangers_.add();
    return false;
  });
  return {};
}

bool Transport::Impl::is_admitted(const Port& port, const IpAddress& source) const {
  return !port.settings.is_admitted || port.settings.is_admitted(source);
}

void Transport::Impl::accept(Port& port, std::unique_ptr<io::Stream> stream) {
  const Endpoint peer = stream->peer();
  const bool is_stranger = !is_admitted(port, peer.address);
  if (is_stranger && !port.settings.answers_probes) return strangers_.add();
  if (is_stranger) make_room();
  const auto held = per_source_.find(peer.address);
  const bool is_source_full = held != per_source_.end() && held->second >= limits_.connections_per_source_max;
  if (connections_.size() >= limits_.connections_max || is_source_full) return overfull_.add();
  Flow flow{.protocol = port.settings.protocol, .peer = peer, .local = stream->local(), .listener = port.settings.tag};
  flow.is_stranger = is_stranger;
  Connection& connection = add_connection(flow);
  if (is_stranger) stranger_connections_.insert(connection.flow().connection);
  connection.adopt(std::move(stream));
}

void Transport::Impl::make_room() {
  if (stranger_connections_.size() < limits_.stranger_connections_max) return;
  Connection& oldest = *connections_.at(*stranger_connections_.begin());
  overfull_.add();
  forget(oldest, Error{Error::Kind::refused, "one more stranger has come"});
}

Connection& Transport::Impl::add_connection(Flow flow) {
  flow.connection = ++connection_last_;
  ++per_source_[flow.peer.address];
  Connection::Handlers handlers{
      .on_message = [this](Connection& from, std::string_view text) { take_message(from, text); },
      .on_gone = [this](Connection& gone, const Error& error) { forget(gone, error); }};
  const Limits& limits = flow.is_stranger ? stranger_limits_ : limits_;
  auto connection = std::make_unique<Connection>(loop_, limits, flow, std::move(handlers));
  return *connections_.emplace(flow.connection, std::move(connection)).first->second;
}

void Transport::Impl::take_message(Connection& from, std::string_view text) {
  const Flow& flow = from.flow();
  if (flow.is_stranger && !probes_.takes_options(text, flow.peer.address)) return strangers_.add();
  if (on_message) on_message(flow, text);
}

void Transport::Impl::forget(Connection& connection, const Error& error) {
  const Flow flow = connection.flow();
  auto node = connections_.extract(flow.connection);
  if (node.empty()) return;
  stranger_connections_.erase(flow.connection);
  if (auto count = per_source_.find(flow.peer.address); count != per_source_.end() && --count->second == 0)
    per_source_.erase(count);
  if (auto key = outgoing_keys_.find(flow.connection); key != outgoing_keys_.end()) {
    outgoing_.erase(key->second);
    outgoing_keys_.erase(key);
  }
  // The connection may be on the stack below us, and so may who sent on it: both hear of it at the next turn of the
  // loop.
  std::shared_ptr<Connection> doomed = std::move(node.mapped());  // the posted work keeps it until then
  loop_.post([this, doomed, flow, error, is_here = std::weak_ptr(is_here_)] {
    if (!is_here.expired() && on_failure) on_failure(flow, error);
  });
}

const Transport::Impl::Port* Transport::Impl::find_port(uint32_t tag, Protocol protocol,
                                                        IpAddress::Family family) const {
  const auto fits = [&](const auto& port) {
    return port->settings.protocol == protocol && port->bound.address.family() == family &&
           (tag == 0 || port->settings.tag == tag);
  };
  const auto found = std::ranges::find_if(ports_, fits);
  return found == ports_.end() ? nullptr : found->get();
}

const Transport::Impl::Port* Transport::Impl::port_of(const Flow& flow) const {
  const auto is_same = [&](const auto& port) {
    return port->settings.protocol == flow.protocol && port->bound == flow.local && port->settings.tag == flow.listener;
  };
  if (const auto exact = std::ranges::find_if(ports_, is_same); exact != ports_.end()) return exact->get();
  const auto family = flow.peer.address.family();
  const Port* port = find_port(flow.listener, flow.protocol, family);
  return port ? port : find_port(0, flow.protocol, family);
}

void Transport::Impl::send(const Flow& flow, std::string message) {
  if (flow.protocol == Protocol::udp) {
    if (const Port* port = port_of(flow)) port->socket->send(flow.peer, as_bytes(message));
    return;
  }
  if (auto found = connections_.find(flow.connection); found != connections_.end())
    return found->second->send(std::move(message));
  auto reopened = connect(flow.protocol, Target{flow.protocol, flow.peer, {}, flow.listener});
  if (reopened) connections_.at(reopened->connection)->send(std::move(message));
}

Result<Flow> Transport::Impl::open(const Target& target, size_t message_size) {
  const auto family = target.address.address.family();
  if (target.protocol != Protocol::udp) return connect(target.protocol, target);
  if (message_size > datagram_max && find_port(0, Protocol::tcp, family)) {
    auto flow = connect(Protocol::tcp, target);
    if (flow) flow->is_for_size = true;
    return flow;
  }
  const Port* port = find_port(target.listener, Protocol::udp, family);
  if (!port) port = find_port(0, Protocol::udp, family);
  if (!port) return fail(Error::Kind::unavailable, "no UDP listener to reach {} from", target.address.to_string());
  return Flow{.protocol = Protocol::udp, .peer = target.address, .local = port->bound, .listener = port->settings.tag};
}

/// The name that the peer's certificate must hold. Requests in a dialog, and answers over a connection that is made
/// again, know an address only: they expect who was expected there before. An address that nobody ever named must stand
/// in the certificate itself where anybody's authority is trusted; a trust file of our own proves its peers without.
std::string Transport::Impl::name_expected(const Target& target, const Port* port) {
  if (!target.server_name.empty()) {
    if (tls_names_.size() >= limits_.connections_max) tls_names_.clear();
    return tls_names_[target.address] = target.server_name;
  }
  if (const auto known = tls_names_.find(target.address); known != tls_names_.end()) return known->second;
  const io::TlsSettings* ours = port ? port->settings.tls : nullptr;
  if (ours && !ours->server_name.empty()) return ours->server_name;
  return ours && !ours->trust_file.empty() ? std::string() : target.address.address.to_string();
}

Result<Flow> Transport::Impl::connect(Protocol protocol, const Target& target) {
  const auto family = target.address.address.family();
  const Port* port = find_port(target.listener, protocol, family);
  if (!port) port = find_port(0, protocol, family);
  const bool is_tls = protocol == Protocol::tls;
  PeerKey key{protocol, target.address, is_tls ? name_expected(target, port) : std::string(),
              port ? port->settings.tag : 0};
  if (const auto known = outgoing_.find(key); known != outgoing_.end()) return connections_.at(known->second)->flow();
  if (connections_.size() >= limits_.connections_max) {
    overfull_.add();
    return fail(Error::Kind::unavailable, "connections_max {} reached", limits_.connections_max);
  }
  Flow flow{.protocol = protocol, .peer = target.address, .local = port ? port->bound : Endpoint{}};
  if (port) flow.listener = port->settings.tag;
  Connection& connection = add_connection(flow);
  const uint64_t id = connection.flow().connection;
  io::TlsSettings tls;
  if (port && port->settings.tls) tls = *port->settings.tls;
  tls.server_name = key.server_name;
  outgoing_.emplace(key, id);
  outgoing_keys_.emplace(id, std::move(key));
  connection.connect(net_, is_tls ? &tls : nullptr);
  if (!connections_.contains(id))
    return fail(Error::Kind::unavailable, "cannot connect to {}", target.address.to_string());
  return connection.flow();
}

std::string Transport::Impl::advertised(const Flow& flow) const {
  const Port* port = port_of(flow);
  if (!port) return flow.local.to_string();
  const std::string& host = port->settings.advertised_host;
  if (!host.empty()) return fmt::format("{}:{}", host, port->bound.port);
  if (!port->bound.address.is_unspecified()) return port->bound.to_string();
  return Endpoint{flow.local.address, port->bound.port}.to_string();
}

Transport::Transport(io::Loop& loop, io::Net& net, Limits limits) : impl_(std::make_unique<Impl>(loop, net, limits)) {}
Transport::~Transport() = default;
Result<Endpoint> Transport::listen(Listen settings) {
  return impl_->listen(std::move(settings));
}
void Transport::set_handlers(MessageHandler on_message, FailureHandler on_failure) {
  impl_->on_message = std::move(on_message);
  impl_->on_failure = std::move(on_failure);
}
void Transport::send(const Flow& flow, std::string message) {
  impl_->send(flow, std::move(message));
}
Result<Flow> Transport::open(const Target& target, size_t message_size) {
  return impl_->open(target, message_size);
}
std::string Transport::advertised(const Flow& flow) const {
  return impl_->advertised(flow);
}
bool Transport::is_alive(const Flow& flow) const {
  return impl_->is_alive(flow);
}
size_t Transport::connections() const {
  return impl_->connections();
}

}  // namespace nearend::sip
