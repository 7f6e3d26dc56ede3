#include "http/beast_server.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "base/text.hpp"
#include "io/async.hpp"
#include "telemetry/log.hpp"

namespace nearend::http {
namespace {

namespace beast = boost::beast::http;
using Parser = beast::request_parser<beast::string_body>;

constexpr size_t body_max = 1 << 20;
constexpr uint32_t head_max = 32 * 1024;
/// Bytes a client may send ahead of our answers.
constexpr size_t ahead_max = 2 * body_max;
/// Bytes of a response that are handed to the stream at a time.
constexpr size_t piece_max = 256 * 1024;
constexpr std::chrono::seconds head_deadline{10};
constexpr std::chrono::seconds request_deadline{30};
constexpr std::chrono::seconds idle_deadline{60};

/// One client's connection: bytes as they come, and a bell for the coroutine that reads them.
struct Peer {
  enum class Wake { bytes, drained, closed };
  Peer(io::Loop& loop, std::unique_ptr<io::Stream> accepted)
      : stream(std::move(accepted)), wakes(loop), endpoint(stream->peer()), names(stream->peer_names()) {
    stream->set_handlers({.on_data = [this](std::string_view data) { take(data); },
                          .on_close = [this](const Error&) { end(); },
                          .on_drained = [this] { drained(); }});
  }
  Peer(const Peer&) = delete;

  void take(std::string_view data) {
    if (buffer.size() + data.size() > ahead_max) return stream->close();
    buffer += data;
    if (wakes.is_empty()) wakes.push(Wake::bytes);
  }
  void end() {
    is_closed = true;
    wakes.push(Wake::closed);
  }
  void drained() {
    is_drained = true;
    wakes.push(Wake::drained);
  }

