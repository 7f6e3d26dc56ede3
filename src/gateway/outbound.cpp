#include "gateway/outbound.hpp"

#include <algorithm>

#include "base/ids.hpp"
#include "base/text.hpp"
#include "gateway/commands.hpp"
#include "gateway/endings.hpp"
#include "gateway/endpoints.hpp"
#include "gateway/forwarding.hpp"
#include "gateway/inbound.hpp"
#include "gateway/link_end.hpp"
#include "gateway/pairing.hpp"
#include "sip/multipart.hpp"
#include "telemetry/log.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::gateway {

namespace {

std::optional<std::chrono::seconds> retry_after(const sip::Message& response) {
  if (response.empty()) return std::nullopt;
  const auto seconds = response.number(sip::HeaderId::retry_after);
  if (!seconds) return std::nullopt;
  return std::chrono::seconds(std::min<uint32_t>(*seconds, 3600));
}

std::chrono::seconds seconds_of(const link::Item& item, std::string_view key, uint64_t otherwise) {
  return std::chrono::seconds(parse_unsigned(item.parameter(key)).value_or(otherwise));
}

/// What an address out of a router's document is called with: the number of the host part counts (threat TH14: no
/// headers, no other scheme).
std::string plain_uri(std::string_view text) {
  auto uri = sip::parse_uri(text);
  if (!uri || !uri->is_sip()) return {};
  uri->headers.clear();
  uri->password.reset();
  return uri->to_string();
}

constexpr uint64_t timeout_default_s = 30;
constexpr size_t proposed_max = 20;
constexpr uint64_t time_limit_default_s = 14'400;

}  // namespace

bool is_provider_failure(const AttemptOutcome& outcome) {
  switch (outcome.status) {
    case 401:
    case 407:
    case 408:
      return true;
    default:
      return outcome.is_local || (outcome.status >= 500 && outcome.status < 600);
  }
}

std::expected<Outbound::Dial, Outbound::Refusal> Outbound::dial_of(const link::Headers& headers,
                                                                   const sip::Message& request) const {
  const link::Item* action = headers.action("dial");
  if (action == nullptr) return std::unexpected(Refusal{400, "Action: dial is expected"});
  if (!is_sid("CA", headers.context.call_sid) || headers.context.leg.empty())
    return std::unexpected(Refusal{400, "Call: call and leg are expected"});
  const auto called = request.parsed_request_uri();
  const auto from = request.from();
  if (!called || !from) return std::unexpected(Refusal{400, "Request-URI or From"});
  const std::string_view description = sip::find_body(request, "application/sdp");
  if (description.empty()) return std::unexpected(Refusal{488, "an offer is needed"});
  const auto offer = sdp::parse_sdp(description);
  if (!offer) return std::unexpected(Refusal{400, offer.error().text});
  Dial dial;
  dial.offer = description;
  dial.streams = streams_of(*offer, parts_.settings.has_feature("video"));
  if (dial.streams.empty()) return std::unexpected(Refusal{488, "no media line that we can carry"});
  Order& order = dial.order;
  if (action->has("url"))
    order.uri = plain_uri(action->parameter("url"));
  else
    order.number = called->user;
  if (order.uri.empty() && order.number.empty()) return std::unexpected(Refusal{484, "no number"});
  if (action->has("username"))
    order.credentials = sip::Credentials{.username = std::string(action->parameter("username")),
                                         .password = std::string(action->parameter("password"))};
  sip::NameAddr shown;
  shown.display = from->display;
  shown.uri = sip::make_sip_uri(from->uri.user, parts_.settings.name);
  order.from_header = shown.to_string();
  if (order.uri.empty())
    for (const std::string_view name : split(action->parameter("providers"), ','))
      if (!name.empty() && order.providers.size() < proposed_max) order.providers.emplace_back(name);
  order.passed_on = headers_to_pass_on(request, true);
  order.model = dial.offer;
  order.timeout = seconds_of(*action, "timeout", timeout_default_s);
  order.time_limit = seconds_of(*action, "time-limit", time_limit_default_s);
  if (const link::Item* bridge = headers.feature("bridge-on-answer")) dial.bridge = *bridge;
  return dial;
}

