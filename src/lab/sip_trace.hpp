#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lab/capture.hpp"

namespace nearend::lab {

/// One SIP message that crossed the network, by UDP or TCP.
struct SipSeen {
  int64_t entered_ns = 0;  ///< Its first byte left the sender's site.
  int64_t left_ns = 0;     ///< Its last byte reached the receiver's site.
  SiteId from = 0;
  SiteId to = 0;
  Endpoint source;
  Endpoint target;
  bool is_tcp = false;
  bool has_arrived = true;
  std::string text;

  bool is_request() const { return !text.starts_with("SIP/2.0 "); }
  /// "INVITE", for a response the method of its CSeq.
  std::string_view method() const;
  /// 0 for a request.
  int status() const;
  /// The first value of a header (full name or compact form), or empty.
  std::string_view header(std::string_view name) const;
  std::string_view body() const;
  /// "INVITE" or "200 OK (INVITE)".
  std::string label() const;
};

/// All SIP messages of a capture in the order in which they were sent. Retransmitted TCP segments are counted once.
std::vector<SipSeen> sip_messages(const std::vector<Captured>& packets);

/// True when the packet carries (the beginning of) a SIP message that satisfies `match`; for Capture::wait.
using SipMatch = std::function<bool(const SipSeen&)>;
Capture::Match sip_where(SipMatch match);

}  // namespace nearend::lab
