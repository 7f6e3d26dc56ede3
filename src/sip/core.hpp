#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "io/async.hpp"
#include "sip/dialog.hpp"
#include "sip/overload.hpp"
#include "sip/stack.hpp"
#include "sip/transactions.hpp"

namespace nearend::sip {

/// The user agent core behind Stack. Each part has a file of its own: calling, answering, in_dialog, changing, ending,
/// session_timer, reliable_provisional, outside, admission.
/// What it tells the listener is queued and told when the core's own work is done, so a listener may call anything.
class Stack::Core final : public TransactionUser, public DialogAlarms {
 public:
  Core(io::Loop& loop, Transport& transport, StackSettings settings, Listener& listener, io::Dns* dns);
  ~Core() override;

  Result<DialogId> invite(InviteRequest request);
  void cancel(DialogId dialog, std::string_view reason);
  Result<void> progress(DialogId dialog, int status, Body body, ExtraHeaders headers);
  Result<void> accept(DialogId dialog, Body body, ExtraHeaders headers);
  Result<void> refuse(DialogId dialog, int status, std::string_view reason, ExtraHeaders headers);
  Result<void> acknowledge(DialogId dialog, Body answer);
  Result<void> reinvite(DialogId dialog, Body offer, ExtraHeaders headers);
  Result<uint64_t> request(DialogId dialog, Method method, Body body, ExtraHeaders headers);
  Result<void> respond(ServerTransactionId transaction, int status, Body body, ExtraHeaders headers,
                       std::string_view reason);
  void end(DialogId dialog, ExtraHeaders headers);
  Result<void> send_request(Method method, std::string uri, std::string from, std::vector<Target> targets, Body body,
                            ExtraHeaders headers, ResponseHandler on_response, std::optional<Credentials> credentials);
  bool is_changing(DialogId dialog) const;
  std::optional<DialogFacts> facts(DialogId dialog) const;
  std::optional<Endpoint> peer(DialogId dialog) const;
  size_t dialogs() const { return dialogs_.size(); }
  size_t transactions() const { return transactions_.size(); }

  void on_response(ClientTransaction& transaction, const Message& response) override;
  void on_send_failed(ClientTransaction& transaction, SendFailure failure) override;
  void on_server_done(ServerTransaction& transaction) override;
  void on_transaction_over() override { wake(); }
  void on_alarm(Dialog& dialog, DialogAlarm which) override;

 private:
  using Kind = Purpose::Kind;
  /// A request outside dialogs that waits for its final response.
  struct Outside {
    Method method = Method::options;
    std::string uri, from, call_id, tag;
    std::vector<Target> targets;
    size_t target_next = 0;
    Target target;
    uint32_t cseq = 0;
    Body body;
    ExtraHeaders headers;
    ResponseHandler on_response;
    std::unique_ptr<Authentication> authentication;
  };
  struct DialogNotice {
    uint64_t dialog;
    DialogEvent event;
  };
  struct RequestNotice {
    ServerTransactionId transaction;
    Message request;
    Flow flow;
  };
  struct ResponseNotice {
    ResponseHandler handler;
    int status;
    Message response;
  };
  using Notice = std::variant<DialogNotice, RequestNotice, ResponseNotice>;

  // core.cpp: what comes in, what goes up.
  void on_message(const Flow& flow, std::string_view bytes);
  void on_transport_failure(const Flow& flow);
  void receive_response(Message response);
  void receive_request(ParseOutcome outcome, const Flow& flow);
  void emit(Dialog& dialog, DialogEvent event);
  void wake();
  void settle();
  void tell(Notice notice);

  // dialogs.cpp: their table and their messages.
  Dialog& add_dialog(bool is_caller);
  Dialog* find(DialogId id) const { return dialogs_.find(uint64_t(id)); }
  Dialog* find_open(DialogId id) const;
  /// The dialog that a request belongs to by its tags and Call-ID.
  Dialog* find_dialog(const Message& request) const;
  /// The dialog is over: everything it holds goes now, its name when the listener has heard Released.
  void retire(Dialog& dialog, bool is_answered);
  void drop_pending(Dialog& dialog);
  void drop_changes(Dialog& dialog);
  /// Transport::open, but peers that refused TCP get large messages as datagrams, too.
  Result<Flow> open(const Target& target, size_t size);
  /// A request that went by TCP for its size, where TCP is refused, once more (RFC 3261 18.1.1). False: it has failed.
  bool resend_as_datagram(ClientTransaction& transaction);
  Result<Flow> route(const DialogPath& path, const Flow& last, size_t size);
  Result<Message> compose(const DialogPath& path, Method method, uint32_t cseq, const Flow& flow, const Body& body,
                          const ExtraHeaders& headers);
  /// Composes with the dialog's next CSeq and sends.
  Result<uint64_t> send_in_dialog(Dialog& dialog, Method method, const Body& body, const ExtraHeaders& headers,
                                  Purpose purpose);
  Message make_response(const Message& request, int status, std::string_view reason, std::string_view local_tag) const;
  Result<void> add_all(Message& message, const ExtraHeaders& headers) const;
  void add_capabilities(Message& message) const;
  std::string contact(const Flow& flow, bool is_sips = false) const;
  static bool is_sips(std::string_view uri) { return uri.starts_with("sips:") || uri.starts_with("<sips:"); }
  void note_peer(Dialog& dialog, const Message& message);

