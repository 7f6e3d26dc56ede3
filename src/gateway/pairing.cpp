#include "gateway/pairing.hpp"

#include "gateway/commands.hpp"
#include "gateway/endings.hpp"
#include "gateway/endpoints.hpp"
#include "gateway/link_end.hpp"
#include "gateway/local_verbs.hpp"
#include "telemetry/log.hpp"

namespace nearend::gateway {

namespace {

media::Path bridge_to(const Leg& peer) {
  return {.kind = media::Path::Kind::bridge, .peer = peer.media.anchor()};
}
media::Path inner_path() {
  return {.kind = media::Path::Kind::inner};
}

link::Item about(std::string name, std::string_view leg, std::string_view peer) {
  link::Item item{.name = std::move(name)};
  item.parameters.emplace_back("leg", leg);
  item.parameters.emplace_back("peer", peer);
  return item;
}

}  // namespace

Pairing::PeerPlace Pairing::place_of(const link::Item& item) const {
  PeerPlace place{.leg = std::string(item.parameter("peer")), .gateway = std::string(item.parameter("gateway"))};
  // "near,relay,far" where a relay is in between.
  const std::string_view way = item.parameter("way");
  const size_t first = way.find(','), last = way.rfind(',');
  if (first != last) place.relay = way.substr(first + 1, last - first - 1);
  if (place.gateway == parts_.link_uri || parts_.legs.by_id(place.leg) != nullptr) place.gateway.clear();
  return place;
}

void Pairing::arm_callee(Leg& callee, PeerPlace peer) {
  Leg* here = peer.gateway.empty() ? parts_.legs.by_id(peer.leg) : nullptr;
  if (peer.gateway.empty() && here == nullptr) return;  // the peer has gone meanwhile; H will say
  callee.joint = {.state = Joint::State::armed,
                  .peer = std::move(peer.leg),
                  .peer_gateway = std::move(peer.gateway),
                  .opens_on_answer = true};
  callee.media.arm(here != nullptr ? bridge_to(*here) : inner_path());
}

Result<void> Pairing::arm_caller(Leg& caller, PeerPlace peer, std::string_view sdp) {
  Joint& joint = caller.joint;
  if (joint.state == Joint::State::open && joint.peer == peer.leg) return {};
  if (joint.state == Joint::State::armed && joint.peer != peer.leg) disarm(caller);
  const bool has_peer_answered = joint.has_peer_answered && joint.peer == peer.leg;
  const bool is_early = joint.is_early && joint.peer == peer.leg;
  if (!peer.gateway.empty()) {
    auto answer = caller.media.inner.answer(sdp);
    if (!answer) return pass(answer);
  }
  const bool was_listening = joint.state == Joint::State::armed && joint.is_listening;
  joint = {.state = Joint::State::armed,
           .peer = std::move(peer.leg),
           .peer_gateway = std::move(peer.gateway),
           .is_listening = was_listening,
           .is_early = is_early};
  listen(caller);
  if (has_peer_answered) (void)on_peer_answered(caller, std::string(joint.peer));
  if (is_early && !has_peer_answered && !joint.peer_gateway.empty()) hear_early(caller, nullptr);
  return {};
}

/// The way to the peer's gateway is open before the answer, so that neither's first words wait for the news of it:
/// there the callee hears nobody yet. Not where the router's media node is what the caller hears; then the way is
/// changed when the joint opens.
void Pairing::listen(Leg& caller) {
  Joint& joint = caller.joint;
  if (joint.peer_gateway.empty() || (!joint.is_listening && caller.media.path() != media::Path::Kind::idle)) return;
  joint.is_listening = true;
  caller.media.set_remotes(media::Side::inner, caller.media.inner.remotes({.is_loopback_allowed = true}));
  caller.media.connect(inner_path());
}

/// An armed joint that will not open.
void Pairing::disarm(Leg& leg) {
  const Joint joint = std::exchange(leg.joint, {});
  const bool is_connected = joint.is_early || (joint.state == Joint::State::armed && joint.is_listening);
  if (is_connected) leg.media.connect({.kind = media::Path::Kind::idle});
}

void Pairing::on_early_audio(Leg& callee) {
  Joint& joint = callee.joint;
  if (joint.is_early || joint.state == Joint::State::open) return;
  joint.is_early = true;
  const bool is_armed = joint.state == Joint::State::armed;
  Leg* caller = is_armed && joint.peer_gateway.empty() ? parts_.legs.by_id(joint.peer) : nullptr;
  if (caller != nullptr) parts_.verbs->stop_ring(*caller);  // Before the path opens.
  callee.media.connect(caller != nullptr ? bridge_to(*caller) : inner_path());
  if (caller != nullptr) return hear_early(*caller, &callee);
  if (is_armed) parts_.link_end->notify(joint.peer_gateway, callee, about("early", joint.peer, callee.id));
}

bool Pairing::on_peer_early(Leg& caller, std::string_view peer) {
  Joint& joint = caller.joint;
  if (joint.state == Joint::State::open) return joint.peer == peer;
  const bool is_armed = joint.state == Joint::State::armed;
  if (is_armed && joint.peer != peer) return false;
  joint.peer = peer;
  joint.is_early = true;  // Before the arming: it is kept until then.
  if (is_armed) hear_early(caller, nullptr);
  return true;
}

/// The caller's side of early media; `callee` is its leg where that is here.
void Pairing::hear_early(Leg& caller, const Leg* callee) {
  if (callee != nullptr) caller.joint.peer = callee->id;
  caller.joint.is_early = true;
  parts_.verbs->stop_ring(caller);
  if (callee == nullptr && !caller.joint.is_listening) {
    caller.media.set_remotes(media::Side::inner, caller.media.inner.remotes({.is_loopback_allowed = true}));
    caller.media.connect(inner_path());
  }
  parts_.endpoints->early_media(caller, callee);
}

bool Pairing::on_callee_answered(Leg& callee) {
  Joint& joint = callee.joint;
  if (joint.state != Joint::State::armed || !joint.opens_on_answer) return false;
  if (!joint.peer_gateway.empty()) {
    joint.state = Joint::State::open;
    callee.media.open();
    parts_.link_end->notify(joint.peer_gateway, callee, about("answered", joint.peer, callee.id));
    return true;
  }
  Leg* caller = parts_.legs.by_id(joint.peer);
  if (caller == nullptr || caller->is_over) {
    joint = {};
    return false;
  }
  joint.state = Joint::State::open;
  parts_.verbs->stop_ring(*caller);  // before the path opens: the callee's first words may be waiting for it
  callee.media.open();
  caller->joint = {.state = Joint::State::open, .peer = callee.id};
  opened(*caller);
  return true;
}

bool Pairing::on_peer_answered(Leg& caller, std::string_view peer) {
  Joint& joint = caller.joint;
  if (joint.state == Joint::State::open) return joint.peer == peer;
  if (joint.state != Joint::State::armed || joint.peer != peer) {
    joint.peer = peer;
    joint.has_peer_answered = true;
    return true;
  }
  joint.state = Joint::State::open;
  parts_.verbs->stop_ring(caller);
  if (!joint.is_listening) {
    caller.media.set_remotes(media::Side::inner, caller.media.inner.remotes({.is_loopback_allowed = true}));
    caller.media.connect(inner_path());
  }
  opened(caller);
  return true;
}

/// An armed joint of a caller's leg has opened.
void Pairing::opened(Leg& leg) {
  const Leg* peer = leg.joint.peer_gateway.empty() ? parts_.legs.by_id(leg.joint.peer) : nullptr;
  if (leg.is_inbound && !leg.dialogs.is_outer_answered) parts_.endpoints->answer(leg, peer);
  link::Item action{.name = "bridged"};
  action.parameters.emplace_back("peer", leg.joint.peer);
  if (!leg.is_forwarded) parts_.link_end->info(leg, std::move(action));
}

void Pairing::connect_here(Leg& leg, Leg& peer) {
  const bool is_there = leg.joint.state == Joint::State::open && leg.joint.peer == peer.id &&
                        peer.joint.state == Joint::State::open && peer.joint.peer == leg.id;
  if (is_there) return;
  if (leg.joint.peer != peer.id) part(leg);
  if (peer.joint.peer != leg.id) part(peer);
  leg.joint = {.state = Joint::State::open, .peer = peer.id};
  peer.joint = {.state = Joint::State::open, .peer = leg.id};
  parts_.verbs->stop_ring(leg);
  parts_.verbs->stop_ring(peer);
  leg.media.connect(bridge_to(peer));
}

void Pairing::join(Leg& leg, PeerPlace peer) {
  if (peer.gateway.empty()) {
    if (Leg* here = parts_.legs.by_id(peer.leg); here != nullptr && !here->is_over) connect_here(leg, *here);
    return;
  }
  if (leg.joint.peer != peer.leg) part(leg);
  leg.joint = {.state = Joint::State::open,
               .peer = std::move(peer.leg),
               .peer_gateway = std::move(peer.gateway),
               .relay = std::move(peer.relay)};
  parts_.verbs->stop_ring(leg);
  leg.media.connect(inner_path());
}

void Pairing::part(Leg& leg) {
  if (leg.joint.state == Joint::State::armed) return disarm(leg);
  const Joint joint = std::exchange(leg.joint, {});
  if (joint.state != Joint::State::open || !joint.peer_gateway.empty()) return;
  Leg* peer = parts_.legs.by_id(joint.peer);
  if (peer == nullptr || peer->joint.peer != leg.id) return;
  peer->joint = {};
  peer->media.connect({.kind = media::Path::Kind::idle});
}

void Pairing::rejoin(Leg& leg) {
  const Joint& joint = leg.joint;
  const bool is_open = joint.state == Joint::State::open;
  if (joint.peer_gateway.empty() && (joint.state != Joint::State::none || joint.is_early)) {
    Leg* peer = parts_.legs.by_id(joint.peer);
    if (peer != nullptr && !peer->is_over && peer->media.is_allocated()) rejoin_here(leg, *peer);
    return;  // else the peer's own return does it
  }
  if (joint.state == Joint::State::armed && joint.opens_on_answer && !joint.is_early)
    return leg.media.arm(inner_path());
  const bool is_inner = is_open || joint.is_early || leg.media.path() == media::Path::Kind::inner;
  if (is_inner)
    leg.media.connect(inner_path());
  else if (leg.dialogs.is_outer_answered)
    leg.media.connect({.kind = media::Path::Kind::idle, .has_comfort_noise = !leg.dialogs.is_direct});
}

void Pairing::rejoin_here(Leg& leg, Leg& peer) {
  const bool is_joined = leg.joint.state == Joint::State::open || leg.joint.is_early || peer.joint.is_early;
  Leg& callee = peer.joint.opens_on_answer ? peer : leg;
  Leg& caller = &callee == &leg ? peer : leg;
  if (is_joined)
    callee.media.connect(bridge_to(caller));
  else if (callee.joint.opens_on_answer)
    callee.media.arm(bridge_to(caller));
}

void Pairing::readdress(Leg& leg) {
  Negotiation& inner = leg.media.inner;
  if (!inner.has_begun()) return;
  (void)inner.readdress(leg.media.addresses(media::Side::inner), {});  // there are no keys on this side
  const bool is_to_be_answered = !leg.is_inbound && !leg.dialogs.is_link_answered;
  std::string sdp;
  if (is_to_be_answered) {
    const std::string offer = inner.theirs();
    sdp = inner.answer(offer).value_or("");
  }
  if (!leg.joint.peer_gateway.empty()) {
    if (sdp.empty()) sdp = inner.restate();
    parts_.link_end->notify(leg.joint.peer_gateway, leg, about("moved", leg.joint.peer, leg.id), std::move(sdp));
  }
  leg.dialogs.is_link_address_owed = !is_to_be_answered;
  settle_address(leg);
}

void Pairing::settle_address(Leg& leg) {
  if (!leg.dialogs.is_link_address_owed || !leg.dialogs.is_link_answered || leg.is_over) return;
  if (leg.orders.is_reanchor_out || leg.orders.is_star_out || leg.dialogs.is_link_address_out) return;
  leg.dialogs.is_link_address_out = parts_.link_end->reinvite(leg, {.name = "moved"}, leg.media.inner.restate());
  leg.dialogs.is_link_address_owed = !leg.dialogs.is_link_address_out;
}

bool Pairing::on_peer_moved(Leg& leg, std::string_view peer, std::string_view sdp) {
  if (leg.joint.peer != peer || !leg.media.inner.has_begun()) return false;
  if (!leg.joint.relay.empty()) return true;  // The relay hears of it from the router.
  const auto followed = leg.media.inner.follow(sdp);
  if (!followed) {
    telemetry::warn("the peer's new address not understood", {{"leg", leg.id}, {"error", followed.error().text}});
    return false;
  }
  leg.media.set_remotes(media::Side::inner, leg.media.inner.remotes({.is_loopback_allowed = true}));
  return true;
}

void Pairing::on_leg_over(Leg& leg, const EndCause& cause) {
  const Joint joint = std::exchange(leg.joint, {});
  if (leg.is_forwarded) return forwarded_leg_over(leg, cause);
  // Whom this leg had dialled ends with it; without a router nobody else would see to it.
  for (Leg* child : parts_.legs.children_of(leg))
    if (child->joint.peer == leg.id)
      parts_.endings->end(*child, {.status = 200, .text = "the caller is gone", .by = "peer", .more = cause.more});
  if (joint.state == Joint::State::none && !joint.is_early) return;
  if (!joint.peer_gateway.empty()) {
    link::Item action = about("gone", joint.peer, leg.id);
    action.parameters.emplace_back("reason", reason_header(cause));
    return parts_.link_end->notify(joint.peer_gateway, leg, std::move(action));
  }
  Leg* peer = parts_.legs.by_id(joint.peer);
  if (peer == nullptr || peer->is_over || peer->joint.peer != leg.id) return;
  if (joint.state == Joint::State::open)
    peer_gone(*peer);
  else
    disarm(*peer);
}

/// Of a forwarded call neither half goes on alone.
void Pairing::forwarded_leg_over(Leg& leg, const EndCause& cause) {
  if (Leg* caller = parts_.legs.by_id(leg.parent))
    return parts_.endings->end(*caller, {.status = cause.status, .text = cause.text, .by = "peer", .more = cause.more});
  for (Leg* callee : parts_.legs.children_of(leg))
    parts_.endings->end(*callee, {.status = 200, .text = "the caller is gone", .by = "peer", .more = cause.more});
}

bool Pairing::on_peer_gone_elsewhere(Leg& leg, std::string_view peer) {
  if (leg.joint.peer != peer) return false;
  const bool was_open = leg.joint.state == Joint::State::open;
  if (!leg.parent.empty() && !leg.is_inbound && leg.parent == peer) {
    parts_.endings->end(leg, {.status = 200, .text = "the caller is gone", .by = "peer"});
    return true;
  }
  if (was_open)
    peer_gone(leg);
  else
    disarm(leg);
  return true;
}

/// The leg goes on alone: by what was ordered in advance, else by what its router says.
void Pairing::peer_gone(Leg& leg) {
  leg.joint = {};
  leg.media.connect({.kind = media::Path::Kind::idle});
  if (leg.orders.continuation && !leg.orders.continuation->is_running) return parts_.verbs->run_continuation(leg);
  ask_router_on(leg);
}

void Pairing::ask_router_on(Leg& leg) {
  if (leg.dialogs.link == sip::DialogId::none) return parts_.endings->await_router(leg);
  parts_.endings->await_router(leg);
  if (parts_.settings.reanchor == ReanchorBy::router) {
    parts_.link_end->probe(leg);
    return;
  }
  parts_.commands->reinvite(leg, {.name = "anchor"});
}

void Pairing::on_star(Leg& caller) {
  if (caller.joint.state != Joint::State::open) return;
  const Joint joint = caller.joint;
  if (parts_.settings.star == StarPath::router && caller.dialogs.link != sip::DialogId::none) {
    link::Item action{.name = "hangup"};
    action.parameters.emplace_back("target", "peer");
    caller.orders.is_star_out = true;
    return parts_.commands->reinvite(caller, std::move(action));
  }
  if (!joint.peer_gateway.empty())
    return parts_.link_end->notify(joint.peer_gateway, caller, about("star", joint.peer, caller.id));
  if (Leg* callee = parts_.legs.by_id(joint.peer)) on_star_elsewhere(*callee);
}

void Pairing::on_star_elsewhere(Leg& callee) {
  parts_.endings->end(callee, {.status = 200, .text = "star pressed", .by = "peer"});
}

}  // namespace nearend::gateway
