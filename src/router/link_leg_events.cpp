#include <algorithm>

#include "base/text.hpp"
#include "router/link_leg.hpp"

// What comes in on a leg's dialog, and what it means.

namespace nearend::router {

namespace {

std::optional<milliseconds> duration_in(const sip::Message& message) {
  if (message.empty()) return std::nullopt;
  auto actions = link::parse_items(message.header("Action"));
  if (!actions) return std::nullopt;
  for (const link::Item& item : *actions) {
    if (item.name != "ended") continue;
    if (auto number = parse_unsigned(item.parameter("duration-ms"))) return milliseconds(*number);
  }
  return std::nullopt;
}

size_t done_in(const std::string& body) {
  auto value = parse_json(body);
  if (!value || value->if_object() == nullptr) return 0;
  const int64_t done = json_integer_or(*value->if_object(), "done", 0);
  return done > 0 ? static_cast<size_t>(done) : 0;
}

milliseconds since_in(const std::string& body) {
  auto value = parse_json(body);
  if (!value || value->if_object() == nullptr) return {};
  return milliseconds(json_integer_or(*value->if_object(), "since_ms", 0));
}

leg_event::WayOffered way_in(const std::string& body) {
  constexpr size_t hops_max = 3;
  leg_event::WayOffered way;
  auto value = parse_json(body);
  if (!value || value->if_object() == nullptr) return way;
  const json::object& object = value->get_object();
  const json::value* hops = object.if_contains("hops");
  if (hops == nullptr || !hops->is_array() || hops->get_array().size() > hops_max) return way;
  for (const json::value& hop : hops->get_array()) {
    if (!hop.is_object()) return {};
    way.gateways.push_back(json_string_or(hop.get_object(), "gateway", ""));
    way.regions.push_back(json_string_or(hop.get_object(), "region", ""));
  }
  if (const json::value* seen = object.if_contains("seen"); seen != nullptr && seen->is_object())
    way.seen = seen->get_object();
  return way;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> extension_headers(const sip::Message& message) {
  constexpr size_t headers_max = 32;
  std::vector<std::pair<std::string, std::string>> headers;
  for (size_t i = 0; i < message.field_count() && headers.size() < headers_max; ++i) {
    const sip::Message::Field field = message.field(i);
    if (field.name.size() > 2 && equal_ignoring_case(field.name.substr(0, 2), "X-"))
      headers.emplace_back(field.name, field.value);
  }
  return headers;
}

void LinkLeg::on_event(sip::DialogEvent event) {
  std::visit(
      [this](auto& what) {
        if constexpr (requires { on(what); }) on(what);
      },
      event);
}

void LinkLeg::tell(LegEvent event) {
  if (!handler_) return;
  const EventHandler handler = handler_;  // It may set another one.
  handler(std::move(event));
}

void LinkLeg::fail_all(int status) {
  const auto requests = std::exchange(requests_, {});
  const auto reinvites = std::exchange(reinvites_, {});
  for (const auto& [cookie, reply] : requests) reply.set({status, {}});
  for (const Reinvite& reinvite : reinvites) reinvite.reply.set({status, {}});
  for (const auto& [number, outcome] : jobs_) outcome.set({.why = JobEnd::Why::gone, .text = "the leg is over"});
}

void LinkLeg::finish(leg_event::Over over) {
  if (is_over()) return;
  state_ = State::over;
  fail_all(481);
  tell(std::move(over));
}

void LinkLeg::read_facts(const sip::Message& message) {
  auto headers = link::read_headers(message);
  if (!headers) return;  // A response from a hop in between; requests were checked when they came.
  gateway_.region = headers->region.path;
  if (headers->features.empty()) return;
  gateway_.features.clear();
  gateway_.reanchors = false;
  for (const link::Item& item : headers->features) {
    if (item.name == "gateway") {
      gateway_.name = item.parameter("name");
      gateway_.uri = item.parameter("uri");
      continue;
    }
    gateway_.reanchors |= item.name == "re-anchor";
    gateway_.features.push_back(item.name);
  }
}

void LinkLeg::take_description(std::string_view body) {
  if (body.empty()) return;
  auto description = sdp::parse_sdp(body);
  if (description) theirs_ = std::move(*description);
}

void LinkLeg::on(sip::event::Progress& event) {
  if (state_ != State::calling) return;
  read_facts(event.response);
  if (event.body.is_sdp()) {
    take_description(event.body.content);
    tell(leg_event::Early{});
  }
  auto actions = link::parse_items(event.response.header("Action"));
  const bool is_early =
      actions && std::ranges::any_of(*actions, [](const link::Item& item) { return item.name == "early"; });
  if (is_early) return tell(leg_event::EarlyMedia{});
  if (event.status == 180) tell(leg_event::Ringing{});
}

void LinkLeg::on(sip::event::Accepted& event) {
  if (state_ == State::calling) {
    if (event.body.is_sdp()) take_description(event.body.content);
    state_ = State::confirmed;
    read_facts(event.response);
    leg_event::Answered answered;
    auto headers = link::read_headers(event.response);
    const link::Item* bridged = headers ? headers->action("bridged") : nullptr;
    const link::Item* plain = headers ? headers->action("answered") : nullptr;
    answered.is_bridged = bridged != nullptr;
    if (const link::Item* item = bridged != nullptr ? bridged : plain)
      answered.sip_call_id = item->parameter("sip-call-id");
    answered.headers = extension_headers(event.response);
    tell(std::move(answered));
    return;
  }
  if (reinvites_.empty()) return;
  const Reinvite reinvite = reinvites_.front();
  reinvites_.pop_front();
  if (event.body.is_sdp() && reinvite.is_inner_answered) take_description(event.body.content);
  reinvite.reply.set({200, event.body.content});
}

void LinkLeg::on(sip::event::Refused& event) {
  if (state_ == State::calling) {
    state_ = State::over;
    fail_all(481);
    tell(leg_event::Failed{event.status, event.reason});
    return;
  }
  if (!reinvites_.empty()) {
    reinvites_.front().reply.set({event.status, {}});
    reinvites_.pop_front();
  }
  if (event.status == 412)
    return finish({.by = leg_event::Over::By::fenced, .reason = "another router has the call", .duration = {}});
  if (event.is_dialog_over) finish({.by = leg_event::Over::By::lost, .reason = event.reason, .duration = {}});
}

void LinkLeg::on(sip::event::Responded& event) {
  auto found = requests_.find(event.cookie);
  if (found != requests_.end()) {
    found->second.set({event.status, event.body.content});
    requests_.erase(found);
  }
  if (event.status == 412)
    return finish({.by = leg_event::Over::By::fenced, .reason = "another router has the call", .duration = {}});
  if (event.status == 481 && state_ == State::confirmed)
    finish({.by = leg_event::Over::By::lost, .reason = "the gateway does not know the leg", .duration = {}});
}

void LinkLeg::on(sip::event::Ended& event) {
  finish({.by = event.is_local ? leg_event::Over::By::lost : leg_event::Over::By::endpoint,
          .reason = event.reason,
          .duration = duration_in(event.request)});
}

void LinkLeg::on(sip::event::Cancelled& event) {
  finish({.by = leg_event::Over::By::cancelled, .reason = event.reason, .duration = {}});
}

void LinkLeg::on(sip::event::NotAcknowledged&) {
  finish({.by = leg_event::Over::By::lost, .reason = "the answer was never acknowledged", .duration = {}});
}

void LinkLeg::on(sip::event::Requested& event) {
  auto headers = link::read_headers(event.request);
  const auto say = [&](int status) { (void)wire_.stack.respond(event.transaction, status); };
  if (!headers) return say(400);
  if (!wire_.settings.link_key.empty() && !link::verify(wire_.settings.link_key, event.request, wire_.unix_seconds()))
    return say(403);
  // 0: the gateway has not heard from any owner yet.
  if (headers->context.epoch != 0 && headers->context.epoch < context_.epoch) return say(412);
  if (event.method == sip::Method::info) return on_info(event, *headers);
  if (event.method == sip::Method::invite || event.method == sip::Method::update) return on_reinvite(event, *headers);
  say(event.method == sip::Method::options ? 200 : 501);
}

void LinkLeg::on_info(sip::event::Requested& event, const link::Headers& headers) {
  const link::Item* action = headers.actions.empty() ? nullptr : &headers.actions.front();
  const std::string_view name = action != nullptr ? std::string_view(action->name) : std::string_view();
  static constexpr std::string_view known[] = {"done", "timeout", "bridged", "continuing", "continued", "reroute"};
  const bool is_known = std::find(std::begin(known), std::end(known), name) != std::end(known);
  (void)wire_.stack.respond(event.transaction, is_known ? 200 : 501);
  if (name == "done") return on_done(*action, event.body.content);
  if (name == "timeout") return tell(leg_event::Silent{since_in(event.body.content)});
  if (name == "bridged") return tell(leg_event::Bridged{std::string(action->parameter("peer"))});
  if (name == "reroute") return tell(way_in(event.body.content));
  if (name == "continuing") return tell(leg_event::Continuing{});
  if (name == "continued") return tell(leg_event::Continued{done_in(event.body.content)});
}

void LinkLeg::on_reinvite(sip::event::Requested& event, const link::Headers& headers) {
  if (event.body.is_sdp()) take_description(event.body.content);
  const link::Item* hangup = headers.action("hangup");
  if (hangup != nullptr && hangup->parameter("target") == "peer") return tell(leg_event::HangupPeer{event.transaction});
  if (headers.action("anchor") != nullptr) return tell(leg_event::AnchorOffered{event.transaction});
  if (headers.action("moved") != nullptr) tell(leg_event::Moved{});
  // A session refresh with the description repeated: what we said last still holds.
  answer_media(event.transaction, ours_);
}

void LinkLeg::on_done(const link::Item& action, const std::string& body) {
  auto number = parse_unsigned(action.parameter("job"));
  auto found = number ? jobs_.find(*number) : jobs_.end();
  if (found == jobs_.end()) return;
  JobEnd end;
  auto value = parse_json(body);
  if (value) end.outcome = std::move(*value);
  if (!value) end.text = value.error().text;
  found->second.set(std::move(end));
}

}  // namespace nearend::router
