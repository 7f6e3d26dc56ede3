#include "sim/stream_http.hpp"

#include <algorithm>
#include <list>

#include "base/text.hpp"
#include "http/resolve.hpp"
#include "http/url.hpp"

namespace nearend::sim {

/// One HTTP message as it comes: a first line, headers, a body counted by Content-Length.
struct Message {
  std::string first_line;
  http::Headers headers;
  std::string body;
};

namespace {

/// Stands for the TLS handshake of an https connection: one more round trip, which every server answers by itself.
constexpr std::string_view hello = "OPTIONS * HTTP/1.1\r\nHost: *\r\n\r\n";

std::string_view header_of(const http::Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers)
    if (equal_ignoring_case(key, name)) return value;
  return {};
}

Message parse_head(std::string_view head) {
  Message message;
  size_t start = 0;
  while (start < head.size()) {
    const size_t end = std::min(head.find("\r\n", start), head.size());
    const std::string_view line = head.substr(start, end - start);
    const size_t colon = line.find(':');
    if (message.first_line.empty())
      message.first_line = line;
    else if (colon != std::string_view::npos)
      message.headers.emplace_back(trim(line.substr(0, colon)), trim(line.substr(colon + 1)));
    start = end + 2;
  }
  return message;
}

/// Takes the first whole message off `buffer`.
std::optional<Message> take_message(std::string& buffer) {
  const size_t end = buffer.find("\r\n\r\n");
  if (end == std::string::npos) return std::nullopt;
  Message message = parse_head(std::string_view(buffer).substr(0, end));
  const size_t length = parse_unsigned(header_of(message.headers, "Content-Length")).value_or(0);
  if (buffer.size() < end + 4 + length) return std::nullopt;
  message.body = buffer.substr(end + 4, length);
  buffer.erase(0, end + 4 + length);
  return message;
}

std::string write_message(const std::string& first_line, const http::Headers& headers, const std::string& body) {
  std::string text = first_line + "\r\n";
  for (const auto& [name, value] : headers)
    if (!equal_ignoring_case(name, "Content-Length")) text += name + ": " + value + "\r\n";
  return text + fmt::format("Content-Length: {}\r\n\r\n", body.size()) + body;
}

}  // namespace

/// A client's connection: open or not, and the message or error it is waiting for.
class HttpConnection {
 public:
  using Outcome = Result<Message>;
  HttpConnection(io::Loop& loop, io::Net& net, const Endpoint& to) : loop_(loop) {
    stream_ = net.connect(to, nullptr,
                          {.on_open =
                               [this] {
                                 is_open_ = true;
                                 tell(Message{});
                               },
                           .on_data =
                               [this](std::string_view data) {
                                 buffer_ += data;
                                 if (auto message = take_message(buffer_)) tell(std::move(*message));
                               },
                           .on_close =
                               [this](const Error& error) {
                                 is_closed_ = true;
                                 tell(std::unexpected(error));
                               }});
  }
  bool is_closed() const { return is_closed_; }
  bool is_open() const { return is_open_; }
  size_t buffered() const { return buffer_.size(); }
  /// The next thing that happens: opened (an empty message), a message, or the end.
  io::Reply<Outcome> expect() {
    io::Reply<Outcome> reply(loop_);
    if (is_closed_)
      reply.set(fail(Error::Kind::unavailable, "closed by the peer"));
    else
      expected_ = reply;
    return reply;
  }
  void write(std::string bytes) { stream_->write(std::move(bytes)); }

 private:
  void tell(Outcome outcome) {
    if (expected_) std::exchange(expected_, std::nullopt)->set(std::move(outcome));
  }
  io::Loop& loop_;
  std::unique_ptr<io::Stream> stream_;
  std::string buffer_;
  std::optional<io::Reply<Outcome>> expected_;
  bool is_open_ = false;
  bool is_closed_ = false;
};