void Outbound::on_dial(sip::DialogId dialog, sip::event::Invited event) {
  const auto refuse = [&](int status, std::string_view reason) { (void)parts_.link->refuse(dialog, status, reason); };
  const auto headers = parts_.link_end->read(event.request);
  if (!headers) return refuse(headers.error().status, headers.error().reason);
  if (parts_.is_draining || parts_.legs.units() >= parts_.settings.calls_max) {
    (void)parts_.link->refuse(dialog, 503, "full", {{"Retry-After", "2"}});
    return;
  }
  auto dial = dial_of(*headers, event.request);
  if (!dial) return refuse(dial.error().status, dial.error().reason);
  Leg* leg = parts_.legs.make(headers->context.call_sid, headers->context.leg);
  if (leg == nullptr) return refuse(482, "this leg is there already");
  (void)parts_.legs.is_current(leg->call, headers->context.epoch);
  parts_.legs.bind_link(*leg, dialog);
  leg->is_inbound = false;
  leg->account = headers->context.account_sid;
  leg->parent = headers->context.parent_leg;
  leg->way.router_region = headers->region.path;
  const Order& order = dial->order;
  leg->to = order.uri.empty() ? order.number : order.uri;
  const auto from = event.request.from();
  leg->from = from ? from->uri.user : std::string();
  const Leg* parent = parts_.legs.by_id(leg->parent);
  if (parent != nullptr) leg->events_url = parent->events_url;
  if (headers->feature("hangup-on-star") != nullptr)
    if (Leg* caller = parts_.legs.by_id(leg->parent)) caller->orders.is_star_watched = true;
  leg->orders.is_early_wanted = headers->action("dial")->has("early");
  leg->attempt = std::make_unique<Attempt>(parts_.loop());
  parts_.ledger.begin(*leg);
  parts_.ledger.start(*leg);
  leg->scope.spawn(this->dial(*leg, std::move(*dial)));
}

Task<void> Outbound::dial(Leg& leg, Dial dial) {
  parts_.legs.weigh(leg, dial.streams);
  media::AllocateRequest wanted{.call = leg.call, .leg = leg.id, .streams = dial.streams};
  wanted.lease = {};
  wanted.wants = media_wants(parts_.settings, false);
  const auto allocated = co_await leg.media.allocate(std::move(wanted));
  if (leg.is_over) co_return;
  if (!allocated) co_return parts_.endings->end(leg, {.status = 503, .text = "no media", .by = "gateway"});
  parts_.legs.bind_anchor(leg, leg.media.anchor());
  parts_.endpoints->begin(leg);
  leg.media.inner.begin(parts_.loop().random(), leg.media.addresses(media::Side::inner),
                        codecs_named(parts_.settings.codecs));
  auto answer = leg.media.inner.answer(dial.offer);
  if (!answer) co_return parts_.endings->end(leg, {.status = 488, .text = "no common media", .by = "gateway"});
  leg.media.set_remotes(media::Side::inner, leg.media.inner.remotes({.is_loopback_allowed = true}));
  dial.order.codecs = leg.media.inner.agreed_codecs();
  parts_.link_end->progress(leg, 183, std::move(*answer));
  if (dial.bridge) parts_.pairing->arm_callee(leg, parts_.pairing->place_of(*dial.bridge));
  leg.attempt->time_limit = dial.order.time_limit;
  start_ring_timeout(leg, dial.order.timeout);
  const auto outcome = co_await ring(leg, std::move(dial.order));
  if (leg.is_over || outcome.is_answered()) co_return;
  const std::string text = outcome.reason.empty() ? "not reached" : outcome.reason;
  parts_.endings->endpoint_gone(leg, {.status = outcome.status, .text = text, .by = "provider"});
}

void Outbound::start_ring_timeout(Leg& leg, std::chrono::seconds timeout) {
  leg.limit.start(timeout,
                  [this, &leg] { parts_.endings->end(leg, {.status = 408, .text = "no answer", .by = "gateway"}); });
}

void Outbound::start_time_limit(Leg& leg, std::chrono::seconds limit) {
  leg.limit.stop();
  if (limit.count() <= 0) return;
  leg.limit.start(limit,
                  [this, &leg] { parts_.endings->end(leg, {.status = 200, .text = "time limit", .by = "gateway"}); });
}

