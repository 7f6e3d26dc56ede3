#include "io/asio_stream.hpp"

#include <openssl/ssl.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <cstring>

#include "io/socket_address.hpp"
#include "io/tls_context.hpp"

namespace nearend::io {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using TcpSocket = asio::ip::tcp::socket;
using TlsSocket = asio::ssl::stream<TcpSocket>;

constexpr size_t read_bytes = 8192;
constexpr size_t handshakes_max = 1000;

asio::ip::tcp::endpoint to_asio(const Endpoint& endpoint) {
  const SocketAddress address(endpoint);
  asio::ip::tcp::endpoint made;
  std::memcpy(made.data(), address.data(), address.size);
  made.resize(address.size);
  return made;
}

Endpoint from_asio(const asio::ip::tcp::endpoint& endpoint) {
  return endpoint_of(*endpoint.data());
}

Error to_error(const error_code& code, std::string_view doing) {
  const auto kind = code == asio::error::timed_out ? Error::Kind::timeout : Error::Kind::unavailable;
  return {kind, fmt::format("{}: {}", doing, code == asio::error::eof ? "closed by the peer" : code.message())};
}

/// One connection's life: connecting (or shaking hands), open, draining what was written, closed. It keeps itself alive
/// by its pending operations and outlives its AsioStream until they have ended.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  explicit Connection(AsioLoop& loop) : loop_(loop), deadline_(loop) {}
  virtual ~Connection() = default;

  void start_connecting(const Endpoint& to, Stream::Handlers handlers) {
    peer_ = to;
    handlers_ = std::move(handlers);
    deadline_.start(open_deadline, [this] {
      finish({Error::Kind::timeout, fmt::format("connecting to {}: no connection in 5 s", peer_.to_string())});
    });
    tcp().async_connect(to_asio(to), [this, self = shared_from_this()](error_code code) {
      if (phase_ != Phase::opening) return;
      if (code) return finish(to_error(code, "connecting to " + peer_.to_string()));
      tune();
      shake_hands(TlsRole::client);
    });
  }

  /// An accepted socket; `ready` is called once it is open, or with false when it failed.
  void start_accepted(std::move_only_function<void(bool is_open)> ready) {
    on_ready_ = std::move(ready);
    tune();
    deadline_.start(open_deadline, [this] { finish({Error::Kind::timeout, "TLS: no handshake in 5 s"}); });
    shake_hands(TlsRole::server);
  }

  void fail_soon(Error error) {
    loop_.post([self = shared_from_this(), error = std::move(error)]() mutable { self->finish(std::move(error)); });
  }

  void set_handlers(Stream::Handlers handlers) {
    if (depth_ > 0)
      next_handlers_ = std::move(handlers);
    else
      handlers_ = std::move(handlers);
    keep_reading();
  }

  void write(std::string bytes) {
    if (phase_ == Phase::closed || phase_ == Phase::draining || bytes.empty()) return;
    if (waiting_.size() + leaving_.size() + bytes.size() > unsent_max)
      return fail_soon({Error::Kind::unavailable, "the peer does not read: 1 MiB is waiting to be sent"});
    if (waiting_.empty())
      waiting_ = std::move(bytes);
    else
      waiting_ += bytes;
    if (phase_ == Phase::open) write_on();
  }

  void close() {
    if (phase_ == Phase::opening) return fail_soon({Error::Kind::unavailable, "closed before it was open"});
    if (phase_ != Phase::open) return;
    drain();
    report_close({Error::Kind::unavailable, "closed by us"});
  }

  /// The stream is gone: nobody is told anything more; what was written may still leave.
  void abandon() {
    is_abandoned_ = true;
    if (depth_ == 0) drop_handlers();
    if (phase_ == Phase::opening) finish({});
    if (phase_ == Phase::open) drain();
  }

  Endpoint local() {
    error_code code;
    const auto endpoint = tcp().local_endpoint(code);
    return code ? Endpoint{} : from_asio(endpoint);
  }
  Endpoint peer() const { return peer_; }
  void set_peer(const Endpoint& peer) { peer_ = peer; }
  virtual TcpSocket& tcp() = 0;
  virtual SSL* ssl() { return nullptr; }

 protected:
  enum class Phase { opening, open, draining, closed };

