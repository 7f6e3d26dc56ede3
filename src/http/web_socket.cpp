#include "http/web_socket.hpp"

#include <wslay/wslay.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <cstring>
#include <optional>

#include "base/crypto.hpp"
#include "base/text.hpp"
#include "http/resolve.hpp"
#include "http/url.hpp"
#include "io/async.hpp"

namespace nearend::http {
namespace {

namespace beast = boost::beast::http;
constexpr std::chrono::seconds open_patience{10};
constexpr std::chrono::seconds close_patience{2};
constexpr uint32_t head_max = 16 * 1024;
constexpr uint16_t no_code = 1006, protocol_error = 1002;
constexpr std::string_view protocol_id = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // RFC 6455, section 1.3

std::string accept_of(std::string_view key) {
  return base64(hash_bytes(HashKind::sha1, std::string(key) + std::string(protocol_id)));
}

struct Freer {
  void operator()(wslay_event_context* context) const { wslay_event_context_free(context); }
};

bool has_token(std::string_view list, std::string_view token) {
  for (std::string_view one : split(list, ','))
    if (equal_ignoring_case(trim(one), token)) return true;
  return false;
}

}  // namespace

struct WebSocket::State {
  enum class Phase { connecting, asking, open, closing, over };

  State(io::Loop& on, Settings with, Handlers told)
      : loop(on), settings(std::move(with)), handlers(std::move(told)), timer(on), tasks(on) {}

  Task<void> connect(io::World world, std::string url);
  Result<void> open_stream(io::World world, const Url& url, const IpAddress& address);
  void attach();
  void ask();
  void take(std::string_view bytes);
  template <class Parser>
  std::optional<bool> read_head(Parser& parser);
  bool read_answer();
  bool read_request();
  void begin_frames();
  void pump();
  void write(std::string bytes);
  void end(uint16_t code, std::string reason);
  void on_message(const wslay_event_on_msg_recv_arg& message);

  static ssize_t recv(wslay_event_context*, uint8_t* room, size_t size, int, void* self);
  static ssize_t send(wslay_event_context*, const uint8_t* bytes, size_t size, int, void* self);
  static int mask(wslay_event_context*, uint8_t* room, size_t size, void* self);
  static void received(wslay_event_context*, const wslay_event_on_msg_recv_arg* message, void* self);

  io::Loop& loop;
  Settings settings;
  Handlers handlers;
  io::Timer timer;
  Phase phase = Phase::connecting;
  bool is_client = true;
  Url url;
  std::string key;
  std::unique_ptr<io::Stream> stream;
  std::string in, out;
  size_t in_at = 0;
  size_t unsent = 0;
  bool is_pumping = false;
  uint16_t code = no_code;
  std::string reason;
  std::unique_ptr<wslay_event_context, Freer> frames;
  io::Scope tasks;
};

Task<void> WebSocket::State::connect(io::World world, std::string text) {
  auto parsed = parse_url(text);
  if (!parsed || (parsed->scheme != "ws" && parsed->scheme != "wss")) {
    end(no_code, parsed ? "URL scheme " + parsed->scheme + ": ws and wss are possible" : parsed.error().text);
    co_return;
  }
  url = std::move(*parsed);
  std::string host = url.host;
  const io::Instant deadline = loop.now() + open_patience;
  auto addresses = co_await resolve_host(loop, world.dns, std::move(host), deadline);
  if (!addresses) {
    end(no_code, addresses.error().text);
    co_return;
  }
  const auto allowed = std::ranges::find_if(
      *addresses, [this](const IpAddress& one) { return settings.may_reach_internal || !one.is_internal(); });
  if (allowed == addresses->end()) {
    end(no_code, url.host + " has no address that may be reached");
    co_return;
  }
  const Endpoint to{*allowed, url.effective_port()};
  std::optional<io::TlsSettings> tls;
  if (url.scheme == "wss") tls = io::TlsSettings{.trust_file = settings.trust_file, .server_name = url.host};
  stream = world.net.connect(to, tls ? &*tls : nullptr, {});
  attach();
}

void WebSocket::State::attach() {
  stream->set_handlers({.on_open = [this] { ask(); },
                        .on_data = [this](std::string_view bytes) { take(bytes); },
                        .on_close = [this](const Error& error) { end(code, reason.empty() ? error.text : reason); },
                        .on_drained = [this] { unsent = 0; }});
}

void WebSocket::State::ask() {
  phase = Phase::asking;
  std::string bytes;
  for (int i = 0; i < 2; ++i) {
    const uint64_t random = loop.random();
    bytes.append(reinterpret_cast<const char*>(&random), sizeof(random));
  }
  key = base64(bytes);
  write(
      fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\n\r\n",
                  url.target(), url.authority(), key));
}