  std::unique_ptr<io::Stream> stream;
  io::Mailbox<Wake> wakes;
  Endpoint endpoint;
  std::vector<std::string> names;
  std::string buffer;
  bool is_closed = false;
  bool is_drained = true;
};

std::string_view reason_of(int status) {
  const auto known = beast::obsolete_reason(beast::int_to_status(static_cast<unsigned>(status)));
  return {known.data(), known.size()};
}

bool is_safe(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

std::string write_response(const Response& response, bool is_kept, bool is_head) {
  std::string text = fmt::format("HTTP/1.1 {} {}\r\n", response.status, reason_of(response.status));
  for (const auto& [name, value] : response.headers) {
    if (equal_ignoring_case(name, "Content-Length") || equal_ignoring_case(name, "Connection")) continue;
    if (!is_safe(name) || !is_safe(value)) {
      telemetry::error("response header with a line end left out", {{"header", name.substr(0, 64)}});
      continue;
    }
    text += name + ": " + value + "\r\n";
  }
  if (!is_kept) text += "Connection: close\r\n";
  if (response.status != 204 && response.status != 304)
    text += fmt::format("Content-Length: {}\r\n", response.body.size());
  text += "\r\n";
  if (!is_head) text += response.body;
  return text;
}

int status_of(const boost::system::error_code& code) {
  if (code == beast::error::body_limit) return 413;
  if (code == beast::error::header_limit) return 431;
  return 400;
}

/// Feeds the parser from the buffer; false when it has to wait for more bytes.
bool parse_more(Parser& parser, std::string& buffer, boost::system::error_code& code) {
  while (!buffer.empty() && !parser.is_done()) {
    const size_t used = parser.put(boost::asio::buffer(buffer), code);
    buffer.erase(0, used);
    if (code == beast::error::need_more) {
      code = {};
      return false;
    }
    if (code) return true;
  }
  return parser.is_done();
}

struct Received {
  std::optional<ServerRequest> request;
  bool is_kept = false;
  int failure = 0;  ///< Status to answer before closing; 0: close silently.
};

Received to_request(Parser& parser, const Peer& peer) {
  Received received{.is_kept = parser.keep_alive()};
  auto message = parser.release();
  ServerRequest request;
  request.method = std::string(message.method_string());
  request.target = std::string(message.target());
  request.peer = peer.endpoint;
  request.peer_names = peer.names;
  for (const auto& field : message) request.headers.emplace_back(field.name_string(), field.value());
  request.body = std::move(message.body());
  const std::string_view target = request.target;
  const size_t mark = target.find('?');
  const auto path = percent_decode(target.substr(0, mark));
  if (!path || path->find('\0') != std::string::npos) return {.failure = 400};
  request.path = *path;
  if (mark != std::string_view::npos) request.query = target.substr(mark + 1);
  received.request = std::move(request);
  return received;
}

/// The next request of a connection; nothing when it ends or fails.
Task<Received> receive(io::Loop& loop, Peer& peer) {
  Parser parser;
  parser.header_limit(head_max);
  parser.body_limit(body_max);
  parser.eager(true);
  const io::Instant idle_until = loop.now() + idle_deadline;
  std::optional<io::Instant> begun;
  bool is_continue_sent = false;
  while (true) {
    if (!peer.buffer.empty() && !begun) begun = loop.now();
    boost::system::error_code code;
    if (parse_more(parser, peer.buffer, code)) {
      if (code) co_return Received{.failure = status_of(code)};
      co_return to_request(parser, peer);
    }
    if (parser.is_header_done() && !is_continue_sent &&
        equal_ignoring_case(parser.get()[beast::field::expect], "100-continue")) {
      peer.stream->write("HTTP/1.1 100 Continue\r\n\r\n");
      is_continue_sent = true;
    }
    const io::Instant deadline =
        !begun ? idle_until : *begun + (parser.is_header_done() ? request_deadline : head_deadline);
    const auto wake = co_await peer.wakes.next(deadline);
    if (!wake) co_return Received{.failure = begun ? 408 : 0};
    if (peer.is_closed) co_return Received{};
  }
}

/// Sends a response piece by piece, each when the one before has left; false when the client does not take it.
Task<bool> send(io::Loop& loop, Peer& peer, std::string bytes) {
  for (size_t sent = 0; sent < bytes.size(); sent += piece_max) {
    peer.is_drained = false;
    peer.stream->write(bytes.substr(sent, piece_max));
    if (bytes.size() - sent <= piece_max) break;
    const io::Instant deadline = loop.now() + idle_deadline;
    while (!peer.is_drained && !peer.is_closed) {
      const auto wake = co_await peer.wakes.next(deadline);
      if (!wake) co_return false;
    }
  }
  co_return !peer.is_closed;
}

Task<void> serve_peer(io::Loop& loop, std::unique_ptr<Peer> peer, const Handler& handler) {
  while (true) {
    auto received = co_await receive(loop, *peer);
    if (!received.request) {
      if (received.failure) peer->stream->write(write_response({.status = received.failure}, false, false));
      co_return;
    }
    const bool is_head = received.request->method == "HEAD";
    if (received.request->method == "OPTIONS" && received.request->target == "*") {
      peer->stream->write(write_response({.status = 200}, received.is_kept, false));
    } else {
      auto answered = handler(std::move(*received.request));
      const Response response = co_await answered;
      const bool is_sent = co_await send(loop, *peer, write_response(response, received.is_kept, is_head));
      if (!is_sent) co_return;
    }
    if (!received.is_kept || peer->is_closed) co_return;
  }
}

class BeastServer final : public Server {
 public:
  BeastServer(io::Loop& loop, Handler handler, size_t connections_max)
      : loop_(loop), handler_(std::move(handler)), connections_max_(connections_max), peers_(loop) {}

  Result<void> listen(io::Net& net, const io::TlsSettings* tls, const Endpoint& local) {
    auto listener = net.listen(local, tls, [this](std::unique_ptr<io::Stream> stream) {
      if (peers_.size() >= connections_max_) return;
      peers_.spawn(serve_peer(loop_, std::make_unique<Peer>(loop_, std::move(stream)), handler_));
    });
    if (!listener) return pass(listener);
    listener_ = std::move(*listener);
    return {};
  }
  Endpoint local() const override { return listener_->local(); }

 private:
  io::Loop& loop_;
  Handler handler_;
  const size_t connections_max_;
  std::unique_ptr<io::Listener> listener_;
  io::Scope peers_;
};

}  // namespace

BeastServers::BeastServers(io::Loop& loop, io::Net& net, std::optional<io::TlsSettings> tls, size_t connections_max)
    : loop_(loop), net_(net), tls_(std::move(tls)), connections_max_(connections_max) {}

Result<std::unique_ptr<Server>> BeastServers::serve(const Endpoint& local, Handler handler) {
  auto server = std::make_unique<BeastServer>(loop_, std::move(handler), connections_max_);
  if (auto listening = server->listen(net_, tls_ ? &*tls_ : nullptr, local); !listening) return pass(listening);
  return server;
}

}  // namespace nearend::http
