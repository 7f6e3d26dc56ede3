#include "gateway/inbound.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "base/text.hpp"
#include "gateway/commands.hpp"
#include "gateway/endings.hpp"
#include "gateway/endpoints.hpp"
#include "gateway/forwarding.hpp"
#include "gateway/link_end.hpp"
#include "gateway/pairing.hpp"
#include "io/new_sid.hpp"
#include "sip/multipart.hpp"
#include "telemetry/log.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::gateway {

namespace {

constexpr std::string_view retry_after_s = "2";
constexpr size_t passed_on_max = 32;

const sip::ExtraHeaders busy_headers{{"Retry-After", std::string(retry_after_s)}};

/// Another router may do better.
bool is_router_failure(const AttemptOutcome& outcome) {
  return outcome.is_local || outcome.status == 408 || outcome.status == 481 ||
         (outcome.status >= 500 && outcome.status < 600);
}

}  // namespace

sip::ExtraHeaders headers_to_pass_on(const sip::Message& request, bool is_from_router) {
  // What says who calls is believed of a router, which takes it from a customer's document, and not of a carrier.
  static constexpr std::array<std::string_view, 4> names{"User-to-User", "Remote-Party-ID", "P-Preferred-Identity",
                                                         "P-Called-Party-ID"};
  const std::span<const std::string_view> passed_names(names.data(), is_from_router ? names.size() : 1);
  sip::ExtraHeaders passed;
  for (size_t i = 0; i < request.field_count() && passed.size() < passed_on_max; ++i) {
    const auto field = request.field(i);
    const bool is_extension = field.name.size() > 2 && equal_ignoring_case(field.name.substr(0, 2), "X-");
    const bool is_known =
        std::ranges::any_of(passed_names, [&](std::string_view name) { return equal_ignoring_case(field.name, name); });
    if (is_extension || field.id == sip::HeaderId::diversion || is_known)
      passed.push_back({std::string(field.name), std::string(field.value)});
  }
  return passed;
}

Inbound::Refusal Inbound::check(const sip::Message& request, const IpAddress& source, size_t provider) {
  if (parts_.is_draining || parts_.legs.units() >= parts_.settings.calls_max) return {503, busy_headers};
  sip::ExtraHeaders challenges;
  for (auto& challenge : parts_.admission.challenges(provider, request, source, parts_.now()))
    challenges.push_back({"WWW-Authenticate", std::move(challenge)});
  if (!challenges.empty()) return {401, std::move(challenges)};
  const auto called = request.parsed_request_uri();
  if (!called) return {400, {}};
  if (parts_.numbers.find(*called) == nullptr) return {404, {}};
  // Carriers put ISUP and the like beside the description (RFC 5621): the description is what counts.
  if (!request.body().empty() && sip::find_body(request, "application/sdp").empty())
    return {415, {{"Accept", "application/sdp"}}};
  if (!parts_.providers.take(provider, Providers::Way::in, parts_.now())) return {503, busy_headers};
  return {};
}

Result<Inbound::Order> Inbound::order_of(const sip::Message& request, const Provider& provider) const {
  Order order;
  const auto called = request.parsed_request_uri();
  const auto from = request.from();
  if (!called || !from) return fail(Error::Kind::malformed, "Request-URI or From");
  order.called = called->user.empty() ? called->host : called->user;
  sip::NameAddr shown;
  shown.display = from->display;
  shown.uri = sip::make_sip_uri(from->uri.user, parts_.settings.name);
  order.from_header = shown.to_string();
  order.passed_on = headers_to_pass_on(request);
  order.offer = sip::find_body(request, "application/sdp");
  if (order.offer.empty()) {
    order.streams = {media::StreamKind::audio};
    return order;
  }
  const auto offer = sdp::parse_sdp(order.offer);
  if (!offer) return fail(Error::Kind::malformed, "{}", offer.error().text);
  order.streams = streams_of(*offer, parts_.settings.has_feature("video"), provider.srtp);
  if (order.streams.empty()) return fail(Error::Kind::unsupported, "{}", refusal_of(*offer, provider.srtp));
  return order;
}

