#include "api/replies.hpp"

#include "base/dates.hpp"

namespace nearend::api {
namespace {

json::value date(int64_t wall_ms) {
  if (wall_ms == 0) return nullptr;
  return json::value(rfc2822_utc(wall_ms));
}

json::value text_or_null(const std::string& text) {
  if (text.empty()) return nullptr;
  return json::value(text);
}

std::string account_path(const std::string& account_sid) {
  return "/2010-04-01/Accounts/" + account_sid;
}

}  // namespace

http::Response reply(int status, std::string type, std::string body) {
  http::Response response{.status = status, .body = std::move(body)};
  response.headers.emplace_back("Content-Type", std::move(type));
  return response;
}

http::Response json_reply(int status, const json::value& body) {
  return reply(status, "application/json; charset=utf-8", to_json(body));
}

http::Response error_reply(int status, int code, std::string_view message) {
  return json_reply(status, json::object{{"code", code}, {"message", message}, {"more_info", ""}, {"status", status}});
}

json::object call_resource(const store::Call& call) {
  const std::string path = fmt::format("{}/Calls/{}", account_path(call.account_sid), call.sid);
  const int64_t updated_ms = std::max({call.created_ms, call.started_ms, call.ended_ms});
  json::object resource{{"sid", call.sid},
                        {"date_created", date(call.created_ms)},
                        {"date_updated", date(updated_ms)},
                        {"parent_call_sid", text_or_null(call.parent_sid)},
                        {"account_sid", call.account_sid},
                        {"to", call.to},
                        {"to_formatted", call.to},
                        {"from", call.from},
                        {"from_formatted", call.from},
                        {"status", call.status},
                        {"start_time", date(call.started_ms)},
                        {"end_time", date(call.ended_ms)},
                        {"direction", call.direction},
                        {"api_version", "2010-04-01"},
                        {"uri", path + ".json"},
                        {"subresource_uris", json::object{{"events", path + "/Events.json"}}}};
  resource["duration"] = call.ended_ms ? json::value(fmt::format("{}", call.duration_s)) : json::value(nullptr);
  for (const char* unknown : {"phone_number_sid", "price", "price_unit", "answered_by", "forwarded_from", "group_sid",
                              "caller_name", "queue_time", "trunk_sid"})
    resource[unknown] = nullptr;
  return resource;
}

json::object event_resource(const store::CallEvent& event) {
  auto detail = parse_json(event.detail.empty() ? "{}" : event.detail);
  return {{"id", event.id},
          {"kind", event.kind},
          {"leg", text_or_null(event.leg)},
          {"gateway", text_or_null(event.gateway)},
          {"timestamp", date(event.at_ms)},
          {"timestamp_ms", event.at_ms},
          {"detail", detail ? std::move(*detail) : json::value(nullptr)}};
}

json::object recording_resource(const store::Recording& recording) {
  const std::string path = fmt::format("{}/Recordings/{}", account_path(recording.account_sid), recording.sid);
  return {{"sid", recording.sid},
          {"account_sid", recording.account_sid},
          {"call_sid", recording.call_sid},
          {"conference_sid", nullptr},
          {"status", recording.status},
          {"source", recording.source},
          {"channels", recording.channels},
          {"duration", fmt::format("{}", recording.duration_s)},
          {"start_time", date(recording.created_ms)},
          {"date_created", date(recording.created_ms)},
          {"date_updated", date(recording.created_ms)},
          {"api_version", "2010-04-01"},
          {"price", nullptr},
          {"price_unit", nullptr},
          {"encryption_details", nullptr},
          {"error_code", nullptr},
          {"media_url", path + ".wav"},
          {"uri", path + ".json"}};
}

}  // namespace nearend::api