Task<AttemptOutcome> Outbound::ring(Leg& leg, Order order) {
  AttemptOutcome outcome{.status = 503, .reason = "no provider"};
  const std::string wanted = order.uri.empty() ? order.number : std::string();
  const std::vector<size_t> candidates = parts_.providers.candidates(wanted, parts_.now(), order.providers);
  for (const size_t provider : candidates) {
    if (!parts_.providers.take(provider, Providers::Way::out, parts_.now())) continue;
    leg.provider = provider;
    outcome = co_await try_provider(leg, provider, order);
    if (leg.is_over || outcome.is_answered()) co_return outcome;
    count(leg, is_provider_failure(outcome));
    if (!is_provider_failure(outcome)) parts_.providers.count_refused(provider);
    parts_.providers.give_back(provider);
    leg.provider = Leg::no_provider;
    const bool has_rung = leg.attempt->has_rung;
    if (has_rung || !is_provider_failure(outcome)) break;
    parts_.providers.failed(provider, retry_after(outcome.response), parts_.now());
    telemetry::counter("nearend_gateway_providers_failed_total").add();
    parts_.ledger.note(leg, "provider-failed",
                       {{"provider", parts_.settings.providers[provider].name}, {"status", outcome.status}});
    telemetry::warn(
        "provider failed",
        {{"call", leg.call}, {"provider", parts_.settings.providers[provider].name}, {"status", outcome.status}});
  }
  co_return outcome;
}

std::string Outbound::caller_id(const Provider& provider, const std::string& from_header) const {
  auto from = sip::parse_name_addr(from_header);
  if (!from) return fmt::format("<sip:{}>", parts_.outside_host);
  const bool is_ours = provider.caller_ids.empty() || std::ranges::any_of(provider.caller_ids, [&](const auto& prefix) {
                         return from->uri.user.starts_with(prefix);
                       });
  if (!is_ours) {
    from->display.clear();
    from->uri.set_user(provider.caller_id_default.empty() ? "anonymous" : provider.caller_id_default);
  }
  const auto host = sip::parse_host_port(parts_.outside_host);
  if (host) {
    from->uri.host = host->host;
    from->uri.port.reset();
  }
  return from->to_string();
}

sip::InviteRequest Outbound::request_for(Leg& leg, const Provider& provider, const Order& order) {
  sip::InviteRequest request;
  request.uri = order.uri.empty() ? uri_at(provider, order.number) : order.uri;
  request.credentials = order.credentials ? order.credentials : provider.credentials;
  request.from = caller_id(provider, order.from_header);
  const auto model = sdp::parse_sdp(order.model);
  if (!order.codecs.empty()) leg.media.outer.prefer(order.codecs);
  request.body = {.type = "application/sdp", .content = leg.media.outer.offer(model ? &*model : nullptr)};
  leg.media.outer.prefer({});
  request.headers = order.passed_on;
  request.session_expires = parts_.settings.session_expires;
  request.first_response_timeout = parts_.settings.provider_patience;
  return request;
}

Task<AttemptOutcome> Outbound::try_provider(Leg& leg, size_t provider, const Order& order) {
  const std::chrono::seconds time_limit = leg.attempt->time_limit;
  leg.attempt = std::make_unique<Attempt>(parts_.loop());
  leg.attempt->time_limit = time_limit;
  auto targets = co_await parts_.targets.find(provider);
  if (leg.is_over) co_return AttemptOutcome{.status = 487, .is_local = true};
  if (targets.empty()) co_return AttemptOutcome{.status = 503, .is_local = true, .reason = "no such host"};
  if (!parts_.endpoints->secure(leg)) co_return AttemptOutcome{.status = 503, .is_local = true, .reason = "no keys"};
  auto request = request_for(leg, parts_.settings.providers[provider], order);
  request.targets = std::move(targets);
  const auto dialog = parts_.outside->invite(std::move(request));
  if (!dialog) co_return AttemptOutcome{.status = 503, .is_local = true, .reason = dialog.error().text};
  leg.attempt->invited = parts_.now();
  parts_.legs.bind_outer(leg, *dialog);
  const io::Reply<AttemptOutcome> reply = leg.attempt->outcome;
  auto outcome = co_await reply.wait();
  co_return std::move(*outcome);
}

void Outbound::count_rung(Leg& leg) {
  if (!leg.attempt || leg.provider == Leg::no_provider || std::exchange(leg.attempt->is_delay_counted, true)) return;
  parts_.providers.count_delay(leg.provider, parts_.now() - leg.attempt->invited);
}

/// Once an attempt: a phone that rings, and then is not answered or the network gives up, was reached.
void Outbound::count(Leg& leg, bool is_failed) {
  if (!leg.attempt || leg.provider == Leg::no_provider || std::exchange(leg.attempt->is_counted, true)) return;
  parts_.providers.count_attempt(leg.provider, is_failed);
}

