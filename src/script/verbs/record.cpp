#include <algorithm>
#include <array>

#include "script/attributes.hpp"
#include "script/recording.hpp"
#include "script/verbs/all.hpp"

namespace nearend::script {
namespace {

constexpr std::array<std::string_view, 10> attributes{"action",
                                                      "method",
                                                      "timeout",
                                                      "finishOnKey",
                                                      "maxLength",
                                                      "playBeep",
                                                      "trim",
                                                      "recordingStatusCallback",
                                                      "recordingStatusCallbackMethod",
                                                      "recordingStatusCallbackEvent"};
constexpr std::array<std::string_view, 3> later{"transcribe", "transcribeCallback", "recordingConfigurationId"};
constexpr uint32_t timeout_default_s = 5, length_default_s = 3600, length_least_s = 2, length_most_s = 86400;

struct Record {
  std::string action, method;
  media::RecordRequest request;
};

Record read(const markup::Element& element, Notes& notes) {
  Record record{.action = attribute_url(element, "action", notes).value_or(""),
                .method = attribute_method(element, "method", notes)};
  const auto silence = attribute_seconds(element, "timeout", timeout_default_s, {0, length_most_s}, notes);
  if (silence.count() > 0) record.request.silence_timeout = silence;
  record.request.finish_on_digits = attribute_digits(element, "finishOnKey", key_characters, "1234567890*#", notes);
  record.request.length_max =
      attribute_seconds(element, "maxLength", length_default_s, {length_least_s, length_most_s}, notes);
  record.request.has_beep = attribute_bool(element, "playBeep", true, notes);
  record.request.is_silence_trimmed = attribute_choice(element, "trim", trims, "trim-silence", notes) == "trim-silence";
  check_recording_callback(element, notes);
  return record;
}

http::Form action_form(const call::RecordResult& result, std::string url, std::chrono::seconds duration) {
  const bool was_hung_up = result.is_caller_gone || result.recording.reason == "hangup";
  return {{"RecordingUrl", std::move(url)},
          {"RecordingDuration", fmt::format("{}", duration.count())},
          {"RecordingSid", result.recording_sid},
          {"Digits", was_hung_up ? "hangup" : result.recording.digits}};
}

}  // namespace

void check_record(const markup::Element& element, std::string_view /*base*/, Notes& notes) {
  check_attributes(element, attributes, later, notes);
  check_no_children(element, notes);
  check_no_text(element, notes);
  read(element, notes);
}

void need_record(const markup::Element& /*element*/, std::vector<std::string>& needs) {
  needs.emplace_back("record");
}

Task<Next> run_record(Script& script, const markup::Element& element) {
  Notes silent;
  Record record = read(element, silent);
  script.sources_played = 0;
  const bool is_up = co_await script.answer();
  if (!is_up) co_return Next::end();
  RecordingFacts facts{.sid = script.new_recording_sid(), .source = "RecordVerb", .started_ms = script.loop.wall_ms()};
  facts.url = script.recording_url(facts.sid);
  record.request.path_hint = facts.sid;
  tell_recording(script, element, facts, "in-progress");
  call::RecordResult result = co_await script.control.record(std::move(record.request));
  if (result.error) script.note(code::schema, "the call could not be recorded: " + result.error->text);
  if (result.recording_sid.empty()) result.recording_sid = facts.sid;
  if (!result.url.empty()) facts.url = result.url;
  facts.duration = whole_seconds(result.recording.length);
  const bool is_empty = result.error || result.recording.length.count() == 0;
  tell_recording(script, element, facts, is_empty ? "absent" : "completed");
  if (is_empty) co_return result.is_caller_gone ? Next::end() : Next::verb();
  http::Form form = action_form(result, facts.url, facts.duration);
  if (result.is_caller_gone) {
    script.tell(record.action, record.method, form);
    co_return Next::end();
  }
  co_return script.go_to(record.action, record.method, std::move(form));
}

}  // namespace nearend::script