void Inbound::on_invited(sip::DialogId dialog, sip::event::Invited event) {
  telemetry::counter("nearend_gateway_invites_in_total").add();
  const size_t forged = link::strip_platform_headers(event.request);
  if (forged != 0) telemetry::counter("nearend_gateway_platform_headers_stripped_total").add(forged);
  const IpAddress source = event.flow.peer.address;
  const auto provider = parts_.admission.provider_of(source);
  if (!provider) {
    (void)parts_.outside->refuse(dialog, 403);
    return;
  }
  auto refusal = check(event.request, source, *provider);
  if (refusal.status != 0) {
    (void)parts_.outside->refuse(dialog, refusal.status, {}, std::move(refusal.headers));
    return;
  }
  auto order = order_of(event.request, parts_.settings.providers[*provider]);
  if (!order) {
    parts_.providers.give_back(*provider);
    const bool is_malformed = order.error().kind == Error::Kind::malformed;
    telemetry::warn("offer refused", {{"provider", parts_.settings.providers[*provider].name},
                                      {"status", is_malformed ? 400 : 488},
                                      {"error", order.error().text}});
    auto told = is_malformed ? sip::ExtraHeaders{} : why_no_media(order.error().text);
    (void)parts_.outside->refuse(dialog, is_malformed ? 400 : 488, {}, std::move(told));
    return;
  }
  const NumberEntry& number = *parts_.numbers.find(*event.request.parsed_request_uri());
  Leg& leg = *parts_.legs.make(io::new_sid(parts_.loop(), "CA"));
  parts_.legs.bind_outer(leg, dialog);
  leg.account = number.account_sid;
  leg.provider = *provider;
  const auto from = event.request.from();
  leg.from = from ? from->uri.user : std::string();
  leg.to = order->called;
  leg.is_forwarded = number.kind == NumberEntry::Kind::forward;
  order->forward_to = number.forward_to;
  if (!leg.is_forwarded) leg.attempt = std::make_unique<Attempt>(parts_.loop());
  parts_.ledger.begin(leg);
  leg.scope.spawn(set_up(leg, std::move(*order)));
}

void Inbound::give_up(Leg& leg, int status, std::string_view text, std::string_view by) {
  parts_.endings->end(leg, {.status = status, .text = text, .by = by});
}

Task<void> Inbound::set_up(Leg& leg, Order order) {
  io::Reply<policy::RouterAnswer> routers(parts_.loop());
  // Asked while the anchor is allocated; a number that only forwards asks nobody.
  if (leg.is_forwarded)
    parts_.ledger.start(leg);
  else
    leg.scope.spawn(pick_routers(leg, routers));
  parts_.legs.weigh(leg, order.streams);
  media::AllocateRequest wanted{.call = leg.call, .leg = leg.id, .streams = order.streams};
  wanted.lease = {};
  wanted.has_inner = !leg.is_forwarded;
  wanted.wants = media_wants(parts_.settings, leg.is_forwarded);
  const auto allocated = co_await leg.media.allocate(std::move(wanted));
  if (leg.is_over) co_return;
  if (!allocated) {
    telemetry::warn("no anchor", {{"call", leg.call}, {"error", allocated.error().text}});
    co_return give_up(leg, 503, "no media", "gateway");
  }
  parts_.legs.bind_anchor(leg, leg.media.anchor());
  parts_.endpoints->begin(leg);
  if (!parts_.endpoints->secure(leg)) co_return give_up(leg, 503, "no keys", "gateway");
  if (!order.offer.empty()) {
    const auto answer = leg.media.outer.answer(order.offer);
    if (!answer) {
      telemetry::warn("offer refused", {{"leg", leg.id}, {"status", 488}, {"error", answer.error().text}});
      co_return give_up(leg, 488, answer.error().text, "gateway");
    }
    parts_.endpoints->apply(leg);
  }
  if (leg.is_forwarded) {
    Forwarding::Order forward{.to = std::move(order.forward_to),
                              .from_header = std::move(order.from_header),
                              .passed_on = std::move(order.passed_on)};
    co_return parts_.forwarding->start(leg, std::move(forward));
  }
  leg.media.inner.begin(parts_.loop().random(), leg.media.addresses(media::Side::inner),
                        codecs_named(parts_.settings.codecs));
  auto answer = co_await routers.wait();
  if (leg.is_over || !answer) co_return;
  leg.attempt->routers = std::move(answer->routers);
  co_await ask_routers(leg, std::move(order));
}

