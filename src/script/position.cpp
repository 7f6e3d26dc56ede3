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

}  // namespace

std::string verb_state_text(size_t steps, const Next* pending) {
  json::object state{{"steps", static_cast<int64_t>(steps)}};
  if (pending) {
    json::array form;
    for (const auto& [key, value] : pending->form) form.push_back(json::array{json::string(key), json::string(value)});
    state["pending"] = json::object{{"url", pending->url}, {"method", pending->method}, {"form", std::move(form)}};
  }
  return to_json(state);
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
  return state;
}

}  // namespace nearend::script
