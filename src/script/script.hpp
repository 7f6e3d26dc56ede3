#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "call/control.hpp"
#include "http/fetch.hpp"
#include "io/loop.hpp"
#include "script/callbacks.hpp"
#include "script/document.hpp"
#include "script/notes.hpp"

namespace nearend::script {

/// What a number, a SIP domain or a noun's url is bound to: where documents come from and where progress is told.
struct AppBinding {
  std::string voice_url, voice_method = "POST";
  std::string fallback_url, fallback_method = "POST";
  std::string status_callback, status_callback_method = "POST";
  std::string auth_token;  ///< Signs every request of the account.
};

/// Which verbs a document may use and what its end means.
enum class Dialect {
  voice,   ///< All verbs; the end hangs up.
  screen,  ///< A noun's url, run on the callee before the bridge: Say, Play, Pause, Gather, Redirect, Hangup; the end
           ///< lets it be bridged.
};

struct Settings {
  std::string public_url;  ///< Of our REST API, without a slash at its end: recordings are found under it.
  Dialect dialect = Dialect::voice;
  size_t steps_max = 1000;                   ///< Verbs and documents a call may run (TH31).
  http::DocumentCache* documents = nullptr;  ///< Of the router; outlives the script. May be none.
  /// Told of each recording that holds something, so that it can be kept who may hear it. May be empty.
  std::function<void(const call::CallFacts&, const RecordingFacts&)> on_recording;
};

/// Where the script goes on after a verb.
struct Next {
  enum class Kind { verb, document, end };
  Kind kind = Kind::verb;
  std::string url, method = "POST";  ///< document
  http::Form form;                   ///< document: what is sent besides the standard parameters.

  static Next verb() { return {}; }
  static Next end() { return {.kind = Kind::end}; }
};

/// A running script as its verbs see it. It belongs to the Interpreter; verbs hold it by reference while they run.
struct Script {
  io::Loop& loop;
  call::Control& control;
  Callbacks& callbacks;
  const AppBinding& binding;
  const Settings& settings;
  const Document* document = nullptr;
  size_t at = 0;              ///< Index of the verb that runs.
  http::CookieJar cookies;    ///< Of the application, for this call.
  size_t steps = 0;           ///< Verbs and documents run so far.
  size_t sources_played = 0;  ///< Of the verbs that follow: sources the gateway has already played as a continuation.
  bool is_hangup_wanted = false;
  bool is_rejected = false;
  bool is_fenced = false;  ///< Another router has adopted the call: nothing more may be done to it.

  /// Writes the capsule before an outside effect: what is to be done next is the verb itself, or, with `pending`, a
  /// request for another document. False: the call belongs to another router now.
  Task<bool> checkpoint(const Next* pending = nullptr);
  /// Writes the capsule, and answers the call if it is not answered. False: the script is over.
  Task<bool> answer();
  void note(int code, std::string text) { control.note(code, std::move(text)); }

  std::string new_recording_sid();
  std::string recording_url(std::string_view recording_sid) const;
  /// Names one request of this call; the same after another router has adopted it.
  std::string idempotency_token() const;
  /// Another document: `reference` is relative to the current one, and empty is the current one.
  Next go_to(std::string_view reference, std::string method, http::Form form) const;
  /// The caller is gone: the action is told all the same, but what it answers is not run.
  void tell(std::string_view action, std::string_view method, const http::Form& form);
};

}  // namespace nearend::script
