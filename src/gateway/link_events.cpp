#include "gateway/link_events.hpp"

#include "gateway/commands.hpp"
#include "gateway/endings.hpp"
#include "gateway/inbound.hpp"
#include "gateway/outbound.hpp"

namespace nearend::gateway {

void LinkEvents::on_dialog_event(sip::DialogId dialog, sip::DialogEvent event) {
  if (auto* invited = std::get_if<sip::event::Invited>(&event))
    return parts_.outbound->on_dial(dialog, std::move(*invited));
  Leg* leg = parts_.legs.by_link(dialog);
  if (leg != nullptr && !leg->is_over) return std::visit([&](auto& what) { on(*leg, what); }, event);
  if (std::holds_alternative<sip::event::Accepted>(event)) return parts_.link->end(dialog);
  if (const auto* requested = std::get_if<sip::event::Requested>(&event))
    (void)parts_.link->respond(requested->transaction, 481);
}

void LinkEvents::on(Leg& leg, sip::event::Progress& event) {
  parts_.inbound->on_router_progress(leg, event);
}

void LinkEvents::on(Leg& leg, sip::event::Accepted& event) {
  if (leg.dialogs.is_link_answered) return parts_.commands->on_reinvite_accepted(leg, event);
  parts_.inbound->on_router_accepted(leg, event);
}

void LinkEvents::on(Leg& leg, sip::event::Refused& event) {
  if (leg.dialogs.is_link_answered) return parts_.commands->on_reinvite_refused(leg, event);
  parts_.inbound->on_router_refused(leg, event);
}

void LinkEvents::on(Leg& leg, sip::event::NotAcknowledged&) {
  parts_.endings->router_lost(leg);
}

void LinkEvents::on(Leg& leg, sip::event::Cancelled&) {
  parts_.legs.bind_link(leg, sip::DialogId::none);
  parts_.endings->end(leg, {.status = 487, .text = "cancelled", .by = "router"});
}

void LinkEvents::on(Leg& leg, sip::event::Requested& event) {
  parts_.commands->on_requested(leg, event);
}

void LinkEvents::on(Leg& leg, sip::event::Responded& event) {
  parts_.commands->on_responded(leg, event);
}

void LinkEvents::on(Leg& leg, sip::event::Ended& event) {
  if (event.is_local) return parts_.endings->router_lost(leg);
  parts_.endings->router_ended(leg, event.reason);
}

void LinkEvents::on_request(sip::ServerTransactionId transaction, sip::Message request, const sip::Flow&) {
  int status = 405;
  if (request.method() == sip::Method::options) status = 200;
  if (request.method() == sip::Method::notify) status = parts_.commands->on_notice(request);
  (void)parts_.link->respond(transaction, status);
}

}  // namespace nearend::gateway