  // calling.cpp: our INVITE.
  Result<void> start_resolving(Dialog& dialog);
  Task<void> resolve_and_call(uint64_t dialog, Uri uri, std::string transport);
  void try_next_target(Dialog& dialog, int status, std::string_view why);
  bool send_invite(Dialog& dialog, const Target& target);
  void on_invite_response(Dialog& dialog, ClientTransaction& transaction, const Message& response);
  void on_invite_progress(Dialog& dialog, ClientTransaction& transaction, const Message& response);
  void on_invite_success(Dialog& dialog, ClientTransaction& transaction, const Message& response);
  void on_invite_failure(Dialog& dialog, ClientTransaction& transaction, const Message& response);
  bool retry_invite(Dialog& dialog, ClientTransaction& transaction, const Message& response);
  void on_answer_late(Dialog& dialog);
  void on_target_silent(Dialog& dialog);
  void on_invite_send_failed(Dialog& dialog, SendFailure failure);
  void cancel_outgoing(Dialog& dialog);
  void fail_outgoing(Dialog& dialog, int status, std::string reason, const Message* response);
  /// ACK for a 2xx to our INVITE, kept to be sent again.
  Result<void> send_ack(ClientTransaction* transaction, const DialogPath& path, std::string tag, uint32_t cseq,
                        const Flow& last, const Body& body, const ExtraHeaders& headers = {});
  /// A 2xx that nobody wants: a fork, one after CANCEL, one whose dialog is over.
  void on_stray_success(ClientTransaction& transaction, const Message& response, bool wants_bye);

  // answering.cpp: their INVITE.
  void on_new_invite(ServerTransaction& transaction);
  void on_cancel(Message cancel, const Via& via, const Flow& flow);
  void on_ack(const Message& ack);
  void add_answer_headers(Message& response, const Message& request, const Flow& flow,
                          const ExtraHeaders& headers) const;
  void send_provisional(Dialog& dialog, ServerTransaction& transaction, const IncomingInvite::Provisional& provisional);
  void send_answer(Dialog& dialog, IncomingInvite::Answer answer);
  void await_ack(Dialog& dialog, const Message& response, const Flow& flow, bool has_offer);
  void on_repeat_2xx(Dialog& dialog);
  void on_ack_late(Dialog& dialog);
  void acknowledged(Dialog& dialog, Body body);

  // in_dialog.cpp: requests within a dialog, both ways.
  void on_dialog_request(Dialog& dialog, ServerTransaction& transaction);
  void on_reinvite(Dialog& dialog, ServerTransaction& transaction);
  void on_update(Dialog& dialog, ServerTransaction& transaction);
  void report(Dialog& dialog, ServerTransaction& transaction);
  void respond_in_dialog(ServerTransaction& transaction, Message response, const ExtraHeaders& headers);
  Result<void> request_early(Dialog& dialog, Method method, const Body& body, const ExtraHeaders& headers,
                             uint64_t cookie);
  void on_request_response(Dialog& dialog, ClientTransaction& transaction, const Message& response);
  void reply(ServerTransaction& transaction, int status, const ExtraHeaders& headers = {},
             std::string_view reason = {});

  // changing.cpp: re-INVITE, UPDATE with an offer, glare.
  void queue_change(Dialog& dialog, Changes::Change change);
  void pump(Dialog& dialog);
  bool can_change(const Dialog& dialog, Method method) const;
  void on_change_response(Dialog& dialog, ClientTransaction& transaction, const Message& response);
  void finish_change(Dialog& dialog, int status, const Message& response, bool is_local);
  void tell_change(Dialog& dialog, const Changes::Change& change, int status, const Message& response, bool is_local);
  bool back_off(Dialog& dialog);