void Outbound::on_over(Leg& leg) {
  if (!leg.is_inbound && leg.attempt && leg.attempt->has_rung) count(leg, false);
}

void Outbound::on_progress(Leg& leg, const sip::event::Progress& event) {
  if (!leg.attempt || leg.is_over) return;
  const bool has_media = event.body.is_sdp() && leg.media.outer.hear(event.body.content).has_value();
  if (has_media) parts_.endpoints->apply(leg);
  if (event.status != 180 && !has_media) return;  // on its way, no phone rings yet
  count_rung(leg);
  // A description may come from the provider itself, and its refusal after it; ringing is the far end's.
  if (event.status == 180) count(leg, false);
  if (!std::exchange(leg.attempt->has_rung, true)) {
    parts_.providers.worked(leg.provider);
    if (!leg.is_forwarded) parts_.link_end->progress(leg, 180, {});
  }
  if (!leg.is_forwarded) return;
  if (has_media)
    parts_.forwarding->on_early_media(leg);
  else
    parts_.forwarding->on_ringing(leg);
}

/// Not at the 183 with a description: many carriers send one and nothing after it, and the caller's ring-back is to
/// last until there is something to hear.
void Outbound::on_first_audio(Leg& leg) {
  if (leg.is_inbound || leg.dialogs.is_outer_answered || !leg.attempt || !leg.orders.is_early_wanted) return;
  parts_.pairing->on_early_audio(leg);
  parts_.link_end->progress(leg, 180, {}, {{.name = "early"}});
}

void Outbound::on_accepted(Leg& leg, const sip::event::Accepted& event) {
  const bool is_known = event.body.content.empty() && !leg.media.outer.agreed_codecs().empty();
  const auto accepted = is_known ? Result<void>{} : leg.media.outer.accept(event.body.content);
  leg.dialogs.is_outer_answered = true;
  if (leg.attempt) leg.attempt->outcome.set({.status = 200});
  if (!accepted) {
    telemetry::warn("callee's answer not understood", {{"leg", leg.id}, {"error", accepted.error().text}});
    const bool is_unprotected = accepted.error().kind == Error::Kind::refused;
    const std::string_view text = is_unprotected ? "the callee has no SRTP, which is a must" : "no common media";
    if (leg.is_forwarded)
      if (Leg* caller = parts_.legs.by_id(leg.parent))
        parts_.endings->end(*caller, {.status = 488, .text = text, .by = "gateway"});
    return parts_.endings->end(leg, {.status = 488, .text = text, .by = "gateway"});
  }
  count_rung(leg);
  count(leg, false);
  parts_.providers.count_answered(leg.provider);
  parts_.providers.worked(leg.provider);
  parts_.endpoints->apply(leg);
  const std::chrono::seconds time_limit = leg.attempt ? leg.attempt->time_limit : std::chrono::seconds{};
  leg.attempt.reset();
  parts_.endpoints->settle_address(leg);
  start_time_limit(leg, time_limit);
  if (leg.is_forwarded) return parts_.forwarding->on_answered(leg);
  answered(leg, headers_to_pass_on(event.response));
}

/// Media first, then the books, then the router.
void Outbound::answered(Leg& leg, sip::ExtraHeaders passed_on) {
  const bool is_bridged = parts_.pairing->on_callee_answered(leg);
  leg.media.watch_silence(parts_.settings.rtp_timeout);
  parts_.ledger.answer(
      leg, [this, id = leg.id, is_bridged, at = parts_.loop().wall_ms(), passed_on = std::move(passed_on)]() mutable {
        Leg* leg = parts_.legs.by_id(id);
        if (leg == nullptr) return;
        link::Item action{.name = is_bridged ? "bridged" : "answered"};
        action.parameters.emplace_back("at", fmt::format("{}", at));
        if (const auto facts = parts_.outside->facts(leg->dialogs.outer))
          action.parameters.emplace_back("sip-call-id", facts->call_id);
        parts_.link_end->accept(*leg, leg->media.inner.ours(), {std::move(action)}, std::move(passed_on));
      });
}

void Outbound::on_refused(Leg& leg, const sip::event::Refused& event) {
  parts_.legs.bind_outer(leg, sip::DialogId::none);
  if (!leg.attempt) return;
  leg.attempt->outcome.set(
      {.status = event.status, .is_local = event.is_local, .reason = event.reason, .response = event.response});
}

}  // namespace nearend::gateway
