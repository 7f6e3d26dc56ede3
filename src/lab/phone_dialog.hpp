#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ip.hpp"
#include "lab/sip_trace.hpp"

namespace nearend::lab {

/// One dialog of a lab phone: what is needed to write its messages. Plain text in and out.
struct PhoneDialog {
  Endpoint local;
  Endpoint peer;  ///< Where messages go: who called, or the gateway that was called.
  std::string user;
  std::string call_id;
  std::string our_tag;
  std::string ours, theirs;  ///< From and To of our requests, with tags.
  std::string target;        ///< Request-URI of our next request.
  std::string invite_via;    ///< Branch of our INVITE, for its ACK.
  uint32_t cseq = 0;
  std::string invite;  ///< The INVITE that was received last; responses copy from it.

  /// A dialog that we begin.
  static PhoneDialog calling(const Endpoint& local, const std::string& user, const std::string& number,
                             const Endpoint& gateway, uint64_t random);
  /// A dialog that an INVITE begins.
  static PhoneDialog called(const Endpoint& local, const std::string& user, const SipSeen& invite,
                            const Endpoint& source, uint64_t random);

  std::string request(std::string_view method, std::string_view body = "");
  std::string ack(const SipSeen& response);
  std::string cancel() const;
  std::string response(const SipSeen& request, std::string_view status, std::string_view body = "") const;
  /// Learns the peer's tag and contact from a response to our INVITE.
  void learn(const SipSeen& response);
};

/// Where a session description wants the media of one kind; nothing when it is refused, inactive or has no address.
std::optional<Endpoint> media_target(std::string_view sdp, std::string_view kind);
/// "PCMU" and telephone events, and VP8 with a video port.
std::string phone_sdp(const IpAddress& address, uint16_t port, uint16_t video_port, uint32_t version);

}  // namespace nearend::lab
