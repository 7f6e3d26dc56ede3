#include "link/outcome.hpp"

#include <boost/json/string.hpp>

namespace nearend::link {

namespace {

Result<const json::object*> object_of(const json::value& value) {
  const json::object* object = value.if_object();
  if (object == nullptr) return fail(Error::Kind::malformed, "done: the body is not a JSON object");
  return object;
}

void put(json::object& object, std::string_view key, const std::string& text) {
  if (!text.empty()) object[key] = text;
}
void put(json::object& object, std::string_view key, bool flag) {
  if (flag) object[key] = true;
}

}  // namespace

json::object to_json(const media::event::PlayEnded& outcome) {
  json::object object;
  put(object, "stopped", outcome.was_stopped);
  object["played_ms"] = outcome.played.count();
  if (outcome.error) put(object, "error", outcome.error->text);
  return object;
}

json::object to_json(const media::event::CollectEnded& outcome) {
  json::object object;
  put(object, "digits", outcome.digits);
  put(object, "finished_on", outcome.finished_on);
  put(object, "timeout", outcome.is_timeout);
  return object;
}

json::object to_json(const media::event::RecordEnded& outcome, std::string_view url) {
  json::object object;
  put(object, "reason", outcome.reason);
  put(object, "digits", outcome.digits);
  object["length_ms"] = outcome.length.count();
  put(object, "file", outcome.file);
  put(object, "partial", outcome.is_partial);
  object["channels"] = outcome.channels;
  put(object, "url", std::string(url));
  return object;
}

Result<media::event::PlayEnded> play_outcome_from_json(const json::value& value) {
  auto object = object_of(value);
  if (!object) return pass(object);
  media::event::PlayEnded outcome{.job = media::JobId::none};
  outcome.was_stopped = json_bool_or(**object, "stopped", false);
  outcome.played = std::chrono::milliseconds(json_integer_or(**object, "played_ms", 0));
  const std::string error = json_string_or(**object, "error", "");
  if (!error.empty()) outcome.error = Error{Error::Kind::unavailable, error};
  return outcome;
}

Result<media::event::CollectEnded> collect_outcome_from_json(const json::value& value) {
  auto object = object_of(value);
  if (!object) return pass(object);
  media::event::CollectEnded outcome{.job = media::JobId::none};
  outcome.digits = json_string_or(**object, "digits", "");
  outcome.finished_on = json_string_or(**object, "finished_on", "");
  outcome.is_timeout = json_bool_or(**object, "timeout", false);
  return outcome;
}

Result<media::event::RecordEnded> record_outcome_from_json(const json::value& value) {
  auto object = object_of(value);
  if (!object) return pass(object);
  media::event::RecordEnded outcome{.job = media::JobId::none};
  outcome.reason = json_string_or(**object, "reason", "");
  outcome.digits = json_string_or(**object, "digits", "");
  outcome.length = std::chrono::milliseconds(json_integer_or(**object, "length_ms", 0));
  outcome.file = json_string_or(**object, "file", "");
  outcome.is_partial = json_bool_or(**object, "partial", false);
  outcome.channels = static_cast<uint8_t>(json_integer_or(**object, "channels", 1));
  return outcome;
}

}  // namespace nearend::link
