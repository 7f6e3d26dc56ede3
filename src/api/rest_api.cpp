#include "api/rest_api.hpp"

#include <algorithm>
#include <set>

#include "api/event_intake.hpp"
#include "api/recording_file.hpp"
#include "api/recording_intake.hpp"
#include "api/replies.hpp"
#include "base/ids.hpp"
#include "base/text.hpp"
#include "http/peer_signature.hpp"
#include "io/async.hpp"
#include "telemetry/log.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::api {
namespace {

constexpr std::string_view version_prefix = "/2010-04-01/Accounts/", recordings_prefix = "/v1/recordings/";
constexpr std::chrono::milliseconds arrival_awaited{600'000}, arrival_wait{8'000}, arrival_look{100};
constexpr size_t page_size_default = 50, page_size_max = 1000, rows_max = 10000;

http::Response not_found() {
  return error_reply(404, 20404, "The requested resource was not found");
}

http::Response unavailable(const Error& error) {
  return error_reply(503, 20503, error.text);
}

bool take_suffix(std::string& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.resize(text.size() - suffix.size());
  return true;
}

struct Page {
  size_t number = 0;
  size_t size = page_size_default;
};

Page read_page(std::string_view query) {
  Page page;
  auto form = http::parse_form(query);
  if (!form) return page;
  for (const auto& [key, value] : *form) {
    const auto number = parse_unsigned(value);
    if (!number) continue;
    if (key == "PageSize") page.size = std::clamp<size_t>(*number, 1, page_size_max);
    if (key == "Page") page.number = std::min<size_t>(*number, rows_max);
  }
  return page;
}

json::value page_uri(const std::string& path, const Page& page, bool is_there) {
  if (!is_there) return nullptr;
  return json::value(fmt::format("{}?PageSize={}&Page={}", path, page.size, page.number));
}

/// The envelope of a list: `rows` are all up to the end of the page, and one more when there is a next page.
json::object list_envelope(const std::string& path, const Page& page, const std::vector<store::Call>& rows) {
  const size_t first = std::min(page.number * page.size, rows.size());
  const size_t last = std::min(first + page.size, rows.size());
  json::array shown;
  for (size_t i = first; i < last; ++i) shown.push_back(call_resource(rows[i]));
  return {{"calls", std::move(shown)},
          {"end", last == first ? first : last - 1},
          {"first_page_uri", page_uri(path, {0, page.size}, true)},
          {"next_page_uri", page_uri(path, {page.number + 1, page.size}, rows.size() > last)},
          {"page", page.number},
          {"page_size", page.size},
          {"previous_page_uri", page_uri(path, {page.number - 1, page.size}, page.number > 0)},
          {"start", first},
          {"uri", page_uri(path, page, true)}};
}

}  // namespace

RestApi::RestApi(io::Loop& loop, store::Store& store, Settings settings)
    : loop_(loop), store_(store), settings_(std::move(settings)) {}

http::Handler RestApi::handler() {
  return [this](http::ServerRequest request) { return handle(std::move(request)); };
}

Task<http::Response> RestApi::handle(http::ServerRequest request) {
  if (request.path == "/v1/call-events") {
    if (request.method != "POST") co_return error_reply(405, 20004, "Method not allowed");
    auto response = co_await take_events(std::move(request));
    co_return response;
  }
  if (request.path.starts_with(recordings_prefix) && request.method == "PUT") co_return take_recording_piece(request);
  if (request.method != "GET") co_return error_reply(405, 20004, "Method not allowed");
  if (request.path == "/healthz") co_return json_reply(200, json::object{{"status", "ok"}});
  if (request.path == "/metrics") co_return reply(200, "text/plain; version=0.0.4", telemetry::prometheus_text());
  if (request.path == "/v1/state" && settings_.state) co_return reply(200, "application/json", settings_.state());
  if (!request.path.starts_with(version_prefix)) co_return not_found();
  auto response = co_await account_resource(std::move(request));
  co_return response;
}

bool RestApi::is_peer(const http::ServerRequest& request) const {
  const auto signature = http::find_header(request.headers, http::peer_signature_header);
  return !settings_.peer_key.empty() &&
         http::check_peer_signature(settings_.peer_key, signature, request.method, request.target, request.body,
                                    loop_.wall_ms() / 1000);
}

http::Response RestApi::take_recording_piece(const http::ServerRequest& request) {
  if (!is_peer(request)) return error_reply(403, 20403, "The Platform-Signature is missing or wrong");
  const http::Form query = http::parse_form(request.query).value_or(http::Form());
  const auto number = [&](std::string_view name) -> std::optional<uint64_t> {
    for (const auto& [key, value] : query)
      if (key == name) return parse_unsigned(value);
    return std::nullopt;
  };
  const auto offset = number("offset"), size = number("size");
  if (!offset || !size) return error_reply(400, 20001, "offset and size are numbers");
  const std::string_view sid = std::string_view(request.path).substr(recordings_prefix.size());
  const auto taken = take_recording(settings_.recordings, sid, *offset, *size, request.body);
  if (!taken)
    return taken.error().kind == Error::Kind::invalid ? error_reply(400, 20001, taken.error().text)
                                                      : unavailable(taken.error());
  return json_reply(
      200, json::object{{"have", taken->have}, {"complete", taken->is_complete}, {"was_there", taken->was_there}});
}

