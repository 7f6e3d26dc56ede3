#pragma once

#include <functional>
#include <string>

#include "base/task.hpp"
#include "call/control.hpp"

namespace nearend::call {

/// What happened to a leg that a Dial rings, for its status callbacks (twiml.md 3.4).
struct LegProgress {
  CallFacts facts;        ///< Of the child: its own call_sid, parent_call_sid the caller's.
  DialTarget target;      ///< With its status_callback, method and wanted events.
  std::string event;      ///< "initiated", "ringing", "answered", "completed"
  std::string status;     ///< CallStatus of the child: "initiated", "ringing", "in-progress", "completed", "busy", ...
  seconds duration{0};    ///< completed
  int sip_code = 0;       ///< completed
  uint32_t sequence = 0;  ///< SequenceNumber, from 0, per child.
  std::string recording_sid;  ///< completed, where the talk was recorded and something is there
  milliseconds recording_length{0};
};

/// What the running of a Dial gives back to whoever knows the customer's application. Both may be empty.
struct DialHooks {
  /// Told of each event of each leg, in order; must not wait.
  std::function<void(const LegProgress&)> on_progress;
  /// Runs the document at `target.screen_url` on the callee that has answered; true: bridge, false: it was refused.
  std::function<Task<bool>(Control& callee, DialTarget target)> screen;
};

}  // namespace nearend::call