Task<void> Inbound::pick_routers(Leg& leg, io::Reply<policy::RouterAnswer> reply) {
  policy::RouterQuery query{
      .call = leg.call, .account = leg.account, .region = parts_.settings.region, .gateway = parts_.settings.name};
  auto answer = co_await parts_.policy.pick_routers(std::move(query));
  for (const StaticRouter& router : parts_.settings.routers) {
    const bool is_known = std::ranges::any_of(answer.routers, [&](const auto& r) { return r.uri == router.uri; });
    if (!is_known) answer.routers.push_back({router.name, router.region, router.uri, router.events_url});
  }
  if (!answer.routers.empty()) leg.events_url = answer.routers.front().events_url;
  parts_.ledger.start(leg);
  reply.set(std::move(answer));
}

Task<void> Inbound::ask_routers(Leg& leg, Order order) {
  const auto routers = std::move(leg.attempt->routers);
  AttemptOutcome outcome{.status = 503, .reason = "no router"};
  for (const policy::RouterChoice& router : routers) {
    outcome = co_await ask_router(leg, router, order);
    if (leg.is_over) co_return;
    if (outcome.is_answered() || !is_router_failure(outcome)) break;
    telemetry::counter("nearend_gateway_routers_failed_total").add();
    telemetry::warn("router failed", {{"call", leg.call}, {"router", router.name}, {"status", outcome.status}});
  }
  if (outcome.is_answered()) {
    leg.attempt.reset();
    co_return;
  }
  const int status = is_router_failure(outcome) ? 503 : outcome.status;
  give_up(leg, status, outcome.reason.empty() ? "no router" : std::string_view(outcome.reason), "router");
}

Task<AttemptOutcome> Inbound::ask_router(Leg& leg, const policy::RouterChoice& router, const Order& order) {
  leg.attempt = std::make_unique<Attempt>(parts_.loop());
  leg.events_url = router.events_url;
  const auto model = sdp::parse_sdp(order.offer);
  std::string offer = leg.media.inner.offer(model ? &*model : nullptr);
  const auto sent =
      parts_.link_end->invite(leg, router.uri, order.called, order.from_header, std::move(offer), order.passed_on);
  if (!sent) co_return AttemptOutcome{.status = 503, .is_local = true, .reason = sent.error().text};
  const io::Reply<AttemptOutcome> reply = leg.attempt->outcome;
  auto outcome = co_await reply.wait();
  co_return std::move(*outcome);
}

void Inbound::on_router_progress(Leg& leg, const sip::event::Progress& event) {
  const auto headers = parts_.link_end->read(event.response);
  if (!headers) return;
  leg.way.router_region = headers->region.path;
  parts_.commands->on_advance_orders(leg, *headers, event.body.content);
  if (headers->action("early") != nullptr) return hear_early(leg, event.body);
  if (headers->action("ring") != nullptr || event.status == 180) parts_.endpoints->ring(leg);
}

/// The callee is heard by way of the router's node, and has not answered.
void Inbound::hear_early(Leg& leg, const sip::Body& body) {
  const auto heard = leg.media.inner.hear(body.content);
  if (!heard) return telemetry::warn("early media not understood", {{"leg", leg.id}, {"error", heard.error().text}});
  parts_.commands->follow_inner(leg);
  parts_.endpoints->early_media(leg);
}

void Inbound::on_router_accepted(Leg& leg, const sip::event::Accepted& event) {
  leg.dialogs.is_link_answered = true;
  if (leg.attempt) leg.attempt->outcome.set({.status = 200});
  const auto headers = parts_.link_end->read(event.response);
  if (!headers)
    return parts_.endings->end(leg,
                               {.status = 502, .text = "the router's answer is not of the platform", .by = "gateway"});
  leg.way.router_region = headers->region.path;
  const auto accepted = leg.media.inner.accept(event.body.content);
  if (!accepted) {
    telemetry::warn("router's answer not understood", {{"leg", leg.id}, {"error", accepted.error().text}});
    return parts_.endings->end(leg, {.status = 502, .text = "the router's answer cannot be read", .by = "gateway"});
  }
  parts_.pairing->settle_address(leg);
  const bool is_bridged = leg.joint.state == Joint::State::open || parts_.commands->bridge_by(leg, *headers);
  if (!is_bridged) parts_.commands->follow_inner(leg);
  parts_.endpoints->answer(leg);
}

void Inbound::on_router_refused(Leg& leg, const sip::event::Refused& event) {
  parts_.legs.bind_link(leg, sip::DialogId::none);
  if (!leg.attempt) return;
  leg.attempt->outcome.set({.status = event.status, .is_local = event.is_local, .reason = event.reason});
}

}  // namespace nearend::gateway