  virtual void shake_hands(TlsRole role) = 0;
  virtual void begin_read() = 0;
  virtual void begin_write() = 0;
  virtual void begin_goodbye() = 0;

  void opened() {
    if (phase_ != Phase::opening) return;
    phase_ = Phase::open;
    deadline_.stop();
    if (on_ready_) {
      std::exchange(on_ready_, nullptr)(true);
    } else {
      call_handler([this] {
        if (handlers_.on_open) handlers_.on_open();
      });
      keep_reading();
    }
    if (phase_ == Phase::open) write_on();
  }

  void read_done(error_code code, size_t size) {
    is_reading_ = false;
    if (phase_ == Phase::closed) return;
    if (code && phase_ == Phase::draining) return shut();
    if (code) return finish(to_error(code, "connection to " + peer_.to_string()));
    if (phase_ == Phase::open)
      call_handler([&] {
        if (handlers_.on_data) handlers_.on_data({read_.data(), size});
      });
    keep_reading();
  }

  void write_done(error_code code) {
    leaving_.clear();
    if (phase_ == Phase::closed) return;
    if (code) return finish(to_error(code, "connection to " + peer_.to_string()));
    write_on();
    if (!leaving_.empty() || phase_ != Phase::open) return;
    call_handler([this] {
      if (handlers_.on_drained) handlers_.on_drained();
    });
    keep_reading();
  }

  void goodbye_done() { shut(); }

  /// Ends it at once and tells the owner.
  void finish(Error error) {
    if (phase_ == Phase::closed) return;
    const auto self = shared_from_this();
    shut();
    if (on_ready_) return std::exchange(on_ready_, nullptr)(false);
    report_close(std::move(error));
  }

  Error handshake_error(error_code code) {
    const long verdict = SSL_get_verify_result(ssl());
    return {Error::Kind::refused,
            fmt::format("TLS with {}: {}", peer_.to_string(),
                        verdict == X509_V_OK ? code.message() : X509_verify_cert_error_string(verdict))};
  }

  AsioLoop& loop_;
  std::array<char, read_bytes> read_;
  std::string leaving_;  ///< Given to the system and not yet taken.

 private:
  void tune() {
    error_code ignored;
    tcp().set_option(asio::ip::tcp::no_delay(true), ignored);
    tcp().set_option(asio::socket_base::keep_alive(true), ignored);
  }

  /// Not while a handler looks at the bytes read before.
  void keep_reading() {
    if (is_reading_ || depth_ > 0 || (phase_ != Phase::open && phase_ != Phase::draining)) return;
    is_reading_ = true;
    begin_read();
  }

  void write_on() {
    if (!leaving_.empty()) return;
    if (!waiting_.empty()) {
      leaving_ = std::exchange(waiting_, {});
      begin_write();
    } else if (phase_ == Phase::draining && !std::exchange(is_goodbye_said_, true)) {
      begin_goodbye();
    }
  }

  /// Sends what waits, says goodbye and reads to the peer's end, so that no reset overtakes our last bytes.
  void drain() {
    phase_ = Phase::draining;
    deadline_.start(drain_deadline, [this] { shut(); });
    write_on();
    keep_reading();
  }

  void shut() {
    phase_ = Phase::closed;
    deadline_.stop();
    error_code ignored;
    tcp().close(ignored);
  }

  void report_close(Error error) {
    if (is_abandoned_ || std::exchange(is_close_reported_, true)) return;
    loop_.post([self = shared_from_this(), error = std::move(error)] {
      if (self->is_abandoned_) return;
      self->call_handler([&] {
        if (self->handlers_.on_close) self->handlers_.on_close(error);
      });
    });
  }

  /// Handlers may replace themselves and destroy the stream: what runs is released only when it has returned.
  template <class Call>
  void call_handler(Call call) {
    const auto self = shared_from_this();
    ++depth_;
    call();
    if (--depth_ > 0) return;
    if (is_abandoned_) return drop_handlers();
    if (next_handlers_) handlers_ = std::move(*std::exchange(next_handlers_, std::nullopt));
  }

  void drop_handlers() {
    const Stream::Handlers dropped = std::exchange(handlers_, {});
    const auto also_dropped = std::exchange(next_handlers_, std::nullopt);
  }

