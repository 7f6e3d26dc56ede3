#include "gateway/outside_events.hpp"

#include "gateway/commands.hpp"
#include "gateway/endings.hpp"
#include "gateway/endpoints.hpp"
#include "gateway/inbound.hpp"
#include "gateway/outbound.hpp"

namespace nearend::gateway {

void OutsideEvents::on_dialog_event(sip::DialogId dialog, sip::DialogEvent event) {
  if (auto* invited = std::get_if<sip::event::Invited>(&event))
    return parts_.inbound->on_invited(dialog, std::move(*invited));
  Leg* leg = parts_.legs.by_outer(dialog);
  if (leg == nullptr || leg->is_over) return on_stray(dialog, event);
  std::visit([&](auto& what) { on(*leg, what); }, event);
}

/// A dialog whose leg is gone: what would open or hold it is ended.
void OutsideEvents::on_stray(sip::DialogId dialog, const sip::DialogEvent& event) {
  if (std::holds_alternative<sip::event::Accepted>(event)) return parts_.outside->end(dialog);
  if (const auto* ended = std::get_if<sip::event::Ended>(&event); ended && !ended->is_local)
    (void)parts_.outside->respond(ended->transaction, 200);
  if (const auto* requested = std::get_if<sip::event::Requested>(&event))
    (void)parts_.outside->respond(requested->transaction, 481);
}

void OutsideEvents::on(Leg& leg, sip::event::Progress& event) {
  parts_.outbound->on_progress(leg, event);
}

void OutsideEvents::on(Leg& leg, sip::event::Accepted& event) {
  if (!leg.dialogs.is_outer_answered) return parts_.outbound->on_accepted(leg, event);
  if (parts_.commands->on_direct_outcome(leg, 200, event.body)) return;
  parts_.endpoints->on_reoffer_accepted(leg, event);
}

void OutsideEvents::on(Leg& leg, sip::event::Refused& event) {
  if (!leg.dialogs.is_outer_answered) return parts_.outbound->on_refused(leg, event);
  (void)parts_.commands->on_direct_outcome(leg, event.status, {});
  parts_.endpoints->on_reoffer_refused(leg, event);
}

void OutsideEvents::on(Leg& leg, sip::event::Acknowledged& event) {
  parts_.endpoints->on_acknowledged(leg, event);
}

void OutsideEvents::on(Leg& leg, sip::event::NotAcknowledged&) {
  parts_.endings->endpoint_gone(leg, {.status = 408, .text = "no ACK", .by = "gateway"});
}

void OutsideEvents::on(Leg& leg, sip::event::Cancelled& event) {
  parts_.endings->endpoint_gone(leg, {.status = 487, .text = "cancelled", .more = event.reason});
}

void OutsideEvents::on(Leg& leg, sip::event::Requested& event) {
  parts_.endpoints->on_requested(leg, event);
}

void OutsideEvents::on(Leg& leg, sip::event::Ended& event) {
  if (event.is_local)
    return parts_.endings->endpoint_gone(leg, {.status = 408, .text = "session expired", .by = "gateway"});
  // The end is on disk before the BYE is answered (reliability: billing is written where it happens, first).
  parts_.endings->endpoint_gone(leg, {.more = event.reason},
                                [this, bye = event.transaction] { (void)parts_.outside->respond(bye, 200); });
}

void OutsideEvents::on_request(sip::ServerTransactionId transaction, sip::Message, const sip::Flow&) {
  (void)parts_.outside->respond(transaction, 405);  // OPTIONS are the stack's
}

}  // namespace nearend::gateway