namespace {

Result<http::Response> to_response(Message message, size_t body_limit) {
  const auto words = split(message.first_line, ' ');
  const auto status = words.size() > 1 ? parse_unsigned(words[1]) : std::nullopt;
  if (!status) return fail(Error::Kind::malformed, "the answer is not HTTP");
  if (message.body.size() > body_limit)
    return fail(Error::Kind::unsupported, "the answer's body is larger than {} bytes", body_limit);
  return http::Response{static_cast<int>(*status), std::move(message.headers), std::move(message.body)};
}

std::string request_bytes(const http::Request& request, const http::Url& url) {
  http::Headers headers{{"Host", url.authority()}};
  headers.insert(headers.end(), request.headers.begin(), request.headers.end());
  return write_message(request.method + " " + url.target() + " HTTP/1.1", headers, request.body);
}

}  // namespace

StreamHttpClient::StreamHttpClient(io::Loop& loop, io::Net& net, io::Dns& dns) : loop_(loop), net_(net), dns_(dns) {}
StreamHttpClient::~StreamHttpClient() = default;
void StreamHttpClient::forget_connections() {
  idle_.clear();
}

Task<Result<http::Response>> StreamHttpClient::send(http::Request request) {
  const io::Instant deadline = loop_.now() + request.total_timeout;
  auto url = http::parse_url(request.url);
  if (!url) co_return fail(Error::Kind::invalid, "{}", url.error().text);
  const io::Instant resolved_by = std::min(deadline, loop_.now() + request.connect_timeout);
  auto addresses = co_await http::resolve_host(loop_, dns_, url->host, resolved_by);
  if (!addresses) co_return pass(addresses);
  const Endpoint to{addresses->front(), url->effective_port()};
  if (!request.may_reach_internal && to.address.is_internal())
    co_return fail(Error::Kind::refused, "'{}' is an internal address", url->host);
  const std::string bytes = request_bytes(request, *url);
  auto response = co_await exchange(request, to, url->scheme == "https", bytes, deadline);
  co_return response;
}

Task<Result<http::Response>> StreamHttpClient::exchange(const http::Request& request, const Endpoint& to,
                                                        bool is_secure, const std::string& bytes,
                                                        io::Instant deadline) {
  const std::string key =
      fmt::format("{}|{}|{}|{}", request.pool, request.may_reach_internal, is_secure, to.to_string());
  while (true) {
    auto& idle = idle_[key];
    std::erase_if(idle, [](const auto& each) { return each->is_closed(); });
    const bool is_reused = !idle.empty();
    std::unique_ptr<HttpConnection> connection;
    if (is_reused) {
      connection = std::move(idle.back());
      idle.pop_back();
    } else {
      connection = std::make_unique<HttpConnection>(loop_, net_, to);
      ++connections_;
      const io::Instant connected_by = std::min(deadline, loop_.now() + request.connect_timeout);
      auto opened = co_await connection->expect().wait(connected_by);
      if (!opened) co_return fail(Error::Kind::unavailable, "connecting to {}: no connection in time", to.to_string());
      if (!*opened) co_return fail(Error::Kind::unavailable, "{}", opened->error().text);
      if (is_secure) {
        connection->write(std::string(hello));
        auto greeted = co_await connection->expect().wait(connected_by);
        if (!greeted) co_return fail(Error::Kind::unavailable, "TLS with {}: no handshake in time", to.to_string());
        if (!*greeted) co_return fail(Error::Kind::unavailable, "{}", greeted->error().text);
      }
    }
    connection->write(bytes);
    const auto patience = request.read_timeout.count() > 0 ? loop_.now() + request.read_timeout : deadline;
    auto outcome = co_await connection->expect().wait(std::min(deadline, patience));
    if (!outcome) co_return fail(Error::Kind::timeout, "no answer from {} in time", to.to_string());
    if (!*outcome) {
      if (is_reused && connection->buffered() == 0) continue;
      co_return std::unexpected(Error{Error::Kind::unavailable, outcome->error().text});
    }
    const bool is_kept = header_of((*outcome)->headers, "Connection") != "close";
    if (is_kept) idle_[key].push_back(std::move(connection));
    co_return to_response(std::move(**outcome), request.body_limit);
  }
}

}  // namespace nearend::sim