  Phase phase_ = Phase::opening;
  Timer deadline_;
  Endpoint peer_;
  Stream::Handlers handlers_;
  std::optional<Stream::Handlers> next_handlers_;
  std::move_only_function<void(bool)> on_ready_;
  std::string waiting_;
  int depth_ = 0;
  bool is_reading_ = false;
  bool is_abandoned_ = false;
  bool is_close_reported_ = false;
  bool is_goodbye_said_ = false;
};

class PlainConnection final : public Connection {
 public:
  PlainConnection(AsioLoop& loop, TcpSocket socket) : Connection(loop), socket_(std::move(socket)) {}
  TcpSocket& tcp() override { return socket_; }

 private:
  void shake_hands(TlsRole) override { opened(); }
  void begin_read() override {
    socket_.async_read_some(asio::buffer(read_),
                            [this, self = shared_from_this()](error_code code, size_t size) { read_done(code, size); });
  }
  void begin_write() override {
    asio::async_write(socket_, asio::buffer(leaving_),
                      [this, self = shared_from_this()](error_code code, size_t) { write_done(code); });
  }
  void begin_goodbye() override {
    error_code ignored;
    socket_.shutdown(TcpSocket::shutdown_send, ignored);
  }
  TcpSocket socket_;
};

class TlsConnection final : public Connection {
 public:
  TlsConnection(AsioLoop& loop, TcpSocket socket, SSL* ssl) : Connection(loop), socket_(std::move(socket), ssl) {}
  TcpSocket& tcp() override { return socket_.next_layer(); }
  SSL* ssl() override { return socket_.native_handle(); }

 private:
  void shake_hands(TlsRole role) override {
    const auto side = role == TlsRole::client ? asio::ssl::stream_base::client : asio::ssl::stream_base::server;
    socket_.async_handshake(side, [this, self = shared_from_this()](error_code code) {
      if (code) return finish(handshake_error(code));
      opened();
    });
  }
  void begin_read() override {
    socket_.async_read_some(asio::buffer(read_),
                            [this, self = shared_from_this()](error_code code, size_t size) { read_done(code, size); });
  }
  void begin_write() override {
    asio::async_write(socket_, asio::buffer(leaving_),
                      [this, self = shared_from_this()](error_code code, size_t) { write_done(code); });
  }
  void begin_goodbye() override {
    socket_.async_shutdown([this, self = shared_from_this()](error_code) { goodbye_done(); });
  }
  TlsSocket socket_;
};

class AsioStream final : public Stream {
 public:
  explicit AsioStream(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}
  ~AsioStream() override { connection_->abandon(); }
  void set_handlers(Handlers handlers) override { connection_->set_handlers(std::move(handlers)); }
  void write(std::string bytes) override { connection_->write(std::move(bytes)); }
  void close() override { connection_->close(); }
  Endpoint local() const override { return connection_->local(); }
  Endpoint peer() const override { return connection_->peer(); }
  bool is_secure() const override { return connection_->ssl() != nullptr; }
  std::vector<std::string> peer_names() const override {
    return is_secure() ? verified_peer_names(*connection_->ssl()) : std::vector<std::string>{};
  }

 private:
  std::shared_ptr<Connection> connection_;  // Also held by the operations it has pending.
};

Result<std::shared_ptr<Connection>> make_connection(AsioLoop& loop, TcpSocket socket, TlsRole role, SSL_CTX* tls,
                                                    const std::string& server_name) {
  if (!tls) return std::make_shared<PlainConnection>(loop, std::move(socket));
  auto ssl = make_ssl(*tls, role, server_name);
  if (!ssl) return pass(ssl);
  return std::make_shared<TlsConnection>(loop, std::move(socket), *ssl);
}

/// What a listener and its pending accept share.
class Acceptor : public std::enable_shared_from_this<Acceptor> {
 public:
  Acceptor(AsioLoop& loop, std::shared_ptr<SSL_CTX> tls, AcceptHandler on_accept)
      : loop_(loop), tls_(std::move(tls)), on_accept_(std::move(on_accept)), acceptor_(loop.context()), pause_(loop) {}

