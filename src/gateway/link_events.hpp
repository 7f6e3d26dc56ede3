#pragma once

#include "gateway/parts.hpp"

namespace nearend::gateway {

/// Takes what the stack says about dialogs with routers, and notices of other gateways, to the part that it concerns.
/// Gateway's loop only.
class LinkEvents final : public sip::Stack::Listener {
 public:
  explicit LinkEvents(Parts& parts) : parts_(parts) {}
  void on_dialog_event(sip::DialogId dialog, sip::DialogEvent event) override;
  void on_request(sip::ServerTransactionId transaction, sip::Message request, const sip::Flow& flow) override;

 private:
  void on(Leg& leg, sip::event::Progress& event);
  void on(Leg& leg, sip::event::Accepted& event);
  void on(Leg& leg, sip::event::Refused& event);
  void on(Leg& leg, sip::event::NotAcknowledged& event);
  void on(Leg& leg, sip::event::Cancelled& event);
  void on(Leg& leg, sip::event::Requested& event);
  void on(Leg& leg, sip::event::Responded& event);
  void on(Leg& leg, sip::event::Ended& event);
  void on(Leg&, sip::event::Acknowledged&) {}
  void on(Leg&, sip::event::Invited&) {}
  void on(Leg&, sip::event::Released&) {}

  Parts& parts_;
};

}  // namespace nearend::gateway
