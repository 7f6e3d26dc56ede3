#include "script/recording.hpp"

#include <algorithm>

#include "script/attributes.hpp"
#include "script/url.hpp"

namespace nearend::script {

void check_recording_callback(const markup::Element& element, Notes& notes) {
  attribute_url(element, "recordingStatusCallback", notes);
  attribute_method(element, "recordingStatusCallbackMethod", notes);
  attribute_list(element, "recordingStatusCallbackEvent", recording_events, "completed", notes);
}

void tell_recording(Script& script, const markup::Element& element, RecordingFacts facts, std::string_view event) {
  facts.status = event;
  const call::CallFacts& call = script.control.facts();
  if (event == "completed" && script.settings.on_recording) script.settings.on_recording(call, facts);
  Notes silent;
  const std::string target = attribute_text(element, "recordingStatusCallback");
  const auto wanted = attribute_list(element, "recordingStatusCallbackEvent", recording_events, "completed", silent);
  if (target.empty() || std::ranges::find(wanted, event) == wanted.end()) return;
  auto url = resolve_url(script.document->url, target);
  if (!url) return script.note(code::invalid_url, "recordingStatusCallback: " + url.error().text);
  http::FetchRequest request{.url = std::move(*url),
                             .method = attribute_method(element, "recordingStatusCallbackMethod", silent),
                             .form = recording_parameters(call, facts),
                             .auth_token = script.binding.auth_token,
                             .idempotency_token = facts.sid + '-' + facts.status,
                             .pool = call.account_sid};
  script.callbacks.send(call.call_sid, std::move(request));
}

std::chrono::seconds whole_seconds(std::chrono::milliseconds length) {
  return std::chrono::ceil<std::chrono::seconds>(length);
}

}  // namespace nearend::script