  error_code open(const Endpoint& local) {
    const auto endpoint = to_asio(local);
    error_code code;
    acceptor_.open(endpoint.protocol(), code);
    if (!code && local.address.is_v6()) acceptor_.set_option(asio::ip::v6_only(true), code);
    if (!code) acceptor_.set_option(asio::socket_base::reuse_address(true), code);
    if (!code) acceptor_.bind(endpoint, code);
    if (!code) acceptor_.listen(1024, code);
    if (!code) accept();
    return code;
  }
  void stop() {
    is_open_ = false;
    pause_.stop();
    error_code ignored;
    acceptor_.close(ignored);
  }
  Endpoint local() const {
    error_code code;
    const auto endpoint = acceptor_.local_endpoint(code);
    return code ? Endpoint{} : from_asio(endpoint);
  }
  void set_admission(std::move_only_function<bool(const IpAddress&)> is_admitted) {
    is_admitted_ = std::move(is_admitted);
  }

 private:
  void accept() {
    acceptor_.async_accept([this, self = shared_from_this()](error_code code, TcpSocket socket) {
      if (!is_open_) return;
      // Out of descriptors: the connection waits in the kernel's queue until some are free again.
      if (code) return pause_.start(std::chrono::milliseconds(100), [this] { accept(); });
      welcome(std::move(socket));
      if (is_open_) accept();
    });
  }

  void welcome(TcpSocket socket) {
    error_code code;
    const auto peer = socket.remote_endpoint(code);
    if (code || (is_admitted_ && !is_admitted_(from_asio(peer).address)) || handshakes_ >= handshakes_max) return;
    auto made = make_connection(loop_, std::move(socket), TlsRole::server, tls_.get(), {});
    if (!made) return;
    std::shared_ptr<Connection> connection = *made;
    connection->set_peer(from_asio(peer));
    ++handshakes_;
    connection->start_accepted([self = shared_from_this(), weak = std::weak_ptr(connection)](bool is_open) {
      --self->handshakes_;
      const auto opened = weak.lock();
      if (is_open && self->is_open_)
        self->on_accept_(std::make_unique<AsioStream>(opened));
      else
        opened->close();
    });
  }

  AsioLoop& loop_;
  std::shared_ptr<SSL_CTX> tls_;
  AcceptHandler on_accept_;
  std::move_only_function<bool(const IpAddress&)> is_admitted_;
  asio::ip::tcp::acceptor acceptor_;
  Timer pause_;
  size_t handshakes_ = 0;
  bool is_open_ = true;
};

class AsioListener final : public Listener {
 public:
  explicit AsioListener(std::shared_ptr<Acceptor> acceptor) : acceptor_(std::move(acceptor)) {}
  ~AsioListener() override { acceptor_->stop(); }
  Endpoint local() const override { return acceptor_->local(); }
  void set_admission(std::move_only_function<bool(const IpAddress&)> is_admitted) override {
    acceptor_->set_admission(std::move(is_admitted));
  }

 private:
  std::shared_ptr<Acceptor> acceptor_;  // Also held by its pending accept and by handshakes.
};

}  // namespace

std::unique_ptr<Stream> connect_stream(AsioLoop& loop, const Endpoint& to, std::shared_ptr<ssl_ctx_st> tls,
                                       const std::string& server_name, std::optional<Error> failed,
                                       Stream::Handlers handlers) {
  TcpSocket socket(loop.context());
  auto made = make_connection(loop, std::move(socket), TlsRole::client, tls.get(), server_name);
  if (!made && !failed) failed = made.error();
  std::shared_ptr<Connection> connection =
      made ? *made : std::make_shared<PlainConnection>(loop, TcpSocket(loop.context()));
  if (failed) {
    connection->set_peer(to);
    connection->set_handlers(std::move(handlers));
    connection->fail_soon(std::move(*failed));
  } else {
    connection->start_connecting(to, std::move(handlers));
  }
  return std::make_unique<AsioStream>(std::move(connection));
}

Result<std::unique_ptr<Listener>> listen_for_streams(AsioLoop& loop, const Endpoint& local,
                                                     std::shared_ptr<ssl_ctx_st> tls, AcceptHandler on_accept) {
  auto acceptor = std::make_shared<Acceptor>(loop, std::move(tls), std::move(on_accept));
  if (const error_code code = acceptor->open(local))
    return fail(Error::Kind::unavailable, "listening on TCP {}: {}", local.to_string(), code.message());
  return std::make_unique<AsioListener>(std::move(acceptor));
}

}  // namespace nearend::io
