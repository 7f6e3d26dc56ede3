#include "gateway/forwarding.hpp"

#include "gateway/endings.hpp"
#include "gateway/endpoints.hpp"
#include "gateway/outbound.hpp"
#include "gateway/pairing.hpp"

namespace nearend::gateway {

Leg* Forwarding::caller_of(const Leg& callee) {
  Leg* caller = parts_.legs.by_id(callee.parent);
  return caller == nullptr || caller->is_over ? nullptr : caller;
}

void Forwarding::start(Leg& caller, Order order) {
  Leg& callee = *parts_.legs.make(caller.call);
  callee.is_inbound = false;
  callee.is_forwarded = true;
  callee.parent = caller.id;
  callee.account = caller.account;
  callee.events_url = caller.events_url;
  callee.from = caller.from;
  callee.to = order.to;
  callee.attempt = std::make_unique<Attempt>(parts_.loop());
  parts_.ledger.begin(callee);
  parts_.ledger.start(callee);
  callee.scope.spawn(run(callee, std::move(order)));
}

Task<void> Forwarding::run(Leg& callee, Order order) {
  const Leg* caller = caller_of(callee);
  if (caller == nullptr) co_return;
  media::AllocateRequest wanted{.call = callee.call, .leg = callee.id, .streams = {}};
  for (const StreamAddress& stream : caller->media.addresses(media::Side::outer)) wanted.streams.push_back(stream.kind);
  wanted.lease = {};
  wanted.has_inner = false;
  wanted.wants = media_wants(parts_.settings, true);
  const auto allocated = co_await callee.media.allocate(std::move(wanted));
  if (callee.is_over) co_return;
  if (!allocated) co_return failed(callee, 503, "no media");
  parts_.legs.bind_anchor(callee, callee.media.anchor());
  parts_.endpoints->begin(callee);
  caller = caller_of(callee);
  if (caller == nullptr) co_return;
  Outbound::Order ring{.from_header = std::move(order.from_header), .passed_on = std::move(order.passed_on)};
  const bool is_address = order.to.starts_with("sip:") || order.to.starts_with("sips:");
  (is_address ? ring.uri : ring.number) = order.to;
  ring.model = caller->media.outer.theirs();
  ring.codecs = caller->media.outer.agreed_codecs();
  parts_.outbound->start_ring_timeout(callee, parts_.settings.ring_timeout);
  const auto outcome = co_await parts_.outbound->ring(callee, std::move(ring));
  if (callee.is_over || outcome.is_answered()) co_return;
  failed(callee, outcome.status, outcome.reason);
}

void Forwarding::failed(Leg& callee, int status, std::string_view reason) {
  const std::string text = reason.empty() ? "not reached" : std::string(reason);
  parts_.endings->endpoint_gone(callee,
                                {.status = status, .text = text, .by = "provider"});  // the caller's leg with it
}

void Forwarding::on_ringing(Leg& callee) {
  if (Leg* caller = caller_of(callee)) parts_.endpoints->ring(*caller);
}

void Forwarding::on_early_media(Leg& callee) {
  Leg* caller = caller_of(callee);
  if (caller == nullptr) return;
  parts_.pairing->join(callee, {.leg = caller->id});
  parts_.endpoints->early_media(*caller, &callee);
}

void Forwarding::on_answered(Leg& callee) {
  Leg* caller = caller_of(callee);
  if (caller == nullptr)
    return parts_.endings->end(callee, {.status = 200, .text = "the caller is gone", .by = "peer"});
  parts_.pairing->join(callee, {.leg = caller->id});
  parts_.ledger.answer(callee, {});
  parts_.endpoints->answer(*caller, &callee);
  callee.media.watch_silence(parts_.settings.rtp_timeout);
}

}  // namespace nearend::gateway
