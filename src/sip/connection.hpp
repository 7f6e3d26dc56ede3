#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "io/loop.hpp"
#include "io/net.hpp"
#include "sip/stream_framer.hpp"
#include "sip/transport.hpp"

namespace nearend::sip {

/// One TCP or TLS connection that carries SIP: frames what comes, answers keep-alives, and closes itself when a message
/// is not complete in time, when framing is lost, or when nothing was said for long. Loop's thread only. The owner
/// destroys it after on_gone, not within a handler.
class Connection {
 public:
  struct Handlers {
    std::function<void(Connection&, std::string_view)> on_message;
    std::function<void(Connection&, const Error&)> on_gone;  ///< Last call.
  };

  Connection(io::Loop& loop, const Transport::Limits& limits, Flow flow, Handlers handlers);
  Connection(const Connection&) = delete;

  /// An accepted stream, open already.
  void adopt(std::unique_ptr<io::Stream> stream);
  /// Connects to the flow's peer. `tls` is copied: it must live as long as the handshake.
  void connect(io::Net& net, const io::TlsSettings* tls);
  void send(std::string message);

  const Flow& flow() const { return flow_; }
  bool is_gone() const { return is_gone_; }

 private:
  io::Stream::Handlers stream_handlers();
  void on_data(std::string_view bytes);
  void deliver(const StreamFramer::Piece& piece);
  void watch_deadline();
  void on_message_late();
  void watch_idle();
  void close_soon();
  void fail_with(const Error& error);

  io::Loop& loop_;
  const Transport::Limits& limits_;
  Flow flow_;
  Handlers handlers_;
  StreamFramer framer_;
  std::unique_ptr<io::TlsSettings> tls_;
  std::unique_ptr<io::Stream> stream_;
  io::Instant last_activity_;
  io::Timer message_deadline_;
  io::Timer idle_;
  bool is_closing_ = false;
  bool is_gone_ = false;
};

}  // namespace nearend::sip