void WebSocket::State::write(std::string bytes) {
  if (!stream || bytes.empty()) return;
  unsent += bytes.size();
  stream->write(std::move(bytes));
}

void WebSocket::State::take(std::string_view bytes) {
  if (phase == Phase::over) return;
  in += bytes;
  if (phase == Phase::asking && !(is_client ? read_answer() : read_request())) return;
  if (frames) pump();
}

/// Whether a good head has come; nothing where it is still on its way. What follows it stays in `in`.
template <class Parser>
std::optional<bool> WebSocket::State::read_head(Parser& parser) {
  parser.header_limit(head_max);
  const size_t head_end = in.find("\r\n\r\n");
  if (head_end == std::string::npos) return in.size() > head_max ? std::optional(false) : std::nullopt;
  boost::system::error_code failed;
  parser.put(boost::asio::buffer(in.data(), head_end + 4), failed);
  in.erase(0, head_end + 4);
  return !failed && parser.is_header_done();
}

bool WebSocket::State::read_answer() {
  beast::response_parser<beast::empty_body> parser;
  const auto read = read_head(parser);
  if (!read) return false;
  if (!*read) {
    end(no_code, "the server answered no HTTP");
    return false;
  }
  const auto& answer = parser.get();
  if (answer.result_int() != 101) {
    end(no_code, fmt::format("the server answered {}", answer.result_int()));
    return false;
  }
  const auto text = [&](beast::field name) { return std::string_view(answer[name].data(), answer[name].size()); };
  if (!equal_ignoring_case(text(beast::field::upgrade), "websocket") ||
      !has_token(text(beast::field::connection), "upgrade") ||
      text(beast::field::sec_websocket_accept) != accept_of(key)) {
    end(no_code, "the server answered 101 without consent");
    return false;
  }
  begin_frames();
  return phase == Phase::open;
}

