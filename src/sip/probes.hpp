#pragma once

#include <optional>
#include <string_view>

#include "io/answer_rate.hpp"
#include "sip/stun.hpp"
#include "sip/transport.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::sip {

/// What is answered to anybody who looks for a gateway near to him: Binding requests and OPTIONS, so many a second to a
/// network and to all. Nothing else is kept of who asks. Loop's thread only.
class Probes {
 public:
  Probes(io::Loop& loop, const Transport::Limits& limits) : loop_(loop), limits_(limits) {}

  /// Nothing where the request deserves no answer, or not now. Who is known only has to share with his network.
  std::optional<stun::Answer> answer_stun(io::Bytes request, const Endpoint& from, bool is_known);
  /// Whether a stranger's message is an OPTIONS that may be looked at.
  bool takes_options(std::string_view text, const IpAddress& from);
  /// Whether a stranger's connection is taken, before anything is said on it.
  bool may_connect(const IpAddress& from);
  /// What a stranger's connection may hold and how long.
  static Transport::Limits limits_of_strangers(Transport::Limits limits);

 private:
  bool allows(const IpAddress& from, bool is_known);

  io::Loop& loop_;
  const Transport::Limits limits_;
  std::optional<io::AnswerRate> networks_;  // since somebody has asked
  io::Allowance all_, connections_;
  telemetry::Counter& stun_ = telemetry::counter("sip_probes_total", "kind=\"stun\"");
  telemetry::Counter& options_ = telemetry::counter("sip_probes_total", "kind=\"options\"");
  telemetry::Counter& limited_ = telemetry::counter("sip_dropped_total", "reason=\"too many probes\"");
};

}  // namespace nearend::sip
