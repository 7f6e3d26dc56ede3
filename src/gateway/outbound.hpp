#pragma once

#include <string>
#include <vector>

#include "gateway/parts.hpp"
#include "link/profile.hpp"

namespace nearend::gateway {

/// Legs that go out: what a router dials, and the second half of forwarded calls. Chooses the provider, goes on to the
/// next one when it fails, never once a phone has rung. Gateway's loop only.
class Outbound {
 public:
  /// Whom to ring and how.
  struct Order {
    std::string number;                           ///< E.164, or empty with `uri`.
    std::string uri;                              ///< A SIP address.
    std::string from_header;                      ///< name-addr; its host is replaced by ours.
    std::optional<sip::Credentials> credentials;  ///< Of the SIP address.
    sip::ExtraHeaders passed_on;
    std::string model;                   ///< The other leg's description: its lines are offered.
    std::vector<sdp::Codec> codecs;      ///< Best first; the other leg's.
    std::vector<std::string> providers;  ///< Proposed by the policy server, in this order.
    std::chrono::seconds timeout{30};
    std::chrono::seconds time_limit{14400};
  };

  explicit Outbound(Parts& parts) : parts_(parts) {}

  /// An INVITE of a router.
  void on_dial(sip::DialogId dialog, sip::event::Invited event);
  /// Tries provider after provider; the leg's media is there. Ends with the last outcome; the answer has been taken
  /// then.
  Task<AttemptOutcome> ring(Leg& leg, Order order);

  /// The leg is over before its call was answered: what its provider is owed is counted.
  void on_over(Leg& leg);
  void on_progress(Leg& leg, const sip::event::Progress& event);
  /// The endpoint's first packet has come: early media, where it has not answered.
  void on_first_audio(Leg& leg);
  void on_accepted(Leg& leg, const sip::event::Accepted& event);
  void on_refused(Leg& leg, const sip::event::Refused& event);
  void start_ring_timeout(Leg& leg, std::chrono::seconds timeout);
  void start_time_limit(Leg& leg, std::chrono::seconds limit);

 private:
  struct Dial {
    Order order;
    std::string offer;
    std::vector<media::StreamKind> streams;
    std::optional<link::Item> bridge;
  };
  struct Refusal {
    int status = 0;
    std::string reason;
  };
  std::expected<Dial, Refusal> dial_of(const link::Headers& headers, const sip::Message& request) const;
  Task<void> dial(Leg& leg, Dial dial);
  sip::InviteRequest request_for(Leg& leg, const Provider& provider, const Order& order);
  std::string caller_id(const Provider& provider, const std::string& from_header) const;
  Task<AttemptOutcome> try_provider(Leg& leg, size_t provider, const Order& order);
  void answered(Leg& leg, sip::ExtraHeaders passed_on);
  void count_rung(Leg& leg);
  void count(Leg& leg, bool is_failed);

  Parts& parts_;
};

/// True when another provider may do better.
bool is_provider_failure(const AttemptOutcome& outcome);

}  // namespace nearend::gateway