  // ending.cpp: BYE and what is fatal for a dialog.
  void on_bye(Dialog& dialog, ServerTransaction& transaction);
  void send_bye(Dialog& dialog, ExtraHeaders headers);
  void on_bye_response(Dialog& dialog, ClientTransaction& transaction, const Message& response);
  /// 408 and 481 to a request within the dialog end it (RFC 3261 12.2.1.2).
  static bool is_fatal(int status) { return status == 408 || status == 481; }
  void end_locally(Dialog& dialog, std::string reason);

  // session_timer.cpp
  /// What our INVITE or UPDATE asks for.
  void ask_session_timer(Message& request, uint32_t seconds, uint32_t min_se, std::string_view refresher) const;
  void agree_as_caller(Dialog& dialog, const Message& response, const Body& sent);
  void agree_as_callee(Dialog& dialog, const Message& request, Message& response, std::string_view sdp);
  void set_session_timer(Dialog& dialog, uint32_t seconds, bool is_refresher, std::string_view sdp);
  void on_refresh_due(Dialog& dialog);
  std::optional<uint32_t> too_small_interval(const Message& request) const;

  // reliable_provisional.cpp
  bool is_sent_reliably(const IncomingInvite& incoming, const Body& body) const;
  void make_reliable(Dialog& dialog, Message& response, bool has_sdp);
  void on_repeat_1xx(Dialog& dialog);
  void on_prack_late(Dialog& dialog);
  void on_prack(Dialog& dialog, ServerTransaction& transaction);
  /// False when the response was taken before or came out of order.
  bool take_provisional(Dialog& dialog, const Message& response);
  Result<void> send_prack(Dialog& dialog, OutgoingInvite::Fork& fork, uint32_t rseq, const Body& body,
                          const ExtraHeaders& headers);

  // authentication.cpp: 401 and 407.
  /// The request once more with an answer to the challenge and the next CSeq; nothing when we must not.
  std::optional<Message> answered(Message request, const Message& challenge, Authentication& authentication,
                                  uint32_t cseq);
  /// Sends it once more in its dialog; 0 when that cannot be.
  uint64_t resend_with_credentials(Dialog& dialog, ClientTransaction& transaction, const Message& challenge);

  // stateless.cpp: OPTIONS outside dialogs, of which nothing is kept.
  void answer_options(const Message& request, const Flow& reply_to);
  std::string options_tag(const Message& request);

  // outside.cpp: requests outside dialogs.
  void on_new_request(ServerTransaction& transaction);
  Task<void> resolve_and_send(uint64_t number, Uri uri);
  void try_next_target(uint64_t number, int status);
  bool send_outside(uint64_t number, Outside& outside);
  void on_outside_response(ClientTransaction& transaction, const Message& response);
  void finish_outside(uint64_t number, int status, const Message* response);

  // admission.cpp: what is refused before anybody sees it.
  struct Refusal {
    int status = 0;
    ExtraHeaders headers;
    std::string_view reason;
  };
  void reject_malformed(ParseOutcome outcome, const Flow& reply_to);
  bool admit(ServerTransaction& transaction);
  /// What is wrong with any request, whatever it asks for.
  std::optional<Refusal> fault_of(const Message& request) const;
  bool admit_invite(ServerTransaction& transaction);
  std::string not_understood(const Message& request) const;
  bool is_looped(const Message& request) const;
  /// Answers without keeping anything (RFC 3261 8.2.7).
  void reply_stateless(const Message& request, const Flow& reply_to, int status, const ExtraHeaders& headers = {},
                       std::string_view reason = {});

  io::Loop& loop_;
  Transport& transport_;
  const StackSettings settings_;
  Listener& listener_;
  io::Dns* dns_;
  Transactions transactions_;
  SlotTable<Dialog> dialogs_;
  std::unordered_map<uint64_t, Outside> outside_;
  uint64_t cookie_last_ = 0;
  Overload overload_;
  RestingTargets resting_;
  std::deque<Notice> notices_;
  bool is_handling_ = false;  // a message: settle() follows
  bool is_settling_ = false;
  bool is_wake_posted_ = false;
  Flow incoming_flow_;  // where the message being handled came from
  size_t incoming_size_ = 0;
  std::string options_key_;
  std::string allow_, supported_;
  std::unique_ptr<io::Scope> resolving_;
  std::shared_ptr<Core*> self_;  // watched by what was posted to the loop
};

}  // namespace nearend::sip
