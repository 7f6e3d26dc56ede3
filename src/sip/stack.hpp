#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ip.hpp"
#include "base/result.hpp"
#include "io/loop.hpp"
#include "io/net.hpp"
#include "sip/digest.hpp"
#include "sip/message.hpp"
#include "sip/transport.hpp"

namespace nearend::sip {

/// A dialog (RFC 3261 section 12), from the INVITE that opens it to its end. A handle with a generation: one that
/// outlived its dialog is refused, never followed. The numbers carry the shard, so that tags, branches and Contacts do
/// too.
enum class DialogId : uint64_t { none = 0 };

/// A request received that waits for our final response. Same rules as DialogId.
enum class ServerTransactionId : uint64_t { none = 0 };

/// Header fields to add to a message we send, in order. CR, LF and NUL in a value are refused (threat TH18).
struct ExtraHeader {
  std::string name;
  std::string value;
};
using ExtraHeaders = std::vector<ExtraHeader>;

/// A body with its type; `application/sdp` for offers and answers.
struct Body {
  std::string type;
  std::string content;
  bool is_sdp() const { return type == "application/sdp"; }
};

/// What to open a dialog with.
struct InviteRequest {
  std::string uri;              ///< Request-URI, for example "sip:+15550100@192.0.2.7".
  std::string from;             ///< name-addr without tag, for example "\"Ann\" <sip:+15550199@gw.example>".
  std::string to;               ///< name-addr without tag; empty: <uri>.
  std::string call_id;          ///< Empty: made by the stack.
  std::vector<Target> targets;  ///< Where to send, tried in order (RFC 3263 4.3); empty: the URI is resolved.
  std::string transport;        ///< "udp", "tcp", "tls", or empty: what the URI says.
  Body body;                    ///< The offer; empty for a late offer.
  ExtraHeaders headers;
  std::optional<Credentials> credentials;      ///< Answers 401 and 407 of this realm and host only (threat TH6).
  std::chrono::seconds session_expires{1800};  ///< RFC 4028; 0 turns session timers off.
  std::chrono::milliseconds first_response_timeout{
      0};  ///< Without any response (100 counts) from the last target: local 408. 0: Timer B.
  std::chrono::milliseconds answer_timeout{180000};  ///< From the first provisional to the final response; then CANCEL.
  int max_forwards = 70;
  bool is_100rel_offered = true;  ///< Supported: 100rel (RFC 3262).
};

/// What happens on a dialog, in order. Given to Stack::Listener on the loop's thread.
namespace event {

/// A new dialog: an INVITE without a To tag, already checked (syntax, loops, merged requests, Require, overload) and,
/// unless `auto_trying` is off, answered 100.
struct Invited {
  Message request;
  Flow flow;  ///< Where it came from and on which listener.
};
/// A provisional response 101-199 to our INVITE. Reliable ones have been PRACKed when they carried no offer.
struct Progress {
  int status = 0;
  Body body;
  Message response;
};
/// A 2xx to our INVITE or re-INVITE, already ACKed unless it carried an offer (late offer): then call
/// Stack::acknowledge.
struct Accepted {
  Body body;
  Message response;
  bool is_ack_owed = false;
};
/// A final failure of our INVITE (the dialog is gone after this) or re-INVITE (the dialog stays, unless
/// `is_dialog_over`). Local ends: 408 no answer or transport timeout, 503 transport failure, 487 after our cancel.
struct Refused {
  int status = 0;
  std::string reason;
  Message response;  ///< Empty message when the failure was local.
  bool is_dialog_over = true;
  bool is_local = false;
};
/// The peer acknowledged our 2xx. `body` is the answer when our 2xx carried the offer.
struct Acknowledged {
  Body body;
};
/// Our 2xx was never acknowledged in 64*T1 (RFC 3261 13.3.1.4). The stack has sent BYE; the dialog is over.
struct NotAcknowledged {};
/// The peer cancelled its INVITE before we answered it; 487 and 200 have been sent; the dialog is over.
struct Cancelled {
  std::string reason;  ///< Value of the Reason header, if any.
};
/// A request in the dialog that waits for Stack::respond: re-INVITE, UPDATE, INFO, NOTIFY, REFER, MESSAGE, PRACK with a
/// body. A re-INVITE or UPDATE without a body that only refreshes the session is answered by the stack and not
/// reported.
struct Requested {
  ServerTransactionId transaction = ServerTransactionId::none;
  Method method = Method::info;
  Body body;
  Message request;
};
/// The final response to a request we sent in the dialog with Stack::request.
struct Responded {
  Method method = Method::info;
  uint64_t cookie = 0;  ///< What Stack::request returned.
  int status = 0;
  Body body;
  Message response;  ///< Empty message when the failure was local (408, 503).
};
/// The peer ended the dialog; 200 has been sent. Also after a failed session refresh (then `is_local`).
struct Ended {
  std::string reason;                                           ///< Value of the Reason header, if any.
  Message request;                                              ///< The BYE; empty when local.
  ServerTransactionId transaction = ServerTransactionId::none;  ///< Waits for respond(), where the settings say so.
  bool is_local = false;
};
/// The end, whatever ended it: our BYE was answered or given up, or nothing was left to send. The dialog's memory is
/// released after this event, which is always the last.
struct Released {
  bool is_answered = false;
};

}  // namespace event

using DialogEvent = std::variant<event::Invited, event::Progress, event::Accepted, event::Refused, event::Acknowledged,
                                 event::NotAcknowledged, event::Cancelled, event::Requested, event::Responded,
                                 event::Ended, event::Released>;

/// Figures of a confirmed dialog that outlive a process: what the gateway's journal keeps.
struct DialogFacts {
  std::string call_id, local_tag, remote_tag, local_uri, remote_uri, remote_target;
  std::vector<std::string> route_set;
  uint32_t local_cseq = 0, remote_cseq = 0;
  bool is_caller = false;
  Flow flow;
};

/// What OPTIONS outside dialogs are answered with: 200, or 503 where calls should rather go elsewhere.
struct OptionsAnswer {
  int status = 200;
  ExtraHeaders headers;  ///< Server among them, or the answer does not say who gives it.
};

struct StackSettings {
  std::string user_agent = "nearend";
  uint8_t shard = 0;
  std::chrono::milliseconds t1{500}, t2{4000}, t4{5000};
  std::chrono::seconds min_session_expires{90};
  std::chrono::seconds session_expires{
      1800};  ///< What we answer to an INVITE that supports timers but names no interval.
  size_t transactions_max = 200'000;
  size_t dialogs_max = 100'000;
  size_t pending_invites_max =
      4'000;  ///< Above it new INVITEs are shed with 503 and Retry-After; in-dialog requests never.
  size_t pending_invites_per_source_max = 4'000;
  std::vector<std::string> allow{"INVITE", "ACK",    "CANCEL", "BYE",    "OPTIONS",
                                 "INFO",   "UPDATE", "PRACK",  "NOTIFY", "MESSAGE"};  ///< What the listener takes.
  std::vector<std::string> supported{"100rel", "timer", "replaces"};
  std::vector<std::string> require_understood{"100rel", "timer"};  ///< Option tags accepted in Require.
  bool is_reliable_provisional_preferred = false;  ///< Send 101-199 with SDP reliably when the peer supports 100rel.
  bool auto_trying = true;
  /// A re-INVITE that crosses ours is taken instead of refused; ours ends in Refused 491 at once and is not sent again.
  /// Only where both ends agree on who gives way (docs/sip-profile.md); towards others RFC 3261 14.1 holds.
  bool is_yielding_in_glare = false;
  /// The listener answers each BYE that ends a dialog, when what it means is safe; else the stack does at once.
  bool is_bye_confirmed_by_listener = false;
  /// Set: OPTIONS outside dialogs are answered at once with what it gives, Allow and Supported, and nothing is kept of
  /// them (RFC 3261 8.2.7): whichever instance behind an anycast address gets one, or gets it again, answers alike.
  std::function<OptionsAnswer()> answer_options;
  std::string options_key;  ///< Of their To tags, the same at those instances; empty: this instance's own.
};

/// The user agent core over transactions and transports: client and server of RFC 3261, 3262 (PRACK), 3311 (UPDATE),
/// 3581, 4028, 5393. Sans-IO apart from io::Loop and Transport, so it runs under the simulator. One loop, one thread.
/// The core handles retransmission, forked and late 2xx (ACK and BYE), CANCEL races, glare (491 and the back-off
/// of 14.1 for re-INVITE and UPDATE: a request that met 491 is sent again by the stack; the listener sees only the last
/// outcome), and serialises re-INVITEs per dialog.
class Stack {
 public:
  /// Told what happens. A call may use the stack, but must not destroy it.
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void on_dialog_event(DialogId dialog, DialogEvent event) = 0;
    /// A request outside any dialog other than INVITE, CANCEL, ACK (OPTIONS, REGISTER, NOTIFY, MESSAGE...). Answer with
    /// respond().
    virtual void on_request(ServerTransactionId transaction, Message request, const Flow& flow) = 0;
  };

