#include <boost/json/array.hpp>

#include "link/profile.hpp"

namespace nearend::link {
namespace {

using media::Source;

constexpr std::pair<Source::Kind, std::string_view> source_kinds[] = {
    {Source::Kind::url, "url"},   {Source::Kind::file, "file"},       {Source::Kind::speech, "speech"},
    {Source::Kind::tone, "tone"}, {Source::Kind::silence, "silence"}, {Source::Kind::digits, "digits"}};

std::string_view kind_name(Source::Kind kind) {
  for (const auto& [value, name] : source_kinds)
    if (value == kind) return name;
  return "url";
}

json::object source_to_json(const Source& source) {
  json::object object{{"kind", kind_name(source.kind)}, {"value", source.value}, {"loop", source.loop}};
  if (source.kind == Source::Kind::speech) {
    object["voice"] = source.voice;
    object["language"] = source.language;
  }
  if (source.length.count() > 0) object["length_ms"] = source.length.count();
  return object;
}

Result<const json::object*> as_object(const json::value& value, std::string_view what) {
  if (!value.is_object()) return fail(Error::Kind::malformed, "{}: a JSON object is expected", what);
  return &value.get_object();
}

Result<Source> source_from_json(const json::value& value) {
  auto object = as_object(value, "source");
  if (!object) return pass(object);
  auto kind = json_string(**object, "kind");
  if (!kind) return pass(kind);
  auto text = json_string(**object, "value");
  if (!text) return pass(text);
  for (const auto& [known, name] : source_kinds) {
    if (name != *kind) continue;
    return Source{.kind = known,
                  .value = std::move(*text),
                  .voice = json_string_or(**object, "voice", "man"),
                  .language = json_string_or(**object, "language", "en-US"),
                  .loop = static_cast<uint32_t>(json_integer_or(**object, "loop", 1)),
                  .length = media::milliseconds(json_integer_or(**object, "length_ms", 0))};
  }
  return fail(Error::Kind::invalid, "source: kind '{}' is not one of url, file, speech, tone, silence, digits", *kind);
}

}  // namespace

json::object to_json(const media::PlayRequest& request) {
  json::array sources;
  for (const Source& source : request.sources) sources.push_back(source_to_json(source));
  return {{"sources", std::move(sources)}, {"stop_on_digit", request.is_stopped_by_digit}};
}

json::object to_json(const media::CollectRequest& request) {
  return {{"digits_max", request.digits_max},
          {"finish_on", request.finish_on_digits},
          {"timeout_ms", request.timeout.count()},
          {"prompt", to_json(request.prompt)}};
}

json::object to_json(const media::RecordRequest& request) {
  json::object object{{"dual", request.is_dual},
                      {"name", request.path_hint},
                      {"finish_on", request.finish_on_digits},
                      {"length_max_s", request.length_max.count()},
                      {"beep", request.has_beep},
                      {"trim_silence", request.is_silence_trimmed}};
  if (request.silence_timeout) object["silence_s"] = request.silence_timeout->count();
  return object;
}

Result<media::PlayRequest> play_from_json(const json::value& value) {
  auto object = as_object(value, "play");
  if (!object) return pass(object);
  media::PlayRequest request{.is_stopped_by_digit = json_bool_or(**object, "stop_on_digit", false)};
  const json::value* sources = (*object)->if_contains("sources");
  if (!sources) return request;
  if (!sources->is_array()) return fail(Error::Kind::malformed, "play: 'sources' must be an array");
  for (const json::value& element : sources->get_array()) {
    auto source = source_from_json(element);
    if (!source) return pass(source);
    request.sources.push_back(std::move(*source));
  }
  return request;
}

Result<media::CollectRequest> collect_from_json(const json::value& value) {
  auto object = as_object(value, "gather");
  if (!object) return pass(object);
  media::CollectRequest request{.digits_max = static_cast<uint32_t>(json_integer_or(**object, "digits_max", 0)),
                                .finish_on_digits = json_string_or(**object, "finish_on", "#"),
                                .timeout = media::milliseconds(json_integer_or(**object, "timeout_ms", 5000))};
  if (const json::value* prompt = (*object)->if_contains("prompt")) {
    auto play = play_from_json(*prompt);
    if (!play) return pass(play);
    request.prompt = std::move(*play);
  }
  return request;
}

Result<media::RecordRequest> record_from_json(const json::value& value) {
  auto object = as_object(value, "record");
  if (!object) return pass(object);
  media::RecordRequest request{.is_dual = json_bool_or(**object, "dual", false),
                               .path_hint = json_string_or(**object, "name", ""),
                               .finish_on_digits = json_string_or(**object, "finish_on", ""),
                               .length_max = std::chrono::seconds(json_integer_or(**object, "length_max_s", 3600)),
                               .has_beep = json_bool_or(**object, "beep", false),
                               .is_silence_trimmed = json_bool_or(**object, "trim_silence", false)};
  const int64_t silence_s = json_integer_or(**object, "silence_s", 0);
  if (silence_s > 0) request.silence_timeout = std::chrono::seconds(silence_s);
  return request;
}

}  // namespace nearend::link
