#include "script/parameters.hpp"

#include "base/dates.hpp"

namespace nearend::script {
namespace {

void add_if_known(http::Form& form, std::string name, const std::string& value) {
  if (!value.empty()) form.emplace_back(std::move(name), value);
}

std::string number(auto value) {
  return fmt::format("{}", value);
}

}  // namespace

http::Form standard_parameters(const call::CallFacts& facts, std::string_view status) {
  http::Form form{{"CallSid", facts.call_sid},
                  {"AccountSid", facts.account_sid},
                  {"From", facts.from},
                  {"To", facts.to},
                  {"CallStatus", std::string(status)},
                  {"ApiVersion", facts.api_version},
                  {"Direction", facts.direction},
                  {"Caller", facts.from},
                  {"Called", facts.to}};
  add_if_known(form, "ForwardedFrom", facts.forwarded_from);
  add_if_known(form, "CallerName", facts.caller_name);
  add_if_known(form, "ParentCallSid", facts.parent_call_sid);
  form.insert(form.end(), facts.more.begin(), facts.more.end());
  return form;
}

http::Form progress_parameters(const call::CallFacts& facts, const Progress& progress) {
  http::Form form = standard_parameters(facts, progress.call_status);
  if (progress.event == "completed") {
    form.emplace_back("CallDuration", number(progress.duration.count()));
    form.emplace_back("Duration", number((progress.duration.count() + 59) / 60));
    if (!progress.recording_sid.empty()) {
      form.emplace_back("RecordingUrl", progress.recording_url);
      form.emplace_back("RecordingSid", progress.recording_sid);
      form.emplace_back("RecordingDuration", number(progress.recording_duration.count()));
    }
  }
  form.emplace_back("Timestamp", rfc2822_utc(progress.wall_ms));
  form.emplace_back("CallbackSource", "call-progress-events");
  form.emplace_back("SequenceNumber", number(progress.sequence));
  if (progress.sip_code) form.emplace_back("SipResponseCode", number(progress.sip_code));
  return form;
}

std::string recording_url(std::string_view public_url, std::string_view account_sid, std::string_view recording_sid) {
  return fmt::format("{}/2010-04-01/Accounts/{}/Recordings/{}", public_url, account_sid, recording_sid);
}

http::Form recording_parameters(const call::CallFacts& facts, const RecordingFacts& recording) {
  return {{"AccountSid", facts.account_sid},
          {"CallSid", facts.call_sid},
          {"RecordingSid", recording.sid},
          {"RecordingUrl", recording.url},
          {"RecordingStatus", recording.status},
          {"RecordingDuration", number(recording.duration.count())},
          {"RecordingChannels", number(recording.channels)},
          {"RecordingStartTime", rfc2822_utc(recording.started_ms)},
          {"RecordingSource", recording.source},
          {"RecordingTrack", "both"}};
}

}  // namespace nearend::script
