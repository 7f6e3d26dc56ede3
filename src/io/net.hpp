#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.hpp"
#include "base/result.hpp"
#include "base/task.hpp"

namespace nearend::io {

using Bytes = std::span<const uint8_t>;

/// A bound UDP socket. Sending never blocks: what the kernel does not take is counted as dropped. Loop's thread only.
class UdpSocket {
 public:
  virtual ~UdpSocket() = default;
  virtual void send(const Endpoint& to, Bytes datagram) = 0;
  /// Told when the network says that a datagram to `to` could not be delivered (ICMP port or host unreachable). An
  /// implementation that cannot learn it never calls.
  virtual void set_unreachable_handler(std::move_only_function<void(const Endpoint& to)> /*on_unreachable*/) {}
  /// The address it is bound to, with the port the system chose if 0 was asked for.
  virtual Endpoint local() const = 0;
};

/// `datagram` is valid during the call only.
using DatagramHandler = std::move_only_function<void(const Endpoint& from, Bytes datagram)>;

/// How to speak TLS. For a server: certificate and key. For a client: what to trust and whom to expect.
struct TlsSettings {
  std::string certificate_file;  ///< PEM chain; also presented by a client when mutual TLS is asked for.
  std::string key_file;          ///< PEM.
  std::string
      trust_file;  ///< PEM of accepted roots; empty: the system's roots (client), no client certificate asked (server).
  std::string server_name;        ///< Client: name sent as SNI and checked in the certificate. Empty: not checked.
  bool is_peer_required = false;  ///< Server: refuse clients without a certificate that trust_file signs.
};

/// A connected byte stream, TCP or TLS. Its handlers run on the loop and may destroy the stream. Loop's thread only.
class Stream {
 public:
  struct Handlers {
    std::move_only_function<void()> on_open;  ///< Connected and, for TLS, shaken hands. Not called for accepted ones.
    std::move_only_function<void(std::string_view)> on_data;  ///< Bytes as they come; valid during the call only.
    std::move_only_function<void(const Error&)> on_close;     ///< Called once, whoever closed, unless we destroyed it.
    std::move_only_function<void()> on_drained = {};          ///< All that was written has been given to the system.
  };
  virtual ~Stream() = default;
  virtual void set_handlers(Handlers handlers) = 0;
  /// Queues bytes; before on_open too. Above the limit of unsent bytes (1 MiB) the stream is closed.
  virtual void write(std::string bytes) = 0;
  virtual void close() = 0;
  virtual Endpoint local() const = 0;
  virtual Endpoint peer() const = 0;
  virtual bool is_secure() const = 0;
  /// Subject names of the peer's verified certificate (TLS with a client certificate), otherwise empty.
  virtual std::vector<std::string> peer_names() const = 0;
};

/// A listening TCP or TLS socket; destroying it stops listening and leaves accepted streams alone.
class Listener {
 public:
  virtual ~Listener() = default;
  virtual Endpoint local() const = 0;
  /// Asked when somebody knocks, before a byte is said to him, a TLS handshake included; false closes his connection.
  /// An implementation that cannot ask so early never does.
  virtual void set_admission(std::move_only_function<bool(const IpAddress& from)> /*is_admitted*/) {}
};
/// The stream is given once it is open (for TLS: after the handshake, which has 5 s).
using AcceptHandler = std::move_only_function<void(std::unique_ptr<Stream>)>;

/// Sockets of one loop. Two implementations: Asio, and the simulator's network.
class Net {
 public:
  virtual ~Net() = default;
  virtual Result<std::unique_ptr<UdpSocket>> open_udp(const Endpoint& local, DatagramHandler on_datagram) = 0;
  virtual Result<std::unique_ptr<Listener>> listen(const Endpoint& local, const TlsSettings* tls,
                                                   AcceptHandler on_accept) = 0;
  /// Begins to connect (5 s at most for TCP and TLS together); failure arrives as on_close.
  virtual std::unique_ptr<Stream> connect(const Endpoint& to, const TlsSettings* tls, Stream::Handlers handlers) = 0;
};

/// One answer of the domain name system. Which fields count depends on the type that was asked for.
struct DnsRecord {
  enum class Type { a, aaaa, srv, naptr };
  Type type = Type::a;
  uint32_t ttl_s = 0;
  IpAddress address;      ///< A, AAAA
  uint16_t priority = 0;  ///< SRV; NAPTR order
  uint16_t weight = 0;    ///< SRV; NAPTR preference
  uint16_t port = 0;      ///< SRV
  std::string target;     ///< SRV target; NAPTR replacement
  std::string flags;      ///< NAPTR
  std::string service;    ///< NAPTR, for example "SIP+D2U"
};

/// Asks the domain name system without blocking. An empty answer is a name that exists without such records;
/// Error::Kind::not_found is a name that does not exist.
class Dns {
 public:
  virtual ~Dns() = default;
  virtual Task<Result<std::vector<DnsRecord>>> query(std::string name, DnsRecord::Type type) = 0;
};

/// All that a role reaches the world through; passed in, never global.
class Loop;
struct World {
  Loop& loop;
  Net& net;
  Dns& dns;
};

}  // namespace nearend::io
