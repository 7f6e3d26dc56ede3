#include "gateway/link_end.hpp"

#include "base/text.hpp"
#include "telemetry/log.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::gateway {

namespace {

sip::Body sdp_body(std::string sdp) {
  if (sdp.empty()) return {};
  return {.type = "application/sdp", .content = std::move(sdp)};
}

constexpr uint16_t sip_port = 5060;
constexpr uint16_t sips_port = 5061;

}  // namespace

std::vector<sip::Target> link_targets(std::string_view uri) {
  const auto parsed = sip::parse_uri(uri);
  if (!parsed) return {};
  const auto address = parse_ip(parsed->host);
  if (!address) return {};
  sip::Target target;
  const std::string transport = to_lower(parsed->transport());
  target.protocol = parsed->is_secure() || transport == "tls" ? sip::Protocol::tls : sip::Protocol::tcp;
  if (transport == "udp") target.protocol = sip::Protocol::udp;
  target.address = {*address, parsed->port.value_or(target.protocol == sip::Protocol::tls ? sips_port : sip_port)};
  target.listener = 1;
  return {target};
}

LinkEnd::LinkEnd(Parts& parts) : parts_(parts) {
  offer(parts.settings.features);
}

void LinkEnd::offer(const std::vector<std::string>& features) {
  features_.clear();
  for (const std::string& name : features) features_.push_back({.name = name});
  features_.push_back({.name = "profile", .parameters = {{"v", "1"}}});
  if (parts_.settings.reanchor != ReanchorBy::router) features_.push_back({.name = "re-anchor"});
}

link::Headers LinkEnd::headers(const Leg& leg, Items actions) const {
  link::Headers headers;
  headers.region.path = parts_.settings.region;
  headers.context = {.call_sid = leg.call,
                     .account_sid = leg.account,
                     .leg = leg.id,
                     .parent_leg = leg.parent,
                     .epoch = parts_.legs.epoch_of(leg.call)};
  headers.actions = std::move(actions);
  return headers;
}

sip::ExtraHeaders LinkEnd::dress(const Leg& leg, Items actions, sip::Method method, std::string_view body,
                                 bool has_features) const {
  link::Headers platform = headers(leg, std::move(actions));
  if (has_features) {
    platform.features = features_;
    platform.features.push_back(
        {.name = "gateway", .parameters = {{"name", parts_.settings.name}, {"uri", parts_.link_uri}}});
  }
  return link::signed_headers(platform, parts_.settings.link_key, method, body, unix_seconds());
}

std::expected<link::Headers, LinkEnd::Refusal> LinkEnd::read(const sip::Message& message) {
  auto headers = link::read_headers(message);
  if (!headers) return std::unexpected(Refusal{400, headers.error().text});
  if (!parts_.settings.link_key.empty()) {
    const auto proven = link::verify(parts_.settings.link_key, message, unix_seconds());
    if (!proven) {
      telemetry::counter("nearend_gateway_link_signatures_refused_total").add();
      return std::unexpected(Refusal{403, proven.error().text});
    }
  }
  if (!parts_.legs.is_current(headers->context.call_sid, headers->context.epoch))
    return std::unexpected(Refusal{412, "A newer router has this call"});
  return std::move(*headers);
}

Result<void> LinkEnd::invite(Leg& leg, const std::string& router_uri, std::string_view called, std::string_view from,
                             std::string offer, sip::ExtraHeaders passed_on) {
  auto router = sip::parse_uri(router_uri);
  if (!router) return pass(router);
  router->set_user(called);
  sip::InviteRequest request;
  request.uri = router->to_string();
  request.from = from;
  request.targets = link_targets(router_uri);
  request.headers = dress(leg, {}, sip::Method::invite, offer, true);
  for (auto& header : passed_on) request.headers.push_back(std::move(header));
  request.body = sdp_body(std::move(offer));
  request.session_expires = parts_.settings.session_expires;
  request.answer_timeout = std::chrono::hours(24);  // how long a caller may wait is the document's affair
  request.first_response_timeout = parts_.settings.router_patience;
  request.is_100rel_offered = false;
  auto dialog = parts_.link->invite(std::move(request));
  if (!dialog) return pass(dialog);
  parts_.legs.bind_link(leg, *dialog);
  return {};
}