  /// `dns` resolves Request-URIs of INVITEs without targets (RFC 3263); without it they must be numeric.
  Stack(io::Loop& loop, Transport& transport, StackSettings settings, Listener& listener, io::Dns* dns = nullptr);
  ~Stack();
  Stack(const Stack&) = delete;

  /// Opens a dialog. Errors (malformed URI, header with CR LF) come back at once; all else as events.
  Result<DialogId> invite(InviteRequest request);
  /// Gives up our INVITE that has no final response yet; ends in Refused 487. With a Reason header if given.
  void cancel(DialogId dialog, std::string_view reason_header = {});

  /// Sends a provisional response 101-199 to the INVITE that opened the dialog.
  Result<void> progress(DialogId dialog, int status, Body body = {}, ExtraHeaders headers = {});
  /// Answers it 200. The stack retransmits until Acknowledged or NotAcknowledged.
  Result<void> accept(DialogId dialog, Body body, ExtraHeaders headers = {});
  /// Refuses it with 300-699. The dialog is over; Released follows.
  Result<void> refuse(DialogId dialog, int status, std::string_view reason = {}, ExtraHeaders headers = {});

  /// ACKs an Accepted that carried an offer.
  Result<void> acknowledge(DialogId dialog, Body answer);
  /// Queues a re-INVITE; the outcome is Accepted or Refused{is_dialog_over=false}.
  Result<void> reinvite(DialogId dialog, Body offer, ExtraHeaders headers = {});
  /// Sends UPDATE, INFO, NOTIFY, OPTIONS, MESSAGE, REFER in the dialog; the outcome is Responded with the cookie
  /// returned here.
  Result<uint64_t> request(DialogId dialog, Method method, Body body = {}, ExtraHeaders headers = {});
  /// Answers a Requested or an out-of-dialog request; also a re-INVITE (then Acknowledged follows).
  Result<void> respond(ServerTransactionId transaction, int status, Body body = {}, ExtraHeaders headers = {},
                       std::string_view reason = {});
  /// Ends the dialog: BYE if confirmed, CANCEL if we are calling, 480 if we are being called. Released follows.
  void end(DialogId dialog, ExtraHeaders headers = {});

  /// One request outside a dialog, to `targets` in order or to where the URI resolves; the reply is the final response,
  /// or a local 408 or 503.
  using ResponseHandler = std::move_only_function<void(int status, const Message& response)>;
  Result<void> send_request(Method method, std::string uri, std::string from, std::vector<Target> targets, Body body,
                            ExtraHeaders headers, ResponseHandler on_response,
                            std::optional<Credentials> credentials = {});

  /// A re-INVITE asked for now would have to wait: for one of ours, one of the peer's, an ACK, or a back-off.
  bool is_changing(DialogId dialog) const;

  std::optional<DialogFacts> facts(DialogId dialog) const;
  /// The peer's address of this dialog's last message, for logs and admission.
  std::optional<Endpoint> peer(DialogId dialog) const;

  size_t dialogs() const;
  size_t transactions() const;

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace nearend::sip