Task<http::Response> RestApi::take_events(http::ServerRequest request) {
  static telemetry::Counter& taken = telemetry::counter("nearend_call_events_total", "result=\"new\"");
  static telemetry::Counter& refused = telemetry::counter("nearend_call_events_total", "result=\"refused\"");
  static telemetry::Counter& repeated = telemetry::counter("nearend_call_events_total", "result=\"repeated\"");
  if (!is_peer(request)) co_return error_reply(403, 20403, "The Platform-Signature is missing or wrong");
  auto intake = parse_events(request.body);
  if (!intake) co_return error_reply(400, 20001, intake.error().text);
  for (const std::string& reason : intake->refused) telemetry::warn("call-event-refused", {{"reason", reason}});
  refused.add(intake->refused.size());
  std::set<std::pair<std::string, std::string>> calls;
  for (const store::CallEvent& event : intake->events) calls.emplace(event.account_sid, event.call_sid);
  const size_t sent = intake->events.size();
  const auto fresh = co_await store_.put_events(std::move(intake->events));
  if (!fresh) co_return unavailable(fresh.error());
  taken.add(*fresh);
  repeated.add(sent - *fresh);
  if (*fresh > 0)
    for (const auto& [account_sid, call_sid] : calls) co_await keep_forwarded_call(account_sid, call_sid);
  co_return json_reply(200, json::object{{"events", sent}, {"new", *fresh}, {"refused", intake->refused.size()}});
}

Task<void> RestApi::keep_forwarded_call(std::string account_sid, std::string call_sid) {
  const auto events = co_await store_.events(account_sid, call_sid);
  if (!events) co_return;
  auto row = forwarded_call(*events);
  if (!row) co_return;
  (void)co_await store_.put_call(std::move(*row));
}

Task<http::Response> RestApi::account_resource(http::ServerRequest request) {
  const io::Instant now = loop_.now();
  if (brake_.is_braked(request.peer.address, now)) co_return error_reply(429, 20429, "Too many failed requests");
  std::vector<std::string> parts;
  for (std::string_view part : split(std::string_view(request.path).substr(version_prefix.size()), '/'))
    parts.emplace_back(part);
  const std::string account_sid = parts.empty() ? "" : parts[0];
  const auto account = co_await store_.account(account_sid);
  if (!account) co_return unavailable(account.error());
  // An unknown account takes the same way as a known one, and never has a right password.
  const std::string token = account->has_value() ? (*account)->auth_token : "";
  if (!is_authorized(request, account_sid, token)) {
    brake_.fail(request.peer.address, now);
    http::Response refused = error_reply(401, 20003, "Authenticate");
    refused.headers.emplace_back("WWW-Authenticate", "Basic realm=\"Nearend API\"");
    co_return refused;
  }
  http::Response response = not_found();
  if (parts.size() == 2 && parts[1] == "Calls.json") {
    response = co_await calls(account_sid, request.query);
  } else if (parts.size() == 3 && parts[1] == "Calls" && take_suffix(parts[2], ".json")) {
    response = co_await call(account_sid, parts[2]);
  } else if (parts.size() == 4 && parts[1] == "Calls" && parts[3] == "Events.json") {
    response = co_await call_events(account_sid, parts[2]);
  } else if (parts.size() == 3 && parts[1] == "Recordings") {
    response = co_await recording(account_sid, parts[2]);
  }
  co_return response;
}

Task<http::Response> RestApi::calls(std::string account_sid, std::string query) {
  const Page page = read_page(query);
  const size_t wanted = std::min((page.number + 1) * page.size + 1, rows_max);
  const auto rows = co_await store_.calls(account_sid, wanted);
  if (!rows) co_return unavailable(rows.error());
  const std::string path = fmt::format("{}{}/Calls.json", version_prefix, account_sid);
  co_return json_reply(200, list_envelope(path, page, *rows));
}

Task<http::Response> RestApi::call(std::string account_sid, std::string sid) {
  const auto row = co_await store_.call(std::move(account_sid), std::move(sid));
  if (!row) co_return unavailable(row.error());
  if (!row->has_value()) co_return not_found();
  co_return json_reply(200, call_resource(**row));
}

Task<http::Response> RestApi::call_events(std::string account_sid, std::string sid) {
  const auto row = co_await store_.call(account_sid, sid);
  if (!row) co_return unavailable(row.error());
  const auto events = co_await store_.events(account_sid, sid);
  if (!events) co_return unavailable(events.error());
  if (!row->has_value() && events->empty()) co_return not_found();
  json::array shown;
  for (const store::CallEvent& event : *events) shown.push_back(event_resource(event));
  co_return json_reply(
      200, json::object{{"events", std::move(shown)},
                        {"uri", fmt::format("{}{}/Calls/{}/Events.json", version_prefix, account_sid, sid)}});
}

Task<http::Response> RestApi::recording(std::string account_sid, std::string file) {
  const bool wants_facts = take_suffix(file, ".json");
  if (!wants_facts) take_suffix(file, ".wav");
  if (!is_sid("RE", file)) co_return not_found();
  const auto row = co_await store_.recording(account_sid, file);
  if (!row) co_return unavailable(row.error());
  if (!row->has_value()) co_return not_found();
  if (wants_facts) co_return json_reply(200, recording_resource(**row));
  auto bytes = read_recording(settings_.recordings, file);
  // Its gateway may still be bringing it: who is told of a recording may ask for it at once.
  const bool is_new = loop_.wall_ms() - (*row)->created_ms - 1000 * (*row)->duration_s < arrival_awaited.count();
  const io::Instant until = loop_.now() + arrival_wait;
  while (!bytes && is_new && loop_.now() < until) {
    co_await io::sleep_for(loop_, arrival_look);
    bytes = read_recording(settings_.recordings, file);
  }
  if (!bytes) co_return bytes.error().kind == Error::Kind::not_found ? not_found() : unavailable(bytes.error());
  co_return reply(200, "audio/wav", std::move(*bytes));
}

}  // namespace nearend::api
