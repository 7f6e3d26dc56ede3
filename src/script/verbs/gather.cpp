#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "script/attributes.hpp"
#include "script/audio.hpp"
#include "script/verbs/all.hpp"

namespace nearend::script {
namespace {

constexpr std::array<std::string_view, 7> attributes{
    "input", "action", "method", "timeout", "finishOnKey", "numDigits", "actionOnEmptyResult"};
/// These concern speech, or are left to the platform.
constexpr std::array<std::string_view, 11> later{"speechTimeout",
                                                 "speechModel",
                                                 "language",
                                                 "hints",
                                                 "profanityFilter",
                                                 "enhanced",
                                                 "partialResultCallback",
                                                 "partialResultCallbackMethod",
                                                 "bargeIn",
                                                 "maxSpeechTime",
                                                 "debug"};
constexpr std::array<std::string_view, 2> inputs{"dtmf", "speech"};
constexpr uint32_t timeout_default_s = 5, timeout_max_s = 14400, digits_max = 1000;

struct Gather {
  std::string action, method;
  bool has_action_on_empty = false;
  media::CollectRequest request;
};

uint32_t timeout_of(const markup::Element& element, Notes& notes) {
  if (attribute_text(element, "timeout") != "auto")
    return attribute_number(element, "timeout", timeout_default_s, {1, timeout_max_s}, notes);
  notes.warn(element, code::schema, "timeout of <Gather> is 'auto', which is for speech; 5 is used");
  return timeout_default_s;
}

/// One key or none; the default is '#'.
std::string finish_key_of(const markup::Element& element, Notes& notes) {
  const std::string keys = attribute_digits(element, "finishOnKey", key_characters, "#", notes);
  if (keys.size() <= 1) return keys;
  notes.warn(
      element, code::schema,
      fmt::format("finishOnKey of <Gather> is '{}' but must be one key or empty; # is used", keys.substr(0, 64)));
  return "#";
}

void check_input(const markup::Element& element, Notes& notes) {
  const auto input = attribute_list(element, "input", inputs, "dtmf", notes);
  const bool wants_speech = std::ranges::find(input, "speech") != input.end();
  if (wants_speech)
    notes.warn(element, code::schema,
               "input of <Gather> asks for speech, which is not recognised yet: only keys are collected");
}

std::vector<media::Source> prompt_of(const markup::Element& element, std::string_view base, Notes& notes) {
  std::vector<media::Source> sources;
  for (const markup::Element& child : element.children) {
    if (child.is_text()) continue;
    if (!is_audio(child)) {
      notes.warn(child, code::schema,
                 fmt::format("<{}> cannot stand inside <Gather> and is ignored: known are Say, Play, Pause",
                             child.name.substr(0, 64)));
      continue;
    }
    for (media::Source& source : audio_sources(child, base, true, notes)) sources.push_back(std::move(source));
  }
  return sources;
}

Gather read(const markup::Element& element, std::string_view base, Notes& notes) {
  Gather gather{.action = attribute_url(element, "action", notes).value_or(""),
                .method = attribute_method(element, "method", notes),
                .has_action_on_empty = attribute_bool(element, "actionOnEmptyResult", false, notes)};
  gather.request.digits_max = attribute_number(element, "numDigits", 0, {1, digits_max}, notes);
  gather.request.finish_on_digits = finish_key_of(element, notes);
  gather.request.timeout = std::chrono::seconds(timeout_of(element, notes));
  gather.request.prompt = {.sources = prompt_of(element, base, notes), .is_stopped_by_digit = true};
  return gather;
}

}  // namespace

void check_gather(const markup::Element& element, std::string_view base, Notes& notes) {
  check_attributes(element, attributes, later, notes);
  check_no_text(element, notes);
  check_input(element, notes);
  read(element, base, notes);
}

void need_gather(const markup::Element& element, std::vector<std::string>& needs) {
  needs.emplace_back("collect");
  Notes silent;
  for (const media::Source& source : prompt_of(element, "http://localhost/", silent)) {
    const std::string_view need = source.kind == media::Source::Kind::speech ? "tts" : "play";
    if (std::ranges::find(needs, need) == needs.end()) needs.emplace_back(need);
  }
}

Task<Next> run_gather(Script& script, const markup::Element& element) {
  Notes silent;
  Gather gather = read(element, script.document->url, silent);
  script.sources_played = 0;
  const bool is_up = co_await script.answer();
  if (!is_up) co_return Next::end();
  const call::GatherResult result = co_await script.control.gather(std::move(gather.request));
  if (result.is_caller_gone) co_return Next::end();
  if (result.error) script.note(code::schema, "keys could not be collected: " + result.error->text);
  if (result.digits.empty() && !gather.has_action_on_empty) co_return Next::verb();
  http::Form form{{"Digits", result.digits}};
  if (!result.finished_on.empty()) form.emplace_back("FinishedOnKey", result.finished_on);
  co_return script.go_to(gather.action, gather.method, std::move(form));
}

}  // namespace nearend::script