void LinkEnd::progress(Leg& leg, int status, std::string sdp, Items actions) {
  if (leg.dialogs.link == sip::DialogId::none) return;
  auto headers = dress(leg, std::move(actions), sip::Method::invite, sdp, true);
  (void)parts_.link->progress(leg.dialogs.link, status, sdp_body(std::move(sdp)), std::move(headers));
}

void LinkEnd::accept(Leg& leg, std::string sdp, Items actions, sip::ExtraHeaders passed_on) {
  if (leg.dialogs.link == sip::DialogId::none) return;
  auto headers = dress(leg, std::move(actions), sip::Method::invite, sdp, true);
  for (sip::ExtraHeader& header : passed_on) headers.push_back(std::move(header));
  leg.dialogs.is_link_answered = true;
  (void)parts_.link->accept(leg.dialogs.link, sdp_body(std::move(sdp)), std::move(headers));
}

void LinkEnd::refuse(Leg& leg, int status, std::string_view reason) {
  if (leg.dialogs.link == sip::DialogId::none) return;
  auto headers = dress(leg, {}, sip::Method::invite, {});
  (void)parts_.link->refuse(leg.dialogs.link, status, reason, std::move(headers));
  parts_.legs.bind_link(leg, sip::DialogId::none);
}

uint64_t LinkEnd::info(Leg& leg, link::Item action, std::string json) {
  if (leg.dialogs.link == sip::DialogId::none) return 0;
  auto headers = dress(leg, {std::move(action)}, sip::Method::info, json);
  sip::Body body;
  if (!json.empty()) body = {.type = "application/json", .content = std::move(json)};
  const auto cookie = parts_.link->request(leg.dialogs.link, sip::Method::info, std::move(body), std::move(headers));
  return cookie ? *cookie : 0;
}

uint64_t LinkEnd::probe(Leg& leg) {
  if (leg.dialogs.link == sip::DialogId::none) return 0;
  auto headers = dress(leg, {}, sip::Method::options, {});
  const auto cookie = parts_.link->request(leg.dialogs.link, sip::Method::options, {}, std::move(headers));
  return cookie ? *cookie : 0;
}

bool LinkEnd::reinvite(Leg& leg, link::Item action, std::string sdp) {
  if (leg.dialogs.link == sip::DialogId::none || !leg.dialogs.is_link_answered) return false;
  auto headers = dress(leg, {std::move(action)}, sip::Method::invite, sdp);
  return parts_.link->reinvite(leg.dialogs.link, sdp_body(std::move(sdp)), std::move(headers)).has_value();
}

void LinkEnd::respond(Leg& leg, const sip::event::Requested& to, int status, sip::Body body, std::string_view reason) {
  auto headers = dress(leg, {}, to.method, body.content);
  (void)parts_.link->respond(to.transaction, status, std::move(body), std::move(headers), reason);
}

void LinkEnd::end(Leg& leg, const EndCause& cause) {
  if (leg.dialogs.link == sip::DialogId::none) return;
  link::Item action{.name = "ended"};
  action.parameters.emplace_back("duration-ms", fmt::format("{}", parts_.ledger.talked(leg).count()));
  auto headers = dress(leg, {std::move(action)}, sip::Method::bye, {});
  headers.push_back({"Reason", reason_header(cause)});
  parts_.link->end(leg.dialogs.link, std::move(headers));
  parts_.legs.bind_link(leg, sip::DialogId::none);
}

void LinkEnd::notify(const std::string& uri, const Leg& about, link::Item action, std::string sdp) {
  auto headers = dress(about, {std::move(action)}, sip::Method::notify, sdp);
  headers.push_back({"Event", "nearend-leg"});
  headers.push_back({"Subscription-State", "active"});
  const std::string from = fmt::format("<{}>", parts_.link_uri);
  const auto sent = parts_.link->send_request(
      sip::Method::notify, uri, from, link_targets(uri), sdp_body(std::move(sdp)), std::move(headers),
      [leg = about.id](int status, const sip::Message&) {
        if (status >= 300) telemetry::warn("gateway did not take a notice", {{"leg", leg}, {"status", status}});
      });
  if (!sent) telemetry::warn("notice not sent", {{"leg", about.id}, {"error", sent.error().text}});
}

}  // namespace nearend::gateway
