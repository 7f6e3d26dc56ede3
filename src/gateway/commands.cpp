#include "gateway/commands.hpp"

#include "base/json.hpp"
#include "gateway/endings.hpp"
#include "gateway/endpoints.hpp"
#include "gateway/link_end.hpp"
#include "gateway/local_verbs.hpp"
#include "gateway/pairing.hpp"
#include "telemetry/log.hpp"

namespace nearend::gateway {

namespace {

sip::Body sdp_body(std::string sdp) {
  return {.type = "application/sdp", .content = std::move(sdp)};
}

const SourcePolicy peers_policy{.is_loopback_allowed = true};

}  // namespace

void Commands::on_requested(Leg& leg, const sip::event::Requested& event) {
  const auto headers = parts_.link_end->read(event.request);
  if (!headers) return parts_.link_end->respond(leg, event, headers.error().status, {}, headers.error().reason);
  parts_.endings->router_heard(leg);
  leg.way.router_region = headers->region.path;
  switch (event.method) {
    case sip::Method::invite:
    case sip::Method::update:
      return on_reinvite(leg, *headers, event);
    case sip::Method::info:
      return on_info(leg, *headers, event);
    case sip::Method::options:
      return parts_.link_end->respond(leg, event, 200);
    default:
      return parts_.link_end->respond(leg, event, 405);
  }
}

void Commands::on_reinvite(Leg& leg, const link::Headers& headers, const sip::event::Requested& event) {
  if (!event.body.is_sdp()) return parts_.link_end->respond(leg, event, 488, {}, "an offer is needed");
  if (headers.action("direct") != nullptr) return on_direct(leg, event);
  auto answer = leg.media.inner.answer(event.body.content);
  if (!answer) {
    const int status = answer.error().kind == Error::Kind::malformed ? 400 : 488;
    return parts_.link_end->respond(leg, event, status, {}, answer.error().text);
  }
  watch_star(leg, headers);
  leg.orders.is_overtaken = leg.orders.is_reanchor_out || leg.orders.is_star_out;
  leave_direct(leg);
  if (const link::Item* bridge = headers.action("bridge")) {
    const auto place = parts_.pairing->place_of(*bridge);
    if (place.gateway.empty() && parts_.legs.by_id(place.leg) == nullptr)
      return parts_.link_end->respond(leg, event, 481, {}, "no such peer");
    if (!place.gateway.empty()) leg.media.set_remotes(media::Side::inner, leg.media.inner.remotes(peers_policy));
    parts_.pairing->join(leg, place);
  } else if (headers.action("release") != nullptr) {
    parts_.pairing->part(leg);
    leg.media.connect({.kind = media::Path::Kind::idle});
  } else {
    parts_.pairing->part(leg);
    follow_inner(leg);
  }
  parts_.link_end->respond(leg, event, 200, sdp_body(std::move(*answer)));
}

void Commands::follow_inner(Leg& leg) {
  parts_.verbs->stop_ring(leg);
  if (leg.media.inner.is_inactive()) return leg.media.connect({.kind = media::Path::Kind::idle});
  leg.media.set_remotes(media::Side::inner, leg.media.inner.remotes(peers_policy));
  leg.media.connect({.kind = media::Path::Kind::inner});
}

void Commands::on_info(Leg& leg, const link::Headers& headers, const sip::event::Requested& event) {
  if (headers.actions.size() != 1) return parts_.link_end->respond(leg, event, 400, {}, "exactly one Action is needed");
  const link::Item& item = headers.actions.front();
  if (item.name == "arm") return on_arm(leg, item, headers, event);
  if (item.name == "outer") return on_outer(leg, event);
  if (item.name == "continuation") return parts_.verbs->on_continuation(leg, event);
  if (item.name == "ring") return parts_.verbs->on_ring(leg, item, event);
  if (item.name == "play" || item.name == "gather" || item.name == "record" || item.name == "stop")
    return parts_.verbs->on_job(leg, item, event);
  parts_.link_end->respond(leg, event, 501, {}, "an unknown Action");
}

/// The latest order about the star counts.
void Commands::watch_star(Leg& leg, const link::Headers& headers) {
  leg.orders.is_star_watched = headers.feature("hangup-on-star") != nullptr;
}

void Commands::on_arm(Leg& leg, const link::Item& item, const link::Headers& headers,
                      const sip::event::Requested& event) {
  watch_star(leg, headers);
  const auto armed = parts_.pairing->arm_caller(leg, parts_.pairing->place_of(item), event.body.content);
  if (!armed) return parts_.link_end->respond(leg, event, 488, {}, armed.error().text);
  parts_.link_end->respond(leg, event, 200);
}

void Commands::on_advance_orders(Leg& leg, const link::Headers& headers, std::string_view sdp) {
  const link::Item* arm = headers.action("arm");
  if (arm == nullptr) return;
  watch_star(leg, headers);
  const auto armed = parts_.pairing->arm_caller(leg, parts_.pairing->place_of(*arm), sdp);
  if (!armed) telemetry::warn("arming refused", {{"leg", leg.id}, {"error", armed.error().text}});
}

bool Commands::bridge_by(Leg& leg, const link::Headers& headers) {
  const link::Item* bridge = headers.action("bridge");
  if (bridge == nullptr) return false;
  watch_star(leg, headers);
  const auto place = parts_.pairing->place_of(*bridge);
  if (leg.joint.state == Joint::State::open && leg.joint.peer == place.leg) return true;
  if (!place.gateway.empty()) leg.media.set_remotes(media::Side::inner, leg.media.inner.remotes(peers_policy));
  parts_.pairing->join(leg, place);
  return true;
}

void Commands::reinvite(Leg& leg, link::Item action) {
  leg.orders.is_reanchor_out = action.name == "anchor";
  leg.orders.is_overtaken = false;
  std::string offer = leg.media.inner.offer();
  if (!parts_.link_end->reinvite(leg, std::move(action), std::move(offer))) leg.orders.is_reanchor_out = false;
}

void Commands::on_reinvite_accepted(Leg& leg, const sip::event::Accepted& event) {
  parts_.endings->router_heard(leg);
  if (std::exchange(leg.dialogs.is_link_address_out, false)) return parts_.pairing->settle_address(leg);
  const bool is_overtaken = std::exchange(leg.orders.is_overtaken, false);
  leg.orders.is_reanchor_out = false;
  leg.orders.is_star_out = false;
  parts_.pairing->settle_address(leg);
  if (is_overtaken || !leg.media.inner.is_offer_out()) return;
  const auto accepted = leg.media.inner.accept(event.body.content);
  if (!accepted) {
    telemetry::warn("router's answer not understood", {{"leg", leg.id}, {"error", accepted.error().text}});
    return;
  }
  if (const auto headers = parts_.link_end->read(event.response); headers && bridge_by(leg, *headers)) return;
  if (leg.joint.state == Joint::State::open) parts_.pairing->part(leg);
  follow_inner(leg);
}

void Commands::on_reinvite_refused(Leg& leg, const sip::event::Refused& event) {
  if (std::exchange(leg.dialogs.is_link_address_out, false)) {
    if (event.is_dialog_over) return parts_.endings->router_lost(leg);
    // The router's own request, which stands, brings it our address with the answer.
    if (!event.is_local) parts_.endings->router_heard(leg);
    return parts_.pairing->settle_address(leg);
  }
  const bool is_star_out = std::exchange(leg.orders.is_star_out, false);
  leg.orders.is_reanchor_out = false;
  leg.orders.is_overtaken = false;
  if (!event.is_local) parts_.endings->router_heard(leg);
  // It met the router's own, which stands and says where the media goes; the star has still to be said.
  constexpr int request_pending = 491;
  if (event.status == request_pending && is_star_out) return parts_.pairing->on_star(leg);
  if (event.is_dialog_over) return parts_.endings->router_lost(leg);
  parts_.pairing->settle_address(leg);
  if (event.is_local) return parts_.endings->await_router(leg);
}

void Commands::on_responded(Leg& leg, const sip::event::Responded& event) {
  if (event.status == 481) return parts_.endings->router_lost(leg);
  if (!event.response.empty()) return parts_.endings->router_heard(leg);
  parts_.verbs->on_unheard(leg);
}

int Commands::on_notice(const sip::Message& message) {
  const auto headers = parts_.link_end->read(message);
  if (!headers) return headers.error().status;
  if (message.header(sip::HeaderId::event) != "nearend-leg") return 489;
  if (headers->actions.size() != 1) return 400;
  const link::Item& item = headers->actions.front();
  Leg* leg = parts_.legs.by_id(item.parameter("leg"));
  if (leg == nullptr || leg->is_over || leg->call != headers->context.call_sid) return 481;
  const std::string peer(item.parameter("peer"));
  if (item.name == "answered") return parts_.pairing->on_peer_answered(*leg, peer) ? 200 : 481;
  if (item.name == "early") return parts_.pairing->on_peer_early(*leg, peer) ? 200 : 481;
  if (item.name == "moved") return parts_.pairing->on_peer_moved(*leg, peer, message.body()) ? 200 : 481;
  if (item.name == "gone") return parts_.pairing->on_peer_gone_elsewhere(*leg, peer) ? 200 : 481;
  if (item.name != "star") return 501;
  if (leg->joint.peer != peer) return 481;
  parts_.pairing->on_star_elsewhere(*leg);
  return 200;
}

void Commands::on_outer(Leg& leg, const sip::event::Requested& event) {
  const bool is_allowed = leg.provider != Leg::no_provider && parts_.settings.providers[leg.provider].can_direct &&
                          !leg.media.outer.is_protected();
  if (!is_allowed || leg.media.outer.theirs().empty())
    return parts_.link_end->respond(leg, event, 403, {}, "the provider does not allow direct media");
  parts_.link_end->respond(leg, event, 200, sdp_body(leg.media.outer.theirs()));
}

/// The provider is offered the other provider's address; the router hears what it says to that.
void Commands::on_direct(Leg& leg, const sip::event::Requested& event) {
  const bool is_allowed = leg.provider != Leg::no_provider && parts_.settings.providers[leg.provider].can_direct &&
                          !leg.media.outer.is_protected();
  if (!is_allowed || leg.dialogs.is_reoffer_out)
    return parts_.link_end->respond(leg, event, 403, {}, "the provider does not allow direct media");
  const auto sent = parts_.outside->reinvite(leg.dialogs.outer, event.body);
  if (!sent) return parts_.link_end->respond(leg, event, 500, {}, sent.error().text);
  leg.dialogs.direct = event.transaction;
}

bool Commands::on_direct_outcome(Leg& leg, int status, const sip::Body& body) {
  if (leg.dialogs.direct == sip::ServerTransactionId::none) return false;
  sip::event::Requested wish;
  wish.method = sip::Method::invite;
  wish.transaction = std::exchange(leg.dialogs.direct, sip::ServerTransactionId::none);
  const bool is_taken = status < 300;
  leg.dialogs.is_direct = is_taken;
  if (is_taken) {
    leg.media.watch_silence({});
    leg.media.connect({.kind = media::Path::Kind::idle, .has_comfort_noise = false});
  }
  parts_.link_end->respond(leg, wish, status, is_taken ? body : sip::Body{});
  return true;
}

void Commands::leave_direct(Leg& leg) {
  if (!std::exchange(leg.dialogs.is_direct, false)) return;
  leg.media.watch_silence(parts_.settings.rtp_timeout);
  parts_.endpoints->reoffer(leg, leg.media.outer.agreed_codecs());
}

}  // namespace nearend::gateway
