#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sip/alarm.hpp"
#include "sip/stack.hpp"

namespace nearend::sip {

struct Dialog;

/// What requests of one dialog, or of one branch of a forked INVITE, look like (RFC 3261 12.2.1.1).
struct DialogPath {
  std::string call_id;
  std::string local;   ///< From value of our requests, with tag.
  std::string remote;  ///< To value of our requests, with tag once there is one.
  std::string remote_target;
  std::vector<std::string> route_set;

  /// The path that a response to our INVITE opens (12.1.2).
  static DialogPath of_response(const Message& response);
  /// The next hop's URI: first route, or the remote target.
  Result<Uri> next_hop() const;
  /// A request with Max-Forwards, Route, From, To, Call-ID and CSeq; strict routers are heeded (12.2.1.1).
  Result<Message> compose(Method method, uint32_t cseq, int max_forwards = 70) const;
};

enum class DialogAlarm : uint8_t {
  answer_late,    ///< No final response to our INVITE, or none to our CANCEL.
  target_silent,  ///< Nothing came from the target: try the next.
  repeat_2xx,     ///< Our 2xx is not acknowledged yet: send it again.
  ack_late,       ///< Our 2xx was never acknowledged.
  repeat_1xx,     ///< Our reliable provisional response is not acknowledged yet.
  prack_late,     ///< It was never acknowledged.
  glare_over,     ///< The back-off after 491 is over.
  refresh_due,    ///< Half of the session's time.
  session_over,   ///< Nobody refreshed the session.
};
class DialogAlarms {
 public:
  virtual ~DialogAlarms() = default;
  virtual void on_alarm(Dialog& dialog, DialogAlarm which) = 0;
};

/// Our INVITE that has no final response yet.
struct OutgoingInvite {
  /// A branch that answered with a To tag of its own.
  struct Fork {
    std::string tag;
    uint32_t rseq = 0;  ///< Last reliable provisional response taken (RFC 3262 4); 0: none.
    DialogPath path;
  };
  /// A reliable provisional response with an offer, whose PRACK carries the answer.
  struct OwedPrack {
    uint32_t rseq = 0;
    std::string tag;
  };
  OutgoingInvite(io::Loop& loop, Dialog& dialog, InviteRequest what);
  Fork* find_fork(std::string_view tag);

  InviteRequest request;
  size_t target_next = 0;
  Target target;  ///< The one being tried.
  uint64_t transaction = 0;
  bool is_cancelled = false;
  bool is_late = false;  ///< Cancelled because nobody answered in time.
  std::string cancel_reason;
  uint32_t session_expires = 0;
  uint32_t min_se = 0;
  int interval_refusals = 0;  ///< 422 met.
  std::vector<Fork> forks;
  std::optional<OwedPrack> owed_prack;
  Alarm answer_timeout;
  Alarm failover;
};

/// The peer's INVITE that opened the dialog and has no final response yet, or a 2xx that waits for a PRACK.
struct IncomingInvite {
  struct Provisional {
    int status = 0;
    Body body;
    ExtraHeaders headers;
  };
  struct Answer {
    Body body;
    ExtraHeaders headers;
  };
  IncomingInvite(io::Loop& loop, Dialog& dialog);

