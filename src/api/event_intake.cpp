#include "api/event_intake.hpp"

#include <algorithm>

#include "base/json.hpp"

namespace nearend::api {
namespace {

constexpr size_t field_max = 256;

Result<store::CallEvent> parse_event(const json::value& value) {
  const json::object* object = value.if_object();
  if (!object) return fail(Error::Kind::malformed, "not an object");
  store::CallEvent event;
  for (const auto& [name, field] : {std::pair("id", &event.id), std::pair("kind", &event.kind)}) {
    auto text = json_string(*object, name);
    if (!text) return pass(text);
    if (text->empty() || text->size() > field_max)
      return fail(Error::Kind::invalid, "{} must have 1 to {} characters", name, field_max);
    *field = std::move(*text);
  }
  auto at = json_integer(*object, "at_ms");
  if (!at) return pass(at);
  event.at_ms = *at;
  event.call_sid = json_string_or(*object, "call_sid", "").substr(0, field_max);
  event.account_sid = json_string_or(*object, "account_sid", "").substr(0, field_max);
  event.leg = json_string_or(*object, "leg", "").substr(0, field_max);
  event.gateway = json_string_or(*object, "gateway", "").substr(0, field_max);
  const json::value* detail = object->if_contains("detail");
  event.detail = detail && detail->is_object() ? to_json(*detail) : "{}";
  return event;
}

json::object detail_of(const store::CallEvent& event) {
  auto detail = parse_json(event.detail);
  return detail && detail->is_object() ? std::move(detail->get_object()) : json::object{};
}

}  // namespace

Result<Intake> parse_events(std::string_view body) {
  auto parsed = parse_json(body);
  if (!parsed) return pass(parsed);
  if (!parsed->is_array()) return fail(Error::Kind::malformed, "the body must be an array of events");
  const json::array& array = parsed->get_array();
  if (array.size() > events_max)
    return fail(Error::Kind::invalid, "{} events in one request, {} at most", array.size(), events_max);
  Intake intake;
  for (size_t i = 0; i < array.size(); ++i) {
    auto event = parse_event(array[i]);
    if (event)
      intake.events.push_back(std::move(*event));
    else
      intake.refused.push_back(fmt::format("event {}: {}", i, event.error().text));
  }
  return intake;
}

std::optional<store::Call> forwarded_call(const std::vector<store::CallEvent>& events) {
  const auto is_forwarded_start = [](const store::CallEvent& event) {
    const json::object detail = detail_of(event);
    return event.kind == "start" && json_bool_or(detail, "forwarded", false) &&
           json_string_or(detail, "direction", "") == "inbound";
  };
  const auto start = std::ranges::find_if(events, is_forwarded_start);
  if (start == events.end()) return std::nullopt;
  const json::object began = detail_of(*start);
  store::Call call{.sid = start->call_sid,
                   .account_sid = start->account_sid,
                   .from = json_string_or(began, "from", ""),
                   .to = json_string_or(began, "to", ""),
                   .direction = "inbound",
                   .status = "ringing",
                   .created_ms = start->at_ms};
  for (const store::CallEvent& event : events) {
    if (event.leg != start->leg) continue;
    if (event.kind == "answer") {
      call.started_ms = event.at_ms;
      if (call.ended_ms == 0) call.status = "in-progress";
    }
    if (event.kind != "end") continue;
    const json::object ended = detail_of(event);
    const int64_t duration_ms = json_integer_or(ended, "duration_ms", 0);
    call.ended_ms = event.at_ms;
    call.duration_s = (duration_ms + 999) / 1000;
    call.status = json_bool_or(ended, "answered", false) ? "completed" : "no-answer";
    call.end_reason = json_string_or(ended, "cause", "");
  }
  return call;
}

}  // namespace nearend::api
