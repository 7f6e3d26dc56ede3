#include "gateway/endpoints.hpp"

#include "gateway/endings.hpp"
#include "telemetry/log.hpp"

namespace nearend::gateway {

namespace {

sip::Body sdp_body(std::string sdp) {
  return {.type = "application/sdp", .content = std::move(sdp)};
}

}  // namespace

void Endpoints::begin(Leg& leg) {
  leg.media.outer.begin(parts_.loop().random(), leg.media.addresses(media::Side::outer),
                        codecs_named(parts_.settings.codecs));
}

bool Endpoints::secure(Leg& leg) {
  const bool has_provider = leg.provider != Leg::no_provider;
  const SrtpPolicy policy = has_provider ? parts_.settings.providers[leg.provider].srtp : SrtpPolicy::off;
  const auto secured = leg.media.outer.secure(policy, leg.media.fingerprint());
  if (!secured) telemetry::error("no keys for SRTP", {{"leg", leg.id}, {"error", secured.error().text}});
  return secured.has_value();
}

SourcePolicy Endpoints::source_of(const Leg& leg) const {
  SourcePolicy policy;
  if (leg.provider != Leg::no_provider) {
    const Provider& provider = parts_.settings.providers[leg.provider];
    policy.also = provider.media_networks;
    policy.is_learned = provider.is_nat_learned;
  }
  const auto addresses = leg.media.addresses(media::Side::outer);
  policy.is_loopback_allowed = !addresses.empty() && addresses.front().address.address.is_loopback();
  return policy;
}

void Endpoints::apply(Leg& leg) {
  leg.media.set_remotes(media::Side::outer, leg.media.outer.remotes(source_of(leg)));
  if (!leg.is_forwarded) leg.media.inner.prefer(leg.media.outer.agreed_codecs());
}

void Endpoints::ring(Leg& caller) {
  if (caller.dialogs.is_outer_answered) return;
  (void)parts_.outside->progress(caller.dialogs.outer, 180);
}

void Endpoints::early_media(Leg& caller, const Leg* peer) {
  if (caller.dialogs.is_outer_answered) return;
  if (caller.media.outer.theirs().empty()) return ring(caller);  // a late offer has no early media
  (void)parts_.outside->progress(caller.dialogs.outer, 183, sdp_body(answer_for(caller, peer)));
}

void Endpoints::watch(Leg& leg) {
  leg.media.watch_silence(parts_.settings.rtp_timeout);
}

/// Our description for the 200: what was answered already, unless the peer has made its choice meanwhile.
std::string Endpoints::answer_for(Leg& caller, const Leg* peer) {
  Negotiation& outer = caller.media.outer;
  const auto codecs = peer != nullptr ? peer->media.outer.agreed_codecs() : std::vector<sdp::Codec>{};
  if (outer.theirs().empty()) {
    if (!codecs.empty()) outer.prefer(codecs);
    return outer.offer();
  }
  const bool is_same_codec = codecs.empty() || outer.agreed_codecs().empty() ||
                             sdp::is_same_codec(codecs.front(), outer.agreed_codecs().front());
  const bool has_video = caller.media.addresses(media::Side::outer).size() > 1;
  if (peer == nullptr || (is_same_codec && !has_video)) return outer.ours();
  const std::string offer = outer.theirs();
  const auto far_side = sdp::parse_sdp(peer->media.outer.theirs());
  if (!codecs.empty()) outer.prefer({codecs.front()});
  auto answer = outer.answer(offer, sdp::Direction::sendrecv, far_side ? &*far_side : nullptr);
  outer.prefer({});
  if (!answer) return outer.ours();
  apply(caller);
  return std::move(*answer);
}

void Endpoints::answer(Leg& caller, const Leg* peer) {
  if (caller.is_over || caller.dialogs.is_outer_answered) return;
  caller.dialogs.is_outer_answered = true;
  std::string sdp = answer_for(caller, peer);
  parts_.ledger.answer(caller, [this, id = caller.id, sdp = std::move(sdp)]() mutable {
    Leg* leg = parts_.legs.by_id(id);
    if (leg == nullptr) return;
    const auto accepted = parts_.outside->accept(leg->dialogs.outer, sdp_body(std::move(sdp)));
    if (!accepted) telemetry::warn("answer not sent", {{"leg", id}, {"error", accepted.error().text}});
    watch(*leg);
    settle_address(*leg);
  });
}

void Endpoints::on_acknowledged(Leg& leg, const sip::event::Acknowledged& event) {
  if (event.body.content.empty() || !leg.media.outer.is_offer_out()) return;
  const auto accepted = leg.media.outer.accept(event.body.content);
  if (!accepted) {
    telemetry::warn("answer in ACK not understood", {{"leg", leg.id}, {"error", accepted.error().text}});
    return parts_.endings->end(leg, {.status = 488, .text = "no common media", .by = "gateway"});
  }
  apply(leg);
}

void Endpoints::on_requested(Leg& leg, const sip::event::Requested& event) {
  switch (event.method) {
    case sip::Method::invite:
    case sip::Method::update:
    case sip::Method::prack:
      return on_offer(leg, event);
    case sip::Method::options:
      (void)parts_.outside->respond(event.transaction, 200);
      return;
    case sip::Method::info:
      (void)parts_.outside->respond(event.transaction, event.body.content.empty() ? 200 : 469);
      return;
    case sip::Method::refer:
      (void)parts_.outside->respond(event.transaction, 603);  // threat TH27: off unless an account turns it on
      return;
    default:
      (void)parts_.outside->respond(event.transaction, 405);
  }
}

void Endpoints::on_offer(Leg& leg, const sip::event::Requested& event) {
  Negotiation& outer = leg.media.outer;
  if (event.body.content.empty()) {
    // A late offer in a re-INVITE: we offer what we have; the ACK brings the answer.
    const std::string theirs = outer.theirs();
    const auto model = sdp::parse_sdp(theirs);
    std::string offer = outer.offer(model ? &*model : nullptr);
    (void)parts_.outside->respond(event.transaction, 200, sdp_body(std::move(offer)));
    return;
  }
  if (!event.body.is_sdp()) {
    (void)parts_.outside->respond(event.transaction, 415, {}, {{"Accept", "application/sdp"}});
    return;
  }
  auto codecs = outer.agreed_codecs();
  if (!codecs.empty()) outer.prefer(codecs);
  auto answer = outer.answer(event.body.content);
  outer.prefer({});
  if (!answer) {
    const int status = answer.error().kind == Error::Kind::malformed ? 400 : 488;
    (void)parts_.outside->respond(event.transaction, status);
    return;
  }
  apply(leg);
  (void)parts_.outside->respond(event.transaction, 200, sdp_body(std::move(*answer)));
  if (!codecs.empty() && !outer.agreed_codecs().empty() &&
      !sdp::is_same_codec(codecs.front(), outer.agreed_codecs().front()))
    follow_codec(leg);
}

/// The endpoint changed its codec: a peer that is here follows, if it can.
void Endpoints::follow_codec(Leg& leg) {
  if (leg.joint.state != Joint::State::open || !leg.joint.peer_gateway.empty()) return;
  Leg* peer = parts_.legs.by_id(leg.joint.peer);
  if (peer == nullptr || peer->is_over || !peer->dialogs.is_outer_answered) return;
  const auto& theirs = peer->media.outer.agreed_codecs();
  if (!theirs.empty() && sdp::is_same_codec(theirs.front(), leg.media.outer.agreed_codecs().front())) return;
  reoffer(*peer, leg.media.outer.agreed_codecs());
}

void Endpoints::reoffer(Leg& leg, std::vector<sdp::Codec> codecs) {
  if (leg.dialogs.is_reoffer_out || leg.is_over) return;
  Negotiation& outer = leg.media.outer;
  if (!codecs.empty()) outer.prefer(std::move(codecs));
  const auto model = sdp::parse_sdp(outer.theirs());
  std::string offer = outer.offer(model ? &*model : nullptr);
  outer.prefer({});
  leg.dialogs.is_reoffer_out = parts_.outside->reinvite(leg.dialogs.outer, sdp_body(std::move(offer))).has_value();
}

void Endpoints::on_reoffer_accepted(Leg& leg, const sip::event::Accepted& event) {
  if (!std::exchange(leg.dialogs.is_reoffer_out, false)) return;
  const auto accepted = leg.media.outer.accept(event.body.content);
  if (accepted) apply(leg);
  if (std::exchange(leg.dialogs.is_address_out, false) && !accepted)
    return parts_.endings->end(
        leg,
        {.status = 488, .text = "media node lost, the endpoint has no common media with another", .by = "gateway"});
  settle_address(leg);
}

void Endpoints::on_reoffer_refused(Leg& leg, const sip::event::Refused& event) {
  leg.dialogs.is_reoffer_out = false;
  const bool was_address_out = std::exchange(leg.dialogs.is_address_out, false);
  if (event.is_dialog_over)
    return parts_.endings->endpoint_gone(leg, {.status = event.status, .text = "the endpoint has lost the call"});
  if (was_address_out)
    return parts_.endings->end(
        leg, {.status = 503, .text = "media node lost, the endpoint refused to go to another", .by = "gateway"});
  settle_address(leg);
}

bool Endpoints::readdress(Leg& leg) {
  Negotiation& outer = leg.media.outer;
  if (!outer.has_begun()) return true;
  const auto keyed = outer.readdress(leg.media.addresses(media::Side::outer), leg.media.fingerprint());
  if (!keyed) return false;
  if (leg.dialogs.is_direct) return true;
  const bool is_to_be_answered = leg.is_inbound && !leg.dialogs.is_outer_answered && !outer.theirs().empty();
  if (is_to_be_answered) {
    // What was said in a 183 counts for the caller, so it is told again all the same.
    const std::string offer = outer.theirs();
    if (!outer.agreed_codecs().empty()) outer.prefer(outer.agreed_codecs());
    (void)outer.answer(offer);
    outer.prefer({});
    apply(leg);
  }
  leg.dialogs.is_address_owed = true;
  settle_address(leg);
  return true;
}

/// As soon as nothing else is under way with it.
void Endpoints::settle_address(Leg& leg) {
  const Dialogs& dialogs = leg.dialogs;
  if (!dialogs.is_address_owed || dialogs.is_reoffer_out || !dialogs.is_outer_answered || leg.is_over) return;
  reoffer(leg, leg.media.outer.agreed_codecs());
  leg.dialogs.is_address_owed = !dialogs.is_reoffer_out;
  leg.dialogs.is_address_out = dialogs.is_reoffer_out;
}

}  // namespace nearend::gateway