  uint64_t transaction = 0;
  uint32_t cseq = 0;
  bool is_100rel_required = false;
  bool is_100rel_supported = false;
  uint32_t rseq = 0;  ///< Of the last reliable provisional response; 0: none.
  bool is_prack_awaited = false;
  bool is_sdp_unacknowledged = false;  ///< The awaited PRACK is for a response with SDP: a 2xx must wait (RFC 3262 3).
  bool is_offer_settled = false;       ///< A reliable response with SDP has gone out: UPDATE may bring the next offer.
  std::string wire;                    ///< That response.
  io::Duration interval{};
  std::deque<Provisional> waiting;
  std::optional<Answer> answer;  ///< The 2xx that must wait.
  Alarm repeat;
  Alarm prack_late;
};

/// Our 2xx to an INVITE until its ACK (RFC 3261 13.3.1.4).
struct AwaitedAck {
  AwaitedAck(io::Loop& loop, Dialog& dialog);
  uint32_t cseq = 0;
  bool has_offer = false;  ///< Our 2xx carried the offer: the ACK carries the answer.
  std::string wire;
  Flow flow;
  io::Duration interval{};
  Alarm repeat;
  Alarm late;
};

/// Re-INVITEs and UPDATEs with an offer: one at a time, again after glare (RFC 3261 14.1, RFC 3311 5.1).
struct Changes {
  struct Change {
    Method method = Method::invite;
    Body body;
    ExtraHeaders headers;
    uint64_t cookie = 0;
    int glares = 0;
    bool is_refresh = false;  ///< Made by the session timer, not told to the listener.
  };
  Changes(io::Loop& loop, Dialog& dialog);
  std::deque<Change> queue;  ///< The front is being sent while `transaction` is set.
  uint64_t transaction = 0;
  bool is_yielded = false;  ///< The peer's re-INVITE, which crossed the front, has been taken.
  Alarm backoff;
};

/// RFC 4028, once agreed on.
struct SessionTimer {
  SessionTimer(io::Loop& loop, Dialog& dialog);
  uint32_t seconds = 0;
  bool is_refresher = false;  ///< We refresh.
  std::string sdp;            ///< Our last description, where the peer wants a re-INVITE for refreshing.
  Alarm refresh;
  Alarm expiry;
};

/// A name and secret, and how often the peer's nonce was used.
struct Authentication {
  Credentials credentials;
  NonceState nonce;
  uint32_t stale_answers = 0;
};

/// One dialog. What a talk in progress does not need is behind pointers that are empty then, and no message is kept.
struct Dialog {
  enum class State : uint8_t {
    calling,  ///< Our INVITE has no final response.
    ringing,  ///< Theirs has none.
    confirmed,
    ending,  ///< BYE has been sent, or waits for an ACK.
    over,    ///< Released is on its way to the listener.
  };
  Dialog(DialogAlarms& rings_at, uint64_t its_number, bool we_call)
      : alarms(rings_at), number(its_number), is_caller(we_call), state(we_call ? State::calling : State::ringing) {}
  template <DialogAlarm which>
  void ring() {
    alarms.on_alarm(*this, which);
  }
  DialogId id() const { return DialogId{number}; }
  bool is_open() const { return state != State::ending && state != State::over; }
  bool is_early() const { return state == State::calling || state == State::ringing; }
  /// An INVITE of either side waits for its final response or its ACK.
  bool is_invite_pending() const {
    return outgoing || incoming || pending_invite != 0 || awaited_ack || owed_ack_cseq != 0;
  }

  DialogAlarms& alarms;
  const uint64_t number;
  const bool is_caller;
  State state;
  bool allows_update = false;    ///< The peer's Allow names UPDATE.
  bool is_bye_deferred = false;  ///< BYE must wait for the ACK of our 2xx (RFC 3261 15).
  uint32_t local_cseq = 0;
  uint32_t remote_cseq = 0;
  uint32_t owed_ack_cseq = 0;  ///< The listener owes the answer for the ACK of this INVITE.
  uint64_t owed_ack_transaction = 0;
  uint64_t pending_invite = 0;    ///< Server transaction of a re-INVITE without final response.
  uint64_t pending_offer = 0;     ///< Server transaction of an UPDATE with an offer without final response.
  std::vector<uint64_t> pending;  ///< Server transactions that wait for the listener.
  std::string local_tag, remote_tag;
  DialogPath path;
  Flow flow;  ///< Of the peer's last message.
  ExtraHeaders bye_headers;
  std::unique_ptr<OutgoingInvite> outgoing;
  std::unique_ptr<IncomingInvite> incoming;
  std::unique_ptr<AwaitedAck> awaited_ack;
  std::unique_ptr<Changes> changes;
  std::unique_ptr<SessionTimer> session;
  std::unique_ptr<Authentication> authentication;
};

}  // namespace nearend::sip
