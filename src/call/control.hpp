#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/task.hpp"
#include "media/control.hpp"

namespace nearend::call {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// How a call, or a leg that was dialled, came out. Names are those of the webhook parameters CallStatus and
/// DialCallStatus.
enum class Outcome { completed, busy, no_answer, failed, canceled, answered };
std::string_view to_string(Outcome outcome);

/// The facts about a call that every request to the customer's application carries (spec: standard request parameters).
struct CallFacts {
  std::string call_sid, account_sid, from, to, direction = "inbound", api_version = "2010-04-01";
  std::string parent_call_sid, caller_name, forwarded_from;
  std::vector<std::pair<std::string, std::string>> more;  ///< SipCallId, SipDomain, SipHeader_* and the like.
};

/// One party to ring.
struct DialTarget {
  enum class Kind { number, sip };
  Kind kind = Kind::number;
  std::string address;                                       ///< E.164 number, or a SIP URI.
  std::string username, password;                            ///< For SIP digest.
  std::vector<std::pair<std::string, std::string>> headers;  ///< Of the INVITE to a SIP address.
  std::string send_digits;                         ///< Played to the callee once it answered, before the bridge.
  std::string screen_url, screen_method = "POST";  ///< Whisper document run on the callee before the bridge.
  std::string status_callback, status_callback_method = "POST";
  std::vector<std::string> status_callback_events;  ///< initiated ringing answered completed
};

/// What the document says after a Dial that has no action: run by the gateway at once when the callee is gone
/// (call-flows.md, C5). Only what needs no decision of the router.
struct Continuation {
  enum class Kind { none, hangup, play };
  Kind kind = Kind::none;
  std::vector<media::Source> sources;  ///< play: Say and Play verbs up to the next other verb.
  bool is_hangup_after = false;        ///< play: the document ends there.
};

struct DialRequest {
  std::vector<DialTarget> targets;
  bool is_sequential = false;
  bool is_answer_on_bridge = false;
  bool is_hangup_on_star = false;
  std::string caller_id;  ///< Empty: the caller's.
  std::string ring_tone;  ///< Country code of the ring-back; empty: the default.
  seconds timeout{30};
  seconds time_limit{14400};
  std::optional<media::RecordRequest> record;  ///< Of the talk; recorded where the bridge is.
  bool is_record_from_ringing = false;
  Continuation continuation;
};
struct DialResult {
  Outcome outcome = Outcome::failed;
  std::string child_sid;
  seconds duration{0};  ///< On the gateway's clock, from answer to end.
  bool was_bridged = false;
  int sip_code = 0;
  std::string sip_call_id;
  std::vector<std::pair<std::string, std::string>> sip_headers;  ///< X-… of the answer.
  std::optional<media::event::RecordEnded> recording;
  std::string recording_sid;
  bool is_caller_gone = false;   ///< The caller hung up: the document is over.
  size_t continuation_done = 0;  ///< How many of the continuation's sources the gateway has played already.
};

struct PlayResult {
  bool was_stopped = false;
  bool is_caller_gone = false;
  std::optional<Error> error;
};
struct GatherResult {
  std::string digits;
  std::string finished_on;
  bool is_caller_gone = false;
  std::optional<Error> error;
};
struct RecordResult {
  media::event::RecordEnded recording;
  std::string recording_sid;
  std::string url;
  bool is_caller_gone = false;
  std::optional<Error> error;
};

/// What a verb does to a call. The router implements it over the wire and the planner; tests implement it by a script.
/// Every operation ends early when the caller hangs up, and says so; it may be cancelled by destroying its task.
/// Runs on the router's loop.
class Control {
 public:
  virtual ~Control() = default;

  virtual const CallFacts& facts() const = 0;
  virtual bool is_answered() const = 0;
  virtual bool is_over() const = 0;
  virtual std::string status() const = 0;  ///< CallStatus as of now: ringing, in-progress, completed, ...

  /// Answers the call if it is not answered yet. With `media` false nothing is opened beyond the gateway.
  virtual Task<Result<void>> answer() = 0;
  /// Refuses an unanswered call: "rejected" (603) or "busy" (486).
  virtual Task<Result<void>> reject(std::string reason) = 0;
  virtual Task<Result<void>> hangup() = 0;

  virtual Task<PlayResult> play(media::PlayRequest request) = 0;
  virtual Task<PlayResult> pause(milliseconds length) = 0;  ///< Before answering: waits without answering.
  virtual Task<GatherResult> gather(media::CollectRequest request) = 0;
  virtual Task<RecordResult> record(media::RecordRequest request) = 0;
  virtual Task<DialResult> dial(DialRequest request) = 0;

  /// A warning of the interpreter or a fact worth keeping, for the call's log (and, later, its timeline).
  virtual void note(int code, std::string text) = 0;
  /// The capsule: document, position and verb state, written before each outside effect (design section 4).
  virtual Task<Result<void>> checkpoint(std::string document_url, std::string document, size_t verb,
                                        std::string verb_state) = 0;
};

}  // namespace nearend::call
