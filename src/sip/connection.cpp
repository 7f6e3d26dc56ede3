#include "sip/connection.hpp"

#include <utility>

#include "telemetry/metrics.hpp"

namespace nearend::sip {
namespace {

// Time for a last answer to leave before a connection whose framing is lost is closed.
constexpr std::chrono::milliseconds last_words{500};

telemetry::Counter& closed_for(const char* reason) {
  return telemetry::counter("sip_connections_closed_total", std::string("reason=\"") + reason + '"');
}

}  // namespace

Connection::Connection(io::Loop& loop, const Transport::Limits& limits, Flow flow, Handlers handlers)
    : loop_(loop),
      limits_(limits),
      flow_(flow),
      handlers_(std::move(handlers)),
      framer_(limits.message_max),
      last_activity_(loop.now()),
      message_deadline_(loop),
      idle_(loop) {
  watch_idle();
}

io::Stream::Handlers Connection::stream_handlers() {
  io::Stream::Handlers handlers;
  handlers.on_open = [this] { flow_.local = stream_->local(); };
  handlers.on_data = [this](std::string_view bytes) { on_data(bytes); };
  handlers.on_close = [this](const Error& error) { fail_with(error); };
  return handlers;
}

void Connection::adopt(std::unique_ptr<io::Stream> stream) {
  stream_ = std::move(stream);
  stream_->set_handlers(stream_handlers());
}

void Connection::connect(io::Net& net, const io::TlsSettings* tls) {
  if (tls) tls_ = std::make_unique<io::TlsSettings>(*tls);
  stream_ = net.connect(flow_.peer, tls_.get(), stream_handlers());
}

void Connection::send(std::string message) {
  if (is_gone_ || !stream_) return;
  last_activity_ = loop_.now();
  stream_->write(std::move(message));
}

void Connection::on_data(std::string_view bytes) {
  if (is_closing_ || is_gone_) return;
  last_activity_ = loop_.now();
  framer_.append(bytes);
  while (!is_gone_ && !is_closing_) {
    const auto piece = framer_.next();
    if (!piece) break;
    deliver(*piece);
  }
  watch_deadline();
}

void Connection::deliver(const StreamFramer::Piece& piece) {
  switch (piece.kind) {
    case StreamFramer::Kind::ping:
      return send("\r\n");
    case StreamFramer::Kind::message:
      message_deadline_.stop();
      return handlers_.on_message(*this, piece.text);
    case StreamFramer::Kind::unframed:
      closed_for("framing").add();
      handlers_.on_message(*this, piece.text);
      return close_soon();
    case StreamFramer::Kind::overlong:
      closed_for("overlong").add();
      return close_soon();
  }
}

void Connection::watch_deadline() {
  if (!framer_.is_inside_message() || is_gone_ || is_closing_) return message_deadline_.stop();
  if (!message_deadline_.is_running()) message_deadline_.start(limits_.message_deadline, [this] { on_message_late(); });
}

void Connection::on_message_late() {
  closed_for("deadline").add();
  // A head without its whole body still gets its answer (RFC 4475 3.1.2.2).
  if (framer_.rest().find("\r\n\r\n") != std::string_view::npos) handlers_.on_message(*this, framer_.rest());
  close_soon();
}

void Connection::watch_idle() {
  idle_.start_at(last_activity_ + limits_.idle_close, [this] {
    if (loop_.now() < last_activity_ + limits_.idle_close) return watch_idle();
    closed_for("idle").add();
    fail_with(Error{Error::Kind::timeout, "connection idle"});
  });
}

void Connection::close_soon() {
  is_closing_ = true;
  message_deadline_.stop();
  idle_.start(last_words, [this] { fail_with(Error{Error::Kind::malformed, "connection closed: no end of message"}); });
}

void Connection::fail_with(const Error& error) {
  if (std::exchange(is_gone_, true)) return;
  idle_.stop();
  message_deadline_.stop();
  if (stream_) stream_->close();
  handlers_.on_gone(*this, error);
}

}  // namespace nearend::sip