bool WebSocket::State::read_request() {
  beast::request_parser<beast::empty_body> parser;
  const auto read = read_head(parser);
  if (!read) return false;
  const auto& request = parser.get();
  const auto text = [&](beast::field name) { return std::string_view(request[name].data(), request[name].size()); };
  if (!*read || !equal_ignoring_case(text(beast::field::upgrade), "websocket") ||
      text(beast::field::sec_websocket_key).empty()) {
    write("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    end(no_code, "the client asked for no WebSocket");
    return false;
  }
  write(
      fmt::format("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
                  "Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n",
                  accept_of(text(beast::field::sec_websocket_key))));
  begin_frames();
  return phase == Phase::open;
}

void WebSocket::State::begin_frames() {
  const wslay_event_callbacks callbacks{.recv_callback = recv,
                                        .send_callback = send,
                                        .genmask_callback = mask,
                                        .on_frame_recv_start_callback = nullptr,
                                        .on_frame_recv_chunk_callback = nullptr,
                                        .on_frame_recv_end_callback = nullptr,
                                        .on_msg_recv_callback = received};
  wslay_event_context* made = nullptr;
  const int failed = is_client ? wslay_event_context_client_init(&made, &callbacks, this)
                               : wslay_event_context_server_init(&made, &callbacks, this);
  if (failed) return end(no_code, "no memory for a WebSocket");
  frames.reset(made);
  wslay_event_config_set_max_recv_msg_length(made, settings.message_max);
  phase = Phase::open;
  timer.stop();
  if (handlers.on_open) handlers.on_open();
}

ssize_t WebSocket::State::recv(wslay_event_context* context, uint8_t* room, size_t size, int, void* of) {
  State& self = *static_cast<State*>(of);
  const size_t count = std::min(size, self.in.size() - self.in_at);
  if (count == 0) {
    wslay_event_set_error(context, WSLAY_ERR_WOULDBLOCK);
    return -1;
  }
  std::memcpy(room, self.in.data() + self.in_at, count);
  self.in_at += count;
  return static_cast<ssize_t>(count);
}

ssize_t WebSocket::State::send(wslay_event_context*, const uint8_t* bytes, size_t size, int, void* of) {
  static_cast<State*>(of)->out.append(reinterpret_cast<const char*>(bytes), size);
  return static_cast<ssize_t>(size);
}

int WebSocket::State::mask(wslay_event_context*, uint8_t* room, size_t size, void* of) {
  for (size_t i = 0; i < size; ++i) room[i] = static_cast<uint8_t>(static_cast<State*>(of)->loop.random());
  return 0;
}

void WebSocket::State::received(wslay_event_context*, const wslay_event_on_msg_recv_arg* message, void* of) {
  static_cast<State*>(of)->on_message(*message);
}

void WebSocket::State::on_message(const wslay_event_on_msg_recv_arg& message) {
  const std::string_view bytes(reinterpret_cast<const char*>(message.msg), message.msg_length);
  if (message.opcode == WSLAY_CONNECTION_CLOSE) {
    code = message.status_code ? message.status_code : uint16_t{1005};
    reason = std::string(bytes.size() > 2 ? bytes.substr(2) : std::string_view());
    return;
  }
  const bool is_text = message.opcode == WSLAY_TEXT_FRAME;
  if ((is_text || message.opcode == WSLAY_BINARY_FRAME) && handlers.on_message && phase == Phase::open)
    handlers.on_message(bytes, is_text);
}

/// Takes what has come in, gives out what is to go, and ends what is at its end.
void WebSocket::State::pump() {
  if (std::exchange(is_pumping, true)) return;  // sent from within a handler: goes out below
  const int failed = wslay_event_recv(frames.get());
  in.erase(0, std::exchange(in_at, 0));
  const int unsendable = wslay_event_send(frames.get());
  write(std::exchange(out, {}));
  is_pumping = false;
  if (failed || unsendable) {
    const uint16_t said = wslay_event_get_status_code_sent(frames.get());
    return end(said ? said : protocol_error, "what came is no WebSocket");
  }
  const bool has_heard_end = wslay_event_get_close_received(frames.get());
  const bool has_said_end = wslay_event_get_close_sent(frames.get());
  if (has_heard_end && has_said_end) {
    end(code, reason);
  } else if (has_said_end && phase == Phase::open) {
    // wslay ends what breaks the rules: too long a message, text that is no UTF-8.
    code = wslay_event_get_status_code_sent(frames.get());
    phase = Phase::closing;
    timer.start(close_patience, [this] { end(code, "ended here"); });
  }
}

void WebSocket::State::end(uint16_t with, std::string why) {
  if (std::exchange(phase, Phase::over) == Phase::over) return;
  timer.stop();
  if (stream) stream->close();
  // A turn later: the one who is told may destroy us.
  tasks.spawn([](State* self, uint16_t ended_with, std::string ended_why) -> Task<void> {
    co_await io::sleep_for(self->loop, io::Duration(0));
    if (self->handlers.on_close) std::exchange(self->handlers.on_close, nullptr)(ended_with, std::move(ended_why));
  }(this, with, std::move(why)));
}

WebSocket::WebSocket(const io::World& world, std::string url, Settings settings, Handlers handlers)
    : state_(std::make_unique<State>(world.loop, std::move(settings), std::move(handlers))) {
  State* state = state_.get();
  state->timer.start(open_patience, [state] { state->end(no_code, "no consent within 10 s"); });
  state->tasks.spawn(state->connect(world, std::move(url)));
}

WebSocket::WebSocket(io::Loop& loop, std::unique_ptr<io::Stream> accepted, Settings settings, Handlers handlers)
    : state_(std::make_unique<State>(loop, std::move(settings), std::move(handlers))) {
  State* state = state_.get();
  state->is_client = false;
  state->phase = State::Phase::asking;
  state->stream = std::move(accepted);
  state->timer.start(open_patience, [state] { state->end(no_code, "no request within 10 s"); });
  state->attach();
}

WebSocket::~WebSocket() = default;

bool WebSocket::is_open() const {
  return state_->phase == State::Phase::open;
}

void WebSocket::send(std::string_view message, bool is_text) {
  if (!is_open()) return;
  const wslay_event_msg framed{.opcode = static_cast<uint8_t>(is_text ? WSLAY_TEXT_FRAME : WSLAY_BINARY_FRAME),
                               .msg = reinterpret_cast<const uint8_t*>(message.data()),
                               .msg_length = message.size()};
  wslay_event_queue_msg(state_->frames.get(), &framed);
  state_->pump();
}

size_t WebSocket::unsent() const {
  return state_->unsent;
}

void WebSocket::close(uint16_t code) {
  State* state = state_.get();
  if (!is_open()) return state->end(code, "closed here");
  wslay_event_queue_close(state->frames.get(), code, nullptr, 0);
  state->phase = State::Phase::closing;
  state->code = code;
  state->reason = "closed here";
  state->timer.start(close_patience, [state] { state->end(state->code, "closed here"); });
  state->pump();
}

}  // namespace nearend::http
