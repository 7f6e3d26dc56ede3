#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "call/control.hpp"
#include "http/http.hpp"

namespace nearend::script {

/// The parameters of every request to the customer's application: CallSid, AccountSid, From, To, CallStatus,
/// ApiVersion, Direction, their older doubles Caller and Called, and those that apply (ForwardedFrom, CallerName,
/// ParentCallSid, SipCallId ...).
http::Form standard_parameters(const call::CallFacts& facts, std::string_view status);

/// One step in a call's life, as status callbacks tell it.
struct Progress {
  std::string event;        ///< initiated, ringing, answered, completed
  std::string call_status;  ///< initiated, ringing, in-progress, or the final state.
  uint32_t sequence = 0;
  int64_t wall_ms = 0;
  std::chrono::seconds duration{0};  ///< completed
  int sip_code = 0;                  ///< 0: none
  std::string recording_sid, recording_url;
  std::chrono::seconds recording_duration{0};
};
http::Form progress_parameters(const call::CallFacts& facts, const Progress& progress);

/// The parameters of a recordingStatusCallback.
struct RecordingFacts {
  std::string sid, url, source;  ///< source: RecordVerb, DialVerb
  std::string status;            ///< in-progress, completed, absent
  std::chrono::seconds duration{0};
  uint32_t channels = 1;
  int64_t started_ms = 0;
};
/// Where the REST API at `public_url` shows a recording.
std::string recording_url(std::string_view public_url, std::string_view account_sid, std::string_view recording_sid);
http::Form recording_parameters(const call::CallFacts& facts, const RecordingFacts& recording);

}  // namespace nearend::script
