#include "script/position.hpp"

#include <boost/json/array.hpp>

#include "base/json.hpp"

namespace nearend::script {
namespace {

Result<http::Form> read_form(const json::object& object) {
  const json::value* pairs = object.if_contains("form");
  if (!pairs || !pairs->is_array()) return fail(Error::Kind::malformed, "verb state: form must be an array");
  http::Form form;
  for (const json::value& pair : pairs->get_array()) {
    const bool is_pair = pair.is_array() && pair.get_array().size() == 2 && pair.get_array()[0].is_string() &&
                         pair.get_array()[1].is_string();
    if (!is_pair) return fail(Error::Kind::malformed, "verb state: form must hold pairs of strings");
    form.emplace_back(pair.get_array()[0].get_string().c_str(), pair.get_array()[1].get_string().c_str());
  }
  return form;
}

Result<Next> read_pending(const json::object& object) {
  auto form = read_form(object);
  if (!form) return pass(form);
  return Next{.kind = Next::Kind::document,
              .url = json_string_or(object, "url", ""),
              .method = json_string_or(object, "method", "POST"),
              .form = std::move(*form)};
}

json::object to_object(const http::Cookie& cookie) {
  return {{"name", cookie.name},
          {"value", cookie.value},
          {"domain", cookie.domain},
          {"path", cookie.path},
          {"host_only", cookie.is_host_only},
          {"secure", cookie.is_secure},
          {"expires_ms", cookie.expires_ms}};
}

std::vector<http::Cookie> read_cookies(const json::object& object) {
  std::vector<http::Cookie> cookies;
  const json::value* array = object.if_contains("cookies");
  if (!array || !array->is_array()) return cookies;
  for (const json::value& value : array->get_array()) {
    if (!value.is_object()) continue;
    const json::object& cookie = value.get_object();
    cookies.push_back({.name = json_string_or(cookie, "name", ""),
                       .value = json_string_or(cookie, "value", ""),
                       .domain = json_string_or(cookie, "domain", ""),
                       .path = json_string_or(cookie, "path", "/"),
                       .is_host_only = json_bool_or(cookie, "host_only", true),
                       .is_secure = json_bool_or(cookie, "secure", false),
                       .expires_ms = json_integer_or(cookie, "expires_ms", 0)});
  }
  return cookies;
}

}  // namespace

std::string verb_state_text(const VerbState& state) {
  json::object object{{"steps", static_cast<int64_t>(state.steps)}};
  if (state.pending) {
    json::array form;
    for (const auto& [key, value] : state.pending->form)
      form.push_back(json::array{json::string(key), json::string(value)});
    object["pending"] =
        json::object{{"url", state.pending->url}, {"method", state.pending->method}, {"form", std::move(form)}};
  }
  json::array cookies;
  for (const http::Cookie& cookie : state.cookies) cookies.push_back(to_object(cookie));
  if (!cookies.empty()) object["cookies"] = std::move(cookies);
  return to_json(object);
}

Result<VerbState> parse_verb_state(std::string_view text) {
  if (text.empty()) return VerbState{};
  auto parsed = parse_json(text);
  if (!parsed) return pass(parsed);
  if (!parsed->is_object()) return fail(Error::Kind::malformed, "verb state: must be an object");
  const json::object& object = parsed->get_object();
  VerbState state{.steps = static_cast<size_t>(std::max<int64_t>(0, json_integer_or(object, "steps", 0)))};
  if (const json::value* pending = object.if_contains("pending"); pending && pending->is_object()) {
    auto next = read_pending(pending->get_object());
    if (!next) return pass(next);
    state.pending = std::move(*next);
  }
  state.cookies = read_cookies(object);
  return state;
}

}  // namespace nearend::script
