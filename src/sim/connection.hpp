#pragma once

#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "io/net.hpp"
#include "sim/machine.hpp"

namespace nearend::sim {

/// One TCP or TLS connection between two hosts: two sides, each with its handlers and the pieces it has yet to send.
/// Held by its two streams and by the pieces under way.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using SideIndex = size_t;
  static constexpr SideIndex client = 0, server = 1;

  Connection(Network& network, HostId client_host, const Endpoint& from, const Endpoint& to);

  void connect(const io::TlsSettings* tls, io::Stream::Handlers handlers);
  void set_handlers(SideIndex side, io::Stream::Handlers handlers);
  void write(SideIndex side, std::string bytes);
  void close(SideIndex side);
  void abandon(SideIndex side);
  /// The process on that host has died.
  void die(HostId host);

  Endpoint address(SideIndex side) const { return sides_[side].address; }
  bool is_secure() const { return is_secure_; }
  /// The simulator reads no files: a side's certificate file stands for its name.
  std::vector<std::string> peer_names(SideIndex side) const;

 private:
  enum class Kind { open, data, end, reset };
  struct Piece {
    Kind kind;
    std::string bytes;
  };
  enum class Phase { opening, open, closed };
  struct Side {
    HostId host{};
    Owner owner = 0;
    Endpoint address;
    Phase phase = Phase::opening;
    io::Stream::Handlers handlers;
    std::optional<io::Stream::Handlers> next_handlers;
    std::string certificate;
    std::string early;  ///< Came before there were handlers.
    std::optional<Error> early_close;
    std::deque<Piece> waiting;  ///< To be sent when the path is open.
    size_t unsent = 0;
    io::Instant last_arrival{};
    std::optional<io::Instant> blocked_since;
    int depth = 0;
    bool has_handlers = false;
    bool is_abandoned = false;
    bool is_close_reported = false;
  };

  bool is_running(SideIndex side) const;
  void knock();
  void knocked(const Endpoint& to, const io::TlsSettings& tls);
  void answer_knock(std::optional<Error> refusal);
  void opened();
  void accepted();
  std::unique_ptr<io::Stream> accepted_stream();
  void send(SideIndex from, Piece piece);
  void send_waiting(SideIndex from);
  void wait_for_path(SideIndex from);
  void tell_drained(SideIndex side);
  void arrive(SideIndex at, Piece piece);
  void finish(SideIndex side, Error error);
  void tell_data(SideIndex side, std::string_view bytes);
  void tell_close(SideIndex side, Error error);
  void tell_early(SideIndex side);
  template <class Call>
  void call_handler(SideIndex side, Call call);
  std::optional<io::Duration> travel(SideIndex from, size_t bytes = 0);

  Network& network_;
  std::array<Side, 2> sides_;
  io::TlsSettings client_tls_;
  bool is_secure_ = false;
  io::Instant deadline_{};
  io::TimerId deadline_timer_ = io::TimerId::none;
};

std::unique_ptr<io::Stream> connect_in_simulation(Machine& machine, const Endpoint& from, const Endpoint& to,
                                                  const io::TlsSettings* tls, io::Stream::Handlers handlers);

}  // namespace nearend::sim
