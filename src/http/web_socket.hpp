#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "io/net.hpp"

namespace nearend::http {

/// One WebSocket (RFC 6455) over an io stream, TCP or TLS: as the client that opened it, or as a server that was asked.
/// Frames are wslay's work. Loop's thread only; nothing of it may be destroyed from within its own handlers.
class WebSocket {
 public:
  struct Handlers {
    std::move_only_function<void()> on_open;
    std::move_only_function<void(std::string_view message, bool is_text)> on_message;  ///< Valid during the call only.
    /// Once, whoever ended it, unless it was destroyed before: the far end's code, 1006 where it said none.
    std::move_only_function<void(uint16_t code, std::string reason)> on_close;
  };
  struct Settings {
    bool may_reach_internal = false;       ///< Private and loopback addresses too.
    std::string trust_file;                ///< For wss; empty: the system's roots.
    size_t message_max = size_t{1} << 20;  ///< Longer messages end it with 1009.
  };

  /// Begins to connect to a ws or wss URL; failure arrives as on_close. 10 s at most to the server's consent.
  WebSocket(const io::World& world, std::string url, Settings settings, Handlers handlers);
  /// Waits for the request of a client that has connected.
  WebSocket(io::Loop& loop, std::unique_ptr<io::Stream> accepted, Settings settings, Handlers handlers);
  ~WebSocket();
  WebSocket(const WebSocket&) = delete;

  bool is_open() const;
  /// Messages before on_open or after the end are dropped.
  void send(std::string_view message, bool is_text);
  /// Bytes that the system has not taken yet: the far end does not read.
  size_t unsent() const;
  /// Says goodbye; on_close follows when the far end answers, or after 2 s.
  void close(uint16_t code = 1000);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace nearend::http
