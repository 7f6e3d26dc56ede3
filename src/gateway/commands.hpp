#pragma once

#include <string>

#include "gateway/parts.hpp"
#include "link/profile.hpp"

namespace nearend::gateway {

/// Does what routers ask on a leg's dialog and other gateways ask by NOTIFY (docs/sip-profile.md), and asks routers by
/// re-INVITE. Gateway's loop only.
class Commands {
 public:
  explicit Commands(Parts& parts) : parts_(parts) {}

  void on_requested(Leg& leg, const sip::event::Requested& event);
  /// A NOTIFY outside dialogs; gives the status to answer with.
  int on_notice(const sip::Message& message);
  /// `arm` and features that came with a response.
  void on_advance_orders(Leg& leg, const link::Headers& headers, std::string_view sdp);
  /// Joins as a 2xx with `bridge` says; false when it says nothing of the kind.
  bool bridge_by(Leg& leg, const link::Headers& headers);

  /// Takes the far end of the inner side over to the media node and goes there, or idles when it is inactive.
  void follow_inner(Leg& leg);
  /// Asks the router with our inner side: `anchor` or `hangup;target=peer`.
  void reinvite(Leg& leg, link::Item action);
  void on_reinvite_accepted(Leg& leg, const sip::event::Accepted& event);
  void on_reinvite_refused(Leg& leg, const sip::event::Refused& event);
  void on_responded(Leg& leg, const sip::event::Responded& event);
  /// What the endpoint said to the direct address that the router wanted it to have; false when none was out.
  bool on_direct_outcome(Leg& leg, int status, const sip::Body& body);

 private:
  void on_reinvite(Leg& leg, const link::Headers& headers, const sip::event::Requested& event);
  void on_info(Leg& leg, const link::Headers& headers, const sip::event::Requested& event);
  void on_arm(Leg& leg, const link::Item& item, const link::Headers& headers, const sip::event::Requested& event);
  void watch_star(Leg& leg, const link::Headers& headers);
  void on_outer(Leg& leg, const sip::event::Requested& event);
  void on_direct(Leg& leg, const sip::event::Requested& event);
  void leave_direct(Leg& leg);

  Parts& parts_;
};

}  // namespace nearend::gateway
