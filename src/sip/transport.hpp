#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.hpp"
#include "base/result.hpp"
#include "io/net.hpp"

namespace nearend::sip {

/// How bytes travel. WebSocket and secure WebSocket (RFC 7118) are to join as two more values and one more carrier.
enum class Protocol : uint8_t { udp, tcp, tls };
std::string_view to_string(Protocol protocol);  ///< "UDP", as in Via.
inline bool is_reliable(Protocol protocol) {
  return protocol != Protocol::udp;
}

/// Where a message came from, and so where its responses go (RFC 3261 18.2.2, RFC 3581).
struct Flow {
  Protocol protocol = Protocol::udp;
  Endpoint peer;
  Endpoint local;
  uint64_t connection = 0;   ///< TCP and TLS: which connection; 0 for UDP.
  uint32_t listener = 0;     ///< Which of Transport::listen's listeners (its tag).
  bool is_for_size = false;  ///< From open(): a connection only because the message is too large for a datagram.
  bool is_stranger = false;  ///< Not admitted: only what Listen::answers_probes lets him ask comes from there.
};

/// One place to send a request to: the outcome of RFC 3263 for a URI.
struct Target {
  Protocol protocol = Protocol::udp;
  Endpoint address;
  std::string server_name;  ///< TLS: the name to expect in the certificate.
  uint32_t listener = 0;    ///< Send from this listener's socket (UDP) or with its TLS settings; 0: any that fits.
};

/// Moves SIP messages as bytes: UDP datagrams, and TCP and TLS streams cut into messages by Content-Length (RFC
/// 3261 18.3). Keeps connections for reuse, answers CR LF keep-alives (RFC 5626 3.5.1), counts and limits connections
/// (threat TH8: per source and in all, 10 s for a message to complete once begun). Answers STUN Binding requests that
/// come over UDP between the messages (RFC 5626 8). Loop's thread only.
class Transport {
 public:
  struct Listen {
    Protocol protocol = Protocol::udp;
    Endpoint local;
    const io::TlsSettings* tls = nullptr;
    uint32_t tag = 1;  ///< Comes back as Flow::listener; not 0.
    /// Asked before a byte is parsed: false drops the datagram or closes the connection silently (threat TH12).
    std::function<bool(const IpAddress&)> is_admitted;
    std::string advertised_host;  ///< Host for Via and Contact when it differs from the bound address.
    /// Who is not admitted may send Binding requests over UDP, and OPTIONS: these are handed on with Flow::is_stranger.
    bool answers_probes = false;
    /// Asked before a stranger's Binding request is answered: false while calls should rather go elsewhere.
    std::function<bool()> is_open;
  };
  struct Limits {
    size_t connections_max = 10'000;
    size_t connections_per_source_max = 200;
    size_t message_max = 65'535;
    std::chrono::milliseconds message_deadline{10'000};
    std::chrono::seconds idle_close{300};
    double probes_per_network_most = 200;  ///< Answered a second, of a /24 or a /56; Binding requests of anybody.
    double probes_most = 5'000;            ///< And of all strangers together.
    size_t stranger_connections_max = 64;  ///< The oldest goes when one more comes.
    double stranger_connections_per_second = 50;
  };
  /// `message` is one whole message as received; valid during the call.
  using MessageHandler = std::move_only_function<void(const Flow& flow, std::string_view message)>;
  /// A send that could not be done: connection refused, reset, timed out, TLS failure.
  using FailureHandler = std::move_only_function<void(const Flow& flow, const Error& error)>;

  Transport(io::Loop& loop, io::Net& net, Limits limits);
  ~Transport();

  /// Starts a listener; gives the address bound.
  Result<Endpoint> listen(Listen settings);
  void set_handlers(MessageHandler on_message, FailureHandler on_failure);

  /// Sends on an existing flow (responses, requests to a connected peer); a lost connection is reopened to the peer.
  void send(const Flow& flow, std::string message);
  /// The flow that a request to `target` will use, connecting if need be; queued until connected. UDP messages above
  /// 1,300 bytes go by TCP where a TCP listener exists (RFC 3261 18.1.1).
  Result<Flow> open(const Target& target, size_t message_size);
  /// "host:port" for Via and Contact of messages that leave on this flow.
  std::string advertised(const Flow& flow) const;
  size_t connections() const;
  /// True while a request can be sent on this very flow: always for UDP, for streams until the connection is gone.
  bool is_alive(const Flow& flow) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace nearend::sip
