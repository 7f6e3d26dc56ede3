#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "io/answer_rate.hpp"
#include "io/loop.hpp"
#include "io/net.hpp"
#include "policy_server/dns_responder.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::policy_server {

/// The platform's name server: UDP and TCP (RFC 7766) around dns::Responder. Loop's thread; what it is given must
/// outlive it.
class DnsServer {
 public:
  DnsServer(io::Loop& loop, io::Net& net, DnsSettings settings, const policy::Advisor& advisor);

  /// Does nothing where `listen` is left out. Errors: it cannot be listened there.
  Result<void> start();
  /// After a start with `listen`.
  Endpoint local() const { return udp_->local(); }

 private:
  struct Connection {
    explicit Connection(io::Loop& loop) : idle(loop) {}
    std::unique_ptr<io::Stream> stream;
    std::string unread;
    io::Timer idle;
  };
  void take_datagram(const Endpoint& from, io::Bytes message);
  void take_stream(std::unique_ptr<io::Stream> stream);
  void take_bytes(uint64_t id, std::string_view bytes);
  std::optional<std::vector<uint8_t>> answer(io::Bytes message, const IpAddress& from, bool is_udp);
  void count(const dns::Answered& answered);

  io::Loop& loop_;
  io::Net& net_;
  DnsSettings settings_;
  const policy::Advisor& advisor_;
  std::optional<dns::Responder> responder_;  // while it listens
  io::AnswerRate udp_rate_, tcp_rate_;
  uint64_t limited_seen_ = 0;
  std::map<std::pair<dns::Type, dns::Code>, telemetry::Counter*> counters_;
  telemetry::Counter &truncated_, &dropped_;
  std::map<uint64_t, Connection> connections_;
  uint64_t last_connection_ = 0;
  std::unique_ptr<io::UdpSocket> udp_;
  std::unique_ptr<io::Listener> tcp_;
};

}  // namespace nearend::policy_server
