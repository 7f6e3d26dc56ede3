#include "sim/connection.hpp"

#include <algorithm>

namespace nearend::sim {
namespace {

constexpr Owner nobody = 0xffff'ffff;
constexpr std::chrono::seconds open_deadline{5};
constexpr std::chrono::seconds knock_again{1};
constexpr std::chrono::milliseconds path_check{200};
constexpr std::chrono::seconds blocked_max{20};
constexpr size_t unsent_max = 1 << 20;

}  // namespace

Connection::Connection(Network& network, HostId client_host, const Endpoint& from, const Endpoint& to)
    : network_(network) {
  sides_[client].host = client_host;
  sides_[client].owner = network.owner(client_host);
  sides_[client].address = from;
  sides_[server].address = to;
}

void Connection::connect(const io::TlsSettings* tls, io::Stream::Handlers handlers) {
  Side& side = sides_[client];
  side.handlers = std::move(handlers);
  side.has_handlers = true;
  is_secure_ = tls != nullptr;
  if (tls) client_tls_ = *tls;
  side.certificate = client_tls_.certificate_file;
  deadline_ = network_.clock_.now() + open_deadline;
  deadline_timer_ = network_.clock_.at(
      deadline_,
      [this, self = shared_from_this()] {
        deadline_timer_ = io::TimerId::none;
        if (sides_[client].phase == Phase::opening)
          finish(client, {Error::Kind::timeout,
                          fmt::format("connecting to {}: no connection in 5 s", sides_[server].address.to_string())});
      },
      side.owner);
  network_.clock_.soon([this, self = shared_from_this()] { knock(); }, side.owner);
}

/// The first packet of a connection; sent again while the path is cut. Nobody at the address: the deadline tells.
void Connection::knock() {
  if (sides_[client].phase != Phase::opening) return;
  const auto to_host = network_.destination(sides_[client].host, sides_[server].address.address);
  if (!to_host) return;
  sides_[server].host = *to_host;
  const auto delay = travel(client);
  if (delay)
    network_.clock_.at(
        network_.clock_.now() + *delay,
        [this, self = shared_from_this()] { knocked(sides_[server].address, client_tls_); }, nobody);
  else
    network_.clock_.at(
        network_.clock_.now() + knock_again, [this, self = shared_from_this()] { knock(); }, sides_[client].owner);
}

void Connection::knocked(const Endpoint& to, const io::TlsSettings& tls) {
  const Machine& machine = network_.machine(sides_[server].host);
  const auto listener = machine.is_alive ? machine.find_listener(to) : nullptr;
  if (!listener)
    return answer_knock(Error{Error::Kind::unavailable, fmt::format("connecting to {}: refused", to.to_string())});
  if (listener->is_secure != is_secure_)
    return answer_knock(
        Error{Error::Kind::refused, fmt::format("{}: one end speaks TLS, the other does not", to.to_string())});
  if (listener->tls.is_peer_required && tls.certificate_file.empty())
    return answer_knock(Error{Error::Kind::refused, fmt::format("TLS with {}: certificate required", to.to_string())});
  sides_[server].certificate = listener->tls.certificate_file;
  answer_knock(std::nullopt);
}

void Connection::answer_knock(std::optional<Error> refusal) {
  auto delay = travel(server);
  if (delay && is_secure_ && !refusal) {
    const auto hello = travel(client);
    const auto finished = travel(server);
    delay = hello && finished ? std::optional(*delay + *hello + *finished) : std::nullopt;
  }
  if (!delay) return;
  network_.clock_.at(
      network_.clock_.now() + *delay,
      [this, self = shared_from_this(), refusal = std::move(refusal)] {
        if (sides_[client].phase != Phase::opening) return;
        if (refusal) return finish(client, *refusal);
        opened();
      },
      sides_[client].owner);
}

void Connection::opened() {
  Side& side = sides_[client];
  side.phase = Phase::open;
  network_.clock_.cancel(std::exchange(deadline_timer_, io::TimerId::none));
  side.waiting.push_front({Kind::open, {}});
  send_waiting(client);
  call_handler(client, [&side] {
    if (side.handlers.on_open) side.handlers.on_open();
  });
}

void Connection::accepted() {
  Machine& machine = network_.machine(sides_[server].host);
  const auto listener = machine.is_alive ? machine.find_listener(sides_[server].address) : nullptr;
  if (!listener) return send(server, {Kind::reset, {}});
  sides_[server].owner = network_.owner(machine.id);
  sides_[server].phase = Phase::open;
  machine.add_stream(shared_from_this());
  listener->on_accept(accepted_stream());
}

std::optional<io::Duration> Connection::travel(SideIndex from, size_t bytes) {
  return network_.stream_delay(sides_[from].host, sides_[1 - from].host, bytes);
}

bool Connection::is_running(SideIndex side) const {
  return network_.is_alive(sides_[side].host) && network_.owner(sides_[side].host) == sides_[side].owner;
}

void Connection::set_handlers(SideIndex index, io::Stream::Handlers handlers) {
  Side& side = sides_[index];
  if (side.depth > 0)
    side.next_handlers = std::move(handlers);
  else
    side.handlers = std::move(handlers);
  if (std::exchange(side.has_handlers, true)) return;
  network_.clock_.soon([this, self = shared_from_this(), index] { tell_early(index); }, side.owner);
}

void Connection::write(SideIndex index, std::string bytes) {
  Side& side = sides_[index];
  if (side.phase == Phase::closed || bytes.empty() || !is_running(index)) return;
  if (side.unsent + bytes.size() > unsent_max) {
    network_.clock_.soon(
        [this, self = shared_from_this(), index] {
          finish(index, {Error::Kind::unavailable, "the peer does not read: 1 MiB is waiting to be sent"});
        },
        side.owner);
    return;
  }
  send(index, {Kind::data, std::move(bytes)});
}

void Connection::close(SideIndex index) {
  Side& side = sides_[index];
  if (side.phase == Phase::closed || !is_running(index)) return;
  const bool was_open = side.phase == Phase::open;
  if (was_open) send(index, {Kind::end, {}});
  side.phase = Phase::closed;
  side.early.clear();
  network_.clock_.cancel(std::exchange(deadline_timer_, io::TimerId::none));
  tell_close(index, {Error::Kind::unavailable, "closed by us"});
}

void Connection::abandon(SideIndex index) {
  Side& side = sides_[index];
  side.is_abandoned = true;
  if (side.depth == 0) {
    const auto dropped = std::exchange(side.handlers, {});
    const auto also_dropped = std::exchange(side.next_handlers, std::nullopt);
  }
  if (side.phase == Phase::open && is_running(index)) send(index, {Kind::end, {}});
  side.phase = Phase::closed;
  network_.clock_.cancel(std::exchange(deadline_timer_, io::TimerId::none));
}

void Connection::die(HostId host) {
  for (const SideIndex index : {client, server}) {
    Side& side = sides_[index];
    if (side.host != host || side.phase == Phase::closed) continue;
    const bool was_open = side.phase == Phase::open;
    side.phase = Phase::closed;
    side.is_abandoned = true;
    side.waiting.clear();
    if (was_open) send(index, {Kind::reset, {}});
  }
}

std::vector<std::string> Connection::peer_names(SideIndex side) const {
  const std::string& name = sides_[1 - side].certificate;
  if (!is_secure_ || name.empty()) return {};
  return {name};
}

void Connection::send(SideIndex from, Piece piece) {
  Side& side = sides_[from];
  side.unsent += piece.bytes.size();
  side.waiting.push_back(std::move(piece));
  if (!side.blocked_since && (from == server || side.phase != Phase::opening)) send_waiting(from);
}

void Connection::send_waiting(SideIndex from) {
  Side& side = sides_[from];
  while (!side.waiting.empty()) {
    const auto delay = travel(from, side.waiting.front().bytes.size());
    if (!delay) return wait_for_path(from);
    Piece piece = std::move(side.waiting.front());
    side.waiting.pop_front();
    side.unsent -= piece.bytes.size();
    side.last_arrival = std::max(side.last_arrival, network_.clock_.now() + *delay);
    network_.clock_.at(
        side.last_arrival,
        [this, self = shared_from_this(), to = 1 - from, piece = std::move(piece)]() mutable {
          arrive(to, std::move(piece));
        },
        nobody);
  }
  side.blocked_since.reset();
  if (side.handlers.on_drained && side.phase == Phase::open)
    network_.clock_.soon([this, self = shared_from_this(), from] { tell_drained(from); }, side.owner);
}

void Connection::tell_drained(SideIndex index) {
  Side& side = sides_[index];
  if (side.phase != Phase::open || !side.waiting.empty()) return;
  call_handler(index, [&side] {
    if (side.handlers.on_drained) side.handlers.on_drained();
  });
}

void Connection::wait_for_path(SideIndex from) {
  Side& side = sides_[from];
  if (!side.blocked_since) side.blocked_since = network_.clock_.now();
  if (network_.clock_.now() - *side.blocked_since > blocked_max) {
    side.blocked_since.reset();
    side.waiting.clear();
    return finish(
        from, {Error::Kind::timeout, fmt::format("connection to {}: timed out", sides_[1 - from].address.to_string())});
  }
  network_.clock_.at(
      network_.clock_.now() + path_check, [this, self = shared_from_this(), from] { send_waiting(from); }, nobody);
}

void Connection::arrive(SideIndex at, Piece piece) {
  Side& side = sides_[at];
  if (piece.kind == Kind::open) return accepted();
  if (side.phase != Phase::open || !is_running(at)) {
    if (piece.kind == Kind::data && network_.is_alive(side.host)) send(at, {Kind::reset, {}});
    return;
  }
  switch (piece.kind) {
    case Kind::data:
      return tell_data(at, piece.bytes);
    case Kind::end:
      return finish(at, {Error::Kind::unavailable, "closed by the peer"});
    case Kind::reset:
      return finish(at, {Error::Kind::unavailable, "reset by the peer"});
    case Kind::open:
      return;
  }
}

void Connection::finish(SideIndex index, Error error) {
  Side& side = sides_[index];
  if (side.phase == Phase::closed) return;
  side.phase = Phase::closed;
  network_.clock_.cancel(std::exchange(deadline_timer_, io::TimerId::none));
  tell_close(index, std::move(error));
}

void Connection::tell_data(SideIndex index, std::string_view bytes) {
  Side& side = sides_[index];
  if (!side.has_handlers || !side.early.empty()) {
    side.early += bytes;
    return;
  }
  call_handler(index, [&side, bytes] {
    if (side.handlers.on_data) side.handlers.on_data(bytes);
  });
}

void Connection::tell_close(SideIndex index, Error error) {
  Side& side = sides_[index];
  if (side.is_abandoned || std::exchange(side.is_close_reported, true)) return;
  side.early_close = std::move(error);
  if (side.has_handlers)
    network_.clock_.soon([this, self = shared_from_this(), index] { tell_early(index); }, side.owner);
}

void Connection::tell_early(SideIndex index) {
  Side& side = sides_[index];
  if (side.is_abandoned || !is_running(index)) return;
  const std::string early = std::exchange(side.early, {});
  if (!early.empty()) tell_data(index, early);
  if (side.is_abandoned || !side.early_close) return;
  const Error error = *std::exchange(side.early_close, std::nullopt);
  call_handler(index, [&side, &error] {
    if (side.handlers.on_close) side.handlers.on_close(error);
  });
}

/// Handlers may replace themselves and destroy the stream: what runs is released only when it has returned.
template <class Call>
void Connection::call_handler(SideIndex index, Call call) {
  Side& side = sides_[index];
  if (side.is_abandoned) return;
  const auto self = shared_from_this();
  ++side.depth;
  call();
  if (--side.depth > 0) return;
  if (side.is_abandoned) {
    const auto dropped = std::exchange(side.handlers, {});
    const auto also_dropped = std::exchange(side.next_handlers, std::nullopt);
  } else if (side.next_handlers) {
    side.handlers = std::move(*std::exchange(side.next_handlers, std::nullopt));
  }
}

namespace {

class SimStream final : public io::Stream {
 public:
  SimStream(std::shared_ptr<Connection> connection, Connection::SideIndex side)
      : connection_(std::move(connection)), side_(side) {}
  ~SimStream() override { connection_->abandon(side_); }
  void set_handlers(Handlers handlers) override { connection_->set_handlers(side_, std::move(handlers)); }
  void write(std::string bytes) override { connection_->write(side_, std::move(bytes)); }
  void close() override { connection_->close(side_); }
  Endpoint local() const override { return connection_->address(side_); }
  Endpoint peer() const override { return connection_->address(1 - side_); }
  bool is_secure() const override { return connection_->is_secure(); }
  std::vector<std::string> peer_names() const override { return connection_->peer_names(side_); }

 private:
  std::shared_ptr<Connection> connection_;  // Also held by the other side and by pieces under way.
  Connection::SideIndex side_;
};

}  // namespace

std::unique_ptr<io::Stream> Connection::accepted_stream() {
  return std::make_unique<SimStream>(shared_from_this(), server);
}

std::unique_ptr<io::Stream> connect_in_simulation(Machine& machine, const Endpoint& from, const Endpoint& to,
                                                  const io::TlsSettings* tls, io::Stream::Handlers handlers) {
  auto connection = std::make_shared<Connection>(machine.network, machine.id, from, to);
  machine.add_stream(connection);
  connection->connect(tls, std::move(handlers));
  return std::make_unique<SimStream>(std::move(connection), Connection::client);
}

}  // namespace nearend::sim
