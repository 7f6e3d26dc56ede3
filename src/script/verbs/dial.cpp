#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "script/attributes.hpp"
#include "script/dial_targets.hpp"
#include "script/recording.hpp"
#include "script/verbs/all.hpp"

namespace nearend::script {
namespace {

constexpr std::array<std::string_view, 15> attributes{"action",
                                                      "answerOnBridge",
                                                      "callerId",
                                                      "hangupOnStar",
                                                      "method",
                                                      "record",
                                                      "trim",
                                                      "recordingStatusCallback",
                                                      "recordingStatusCallbackMethod",
                                                      "recordingStatusCallbackEvent",
                                                      "ringTone",
                                                      "sequential",
                                                      "timeLimit",
                                                      "timeout",
                                                      "recordingTrack"};
constexpr std::array<std::string_view, 6> later{"callReason",  "events",  "passports", "recordingConfigurationId",
                                                "referMethod", "referUrl"};
constexpr std::array<std::string_view, 7> records{"do-not-record",
                                                  "record-from-answer",
                                                  "record-from-ringing",
                                                  "record-from-answer-dual",
                                                  "record-from-ringing-dual",
                                                  "true",
                                                  "false"};
constexpr std::array<std::string_view, 3> tracks{"both", "inbound", "outbound"};
constexpr std::array<std::string_view, 40> ring_tones{"at", "au", "bg", "br", "be", "ch", "cl",     "cn", "cz", "de",
                                                      "dk", "ee", "es", "fi", "fr", "gr", "hu",     "il", "in", "it",
                                                      "lt", "jp", "mx", "my", "nl", "no", "nz",     "ph", "pl", "pt",
                                                      "ru", "se", "sg", "th", "uk", "us", "us-old", "tw", "ve", "za"};
constexpr uint32_t timeout_default_s = 30, timeout_least_s = 5, timeout_most_s = 600, limit_default_s = 14400,
                   limit_most_s = 86400;

struct Dial {
  std::string action, method;
  bool is_recorded = false;
  call::DialRequest request;
};

void read_record(const markup::Element& element, Dial& dial, Notes& notes) {
  const std::string how = attribute_choice(element, "record", records, "do-not-record", notes);
  const std::string trimmed = attribute_choice(element, "trim", trims, "do-not-trim", notes);
  const std::string track = attribute_choice(element, "recordingTrack", tracks, "both", notes);
  if (track != "both")
    notes.warn(element, code::schema, "recordingTrack of <Dial> can only be both yet; both parties are recorded");
  check_recording_callback(element, notes);
  dial.is_recorded = how != "do-not-record" && how != "false";
  if (!dial.is_recorded) return;
  dial.request.record = media::RecordRequest{.is_dual = how.ends_with("-dual"),
                                             .length_max = dial.request.time_limit,
                                             .is_silence_trimmed = trimmed == "trim-silence"};
  dial.request.is_record_from_ringing = how.starts_with("record-from-ringing");
}

Dial read(const markup::Element& element, std::string_view base, Notes& notes) {
  Dial dial{.action = attribute_url(element, "action", notes).value_or(""),
            .method = attribute_method(element, "method", notes)};
  call::DialRequest& request = dial.request;
  request.targets = dial_targets(element, base, notes);
  request.is_sequential = attribute_bool(element, "sequential", false, notes);
  request.is_answer_on_bridge = attribute_bool(element, "answerOnBridge", false, notes);
  request.is_hangup_on_star = attribute_bool(element, "hangupOnStar", false, notes);
  request.caller_id = attribute_text(element, "callerId");
  request.ring_tone = attribute_choice(element, "ringTone", ring_tones, "", notes);
  request.timeout = attribute_seconds(element, "timeout", timeout_default_s, {timeout_least_s, timeout_most_s}, notes);
  request.time_limit = attribute_seconds(element, "timeLimit", limit_default_s, {1, limit_most_s}, notes);
  read_record(element, dial, notes);
  return dial;
}

http::Form action_form(const Script& script, const Dial& dial, const call::DialResult& result) {
  http::Form form{{"DialCallStatus", std::string(to_string(result.outcome))}};
  if (!result.child_sid.empty()) {
    form.emplace_back("DialCallSid", result.child_sid);
    form.emplace_back("DialCallDuration", fmt::format("{}", result.duration.count()));
  }
  form.emplace_back("DialBridged", result.was_bridged ? "true" : "false");
  if (dial.is_recorded && result.recording && result.recording->length.count() > 0)
    form.emplace_back("RecordingUrl", script.recording_url(result.recording_sid));
  const bool has_sip = std::ranges::any_of(
      dial.request.targets, [](const call::DialTarget& target) { return target.kind == call::DialTarget::Kind::sip; });
  if (has_sip && !result.sip_call_id.empty()) form.emplace_back("DialSipCallId", result.sip_call_id);
  if (has_sip && result.sip_code) form.emplace_back("DialSipResponseCode", fmt::format("{}", result.sip_code));
  if (has_sip)
    for (const auto& [name, value] : result.sip_headers) form.emplace_back("DialSipHeader_" + name, value);
  return form;
}

/// Told when the Dial is over: the gateway that holds the bridge writes the file, and its result comes with the Dial's.
void tell_dial_recording(Script& script, const markup::Element& element, const call::DialResult& result,
                         int64_t began_ms) {
  const bool is_there = result.recording && result.recording->length.count() > 0;
  RecordingFacts facts{.sid = result.recording_sid, .source = "DialVerb", .started_ms = began_ms};
  facts.url = script.recording_url(facts.sid);
  if (result.recording) {
    facts.duration = whole_seconds(result.recording->length);
    facts.channels = result.recording->channels;
    facts.started_ms = script.loop.wall_ms() - result.recording->length.count();
  }
  tell_recording(script, element, facts, is_there ? "completed" : "absent");
}

Next go_on(Script& script, const Dial& dial, const call::DialResult& result) {
  const bool has_action = !dial.action.empty();
  if (result.is_caller_gone || script.control.is_over()) {
    if (has_action) script.tell(dial.action, dial.method, action_form(script, dial, result));
    return Next::end();
  }
  if (has_action) return script.go_to(dial.action, dial.method, action_form(script, dial, result));
  script.sources_played = result.continuation_done;
  return Next::verb();
}

}  // namespace

void check_dial(const markup::Element& element, std::string_view base, Notes& notes) {
  check_attributes(element, attributes, later, notes);
  const Dial dial = read(element, base, notes);
  if (dial.request.targets.empty()) notes.warn(element, code::schema, "<Dial> has nobody to dial");
}

void need_dial(const markup::Element& element, std::vector<std::string>& needs) {
  Notes silent;
  const Dial dial = read(element, "http://localhost/", silent);
  if (dial.request.targets.empty()) return;
  needs.emplace_back("bridge");
  if (dial.is_recorded) needs.emplace_back("record");
}

Task<Next> run_dial(Script& script, const markup::Element& element) {
  Notes silent;
  const Dial dial = read(element, script.document->url, silent);
  script.sources_played = 0;
  call::DialResult result;
  if (dial.request.targets.empty()) co_return go_on(script, dial, result);
  bool is_ours = false;
  if (dial.request.is_answer_on_bridge && !script.control.is_answered())
    is_ours = co_await script.checkpoint();
  else
    is_ours = co_await script.answer();
  if (!is_ours) co_return Next::end();
  call::DialRequest request = dial.request;
  request.continuation = continuation_after(*script.document, script.at);
  const int64_t began_ms = script.loop.wall_ms();
  if (request.record) request.record->path_hint = script.new_recording_sid();
  const std::string recording_sid = request.record ? request.record->path_hint : "";
  result = co_await script.control.dial(std::move(request));
  if (result.recording_sid.empty()) result.recording_sid = recording_sid;
  if (dial.is_recorded) tell_dial_recording(script, element, result, began_ms);
  co_return go_on(script, dial, result);
}

}  // namespace nearend::script
