#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "srtp/certificate.hpp"
#include "srtp/suite.hpp"

namespace nearend::srtp {

/// One DTLS association that agrees on the keys of SRTP (RFC 5764, 8842): datagrams in, datagrams out, a deadline. No
/// sockets, and no clock but the caller's. The far end's certificate must be the one that the description told, else
/// the handshake fails and no key comes of it. One thread.
class Dtls {
 public:
  enum class Role : uint8_t { client, server };  ///< client: a=setup:active
  enum class State : uint8_t { shaking, connected, failed, closed };
  using Datagram = std::vector<uint8_t>;
  using Instant = std::chrono::steady_clock::time_point;
  static constexpr size_t datagram_max = 1200;
  /// What was not answered is sent again after this, then after twice as long, and so on. RFC 6347 4.2.4.1 has a second
  /// first; but our first words often come before the far end has our answer, and somebody waits to be heard.
  static constexpr std::chrono::milliseconds again_first{100}, again_last{6400};
  static constexpr int again_max = 8;

  /// Errors: internal (OpenSSL). A client has its first datagrams ready at once.
  static Result<std::unique_ptr<Dtls>> make(std::shared_ptr<const Certificate> ours, Role role, Fingerprint theirs,
                                            Instant now);
  ~Dtls();
  Dtls(const Dtls&) = delete;

  void input(std::span<const uint8_t> datagram, Instant now);
  /// What is to be sent now, in order.
  std::vector<Datagram> take_output();
  /// When on_time() is to be called; nothing when nothing is awaited. Earlier calls do nothing.
  std::optional<Instant> deadline() const;
  void on_time(Instant now);
  /// Tells the far end that it is over.
  void close();

  State state() const { return state_; }
  /// Why it failed.
  const std::string& reason() const { return reason_; }
  /// Once connected: what we protect with and what the far end does.
  const std::optional<MasterKey>& send_key() const { return send_; }
  const std::optional<MasterKey>& receive_key() const { return receive_; }

  /// For Certificate: has every association of that context check whom it speaks to.
  static void require_fingerprint(ssl_ctx_st* context);

 private:
  struct Session;
  Dtls(std::unique_ptr<Session> session, Role role);
  void advance();
  void export_keys();
  void failed(std::string reason);

  std::unique_ptr<Session> session_;
  Role role_;
  State state_ = State::shaking;
  std::string reason_;
  std::optional<MasterKey> send_, receive_;
};

/// What shares a port with RTP (RFC 7983 7, by the first byte; RTP and RTCP by RFC 5761 4).
enum class Demultiplexed : uint8_t { stun, dtls, rtp, rtcp, other };
Demultiplexed demultiplex(std::span<const uint8_t> datagram);

}  // namespace nearend::srtp
