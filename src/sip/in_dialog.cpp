#include <algorithm>

#include "sip/body.hpp"
#include "sip/core.hpp"

namespace nearend::sip {
namespace {

constexpr size_t pending_max = 32;  // requests of one dialog that wait for the listener

void follow_target(Dialog& dialog, const Message& message) {
  if (const auto contact = message.contact(); contact && !contact->is_wildcard)
    dialog.path.remote_target = contact->uri.to_string();
}

}  // namespace

void Stack::Core::reply(ServerTransaction& transaction, int status, const ExtraHeaders& headers,
                        std::string_view reason) {
  if (transaction.is_answered()) return;
  if (transaction.local_tag.empty()) transaction.local_tag = make_tag({0, loop_.random()});
  Message response = make_response(transaction.request(), status, reason, transaction.local_tag);
  (void)add_all(response, headers);
  transaction.respond(response);
}

void Stack::Core::on_dialog_request(Dialog& dialog, ServerTransaction& transaction) {
  const Message& request = transaction.request();
  const Method method = request.method();
  const auto cseq = request.cseq();
  if (!cseq || cseq->number < dialog.remote_cseq) return reply(transaction, 500, {}, "CSeq out of order");
  dialog.remote_cseq = cseq->number;
  dialog.flow = transaction.origin();
  transaction.dialog = dialog.number;
  if (method == Method::bye) return on_bye(dialog, transaction);
  if (!dialog.is_open()) return reply(transaction, 481);
  if (dialog.pending.size() >= pending_max) return reply(transaction, 503, {{"Retry-After", "1"}});
  switch (method) {
    case Method::invite:
      return on_reinvite(dialog, transaction);
    case Method::update:
      return on_update(dialog, transaction);
    case Method::prack:
      return on_prack(dialog, transaction);
    case Method::info:
    case Method::notify:
    case Method::options:
    case Method::message:
    case Method::refer:
      return report(dialog, transaction);
    default:
      return reply(transaction, 405);
  }
}

void Stack::Core::report(Dialog& dialog, ServerTransaction& transaction) {
  dialog.pending.push_back(transaction.number());
  const Message& request = transaction.request();
  emit(dialog,
       event::Requested{ServerTransactionId{transaction.number()}, request.method(), body_of(request), request});
}

void Stack::Core::on_reinvite(Dialog& dialog, ServerTransaction& transaction) {
  const std::string soon = std::to_string(loop_.random() % 11);
  if (dialog.state == Dialog::State::calling) return reply(transaction, 491);
  const bool is_one_pending = dialog.incoming || dialog.pending_invite != 0 || dialog.pending_offer != 0;
  // An ACK overtaken by the next INVITE: its answer is still missing.
  const bool is_answer_missing = dialog.awaited_ack && dialog.awaited_ack->has_offer;
  if (is_one_pending || is_answer_missing) return reply(transaction, 500, {{"Retry-After", soon}});
  const bool is_ours_pending = (dialog.changes && dialog.changes->transaction != 0) || dialog.owed_ack_cseq != 0;
  const bool can_yield = settings_.is_yielding_in_glare && dialog.owed_ack_cseq == 0;
  if (is_ours_pending && !can_yield) return reply(transaction, 491);
  if (const auto least = too_small_interval(transaction.request()))
    return reply(transaction, 422, {{"Min-SE", std::to_string(*least)}});
  if (is_ours_pending) dialog.changes->is_yielded = true;
  if (dialog.awaited_ack) acknowledged(dialog, {});
  dialog.pending_invite = transaction.number();
  if (settings_.auto_trying) transaction.respond(make_response(transaction.request(), 100, {}, {}));
  report(dialog, transaction);
}

void Stack::Core::on_update(Dialog& dialog, ServerTransaction& transaction) {
  const Message& request = transaction.request();
  if (const auto least = too_small_interval(request))
    return reply(transaction, 422, {{"Min-SE", std::to_string(*least)}});
  if (request.body().empty()) {  // refreshes the session or the target
    Message response = make_response(request, 200, {}, dialog.local_tag);
    return respond_in_dialog(transaction, std::move(response), {});
  }
  // An offer of the peer's that has no answer yet (RFC 3311 5.2); the INVITE's has one once a reliable response had it.
  const bool is_invite_open = dialog.incoming && !dialog.incoming->is_offer_settled;
  if (dialog.pending_offer != 0 || dialog.pending_invite != 0 || is_invite_open)
    return reply(transaction, 500, {{"Retry-After", std::to_string(loop_.random() % 11)}});
  const bool is_ours_pending = (dialog.changes && dialog.changes->transaction != 0) || dialog.owed_ack_cseq != 0;
  const bool is_answer_missing = dialog.awaited_ack && dialog.awaited_ack->has_offer;
  if (is_ours_pending || is_answer_missing) return reply(transaction, 491);
  dialog.pending_offer = transaction.number();
  report(dialog, transaction);
}

Result<void> Stack::Core::respond(ServerTransactionId id, int status, Body body, ExtraHeaders headers,
                                  std::string_view reason) {
  ServerTransaction* transaction = transactions_.server(uint64_t(id));
  if (!transaction || transaction->is_answered()) return fail(Error::Kind::not_found, "transaction: no request waits");
  if (status < 101 || status > 699) return fail(Error::Kind::invalid, "status {}: must be 101-699", status);
  if (transaction->local_tag.empty()) transaction->local_tag = make_tag({0, loop_.random()});
  Message response = make_response(transaction->request(), status, reason, transaction->local_tag);
  if (auto added = add_all(response, headers); !added) return added;
  if (!body.content.empty()) response.set_body(body.type, body.content);
  if (transaction->dialog != 0) {
    respond_in_dialog(*transaction, std::move(response), headers);
    return {};
  }
  if (transaction->method() == Method::options && !response.has(HeaderId::allow)) add_capabilities(response);
  transaction->respond(response);
  return {};
}

void Stack::Core::respond_in_dialog(ServerTransaction& transaction, Message response, const ExtraHeaders& headers) {
  Dialog* dialog = dialogs_.find(transaction.dialog);
  const int status = response.status();
  const bool is_success = status >= 200 && status < 300;
  const Method method = transaction.method();
  const bool is_change = method == Method::invite || method == Method::update;
  if (dialog && is_change && is_success) {
    const Message& request = transaction.request();
    add_answer_headers(response, request, transaction.origin(), headers);
    if (!supported_.empty()) (void)response.add(HeaderId::supported, supported_);
    const std::string sdp(response.body());
    agree_as_callee(*dialog, request, response, sdp);
    follow_target(*dialog, request);
    note_peer(*dialog, request);
    if (method == Method::invite)
      await_ack(*dialog, response, transaction.reply_to(), request.body().empty() && !sdp.empty());
  }
  transaction.respond(response);
  if (dialog && status >= 200) pump(*dialog);
}

/// To the branch of our INVITE that was heard last, or with a PRACK to the one that it is owed.
Result<void> Stack::Core::request_early(Dialog& dialog, Method method, const Body& body, const ExtraHeaders& headers,
                                        uint64_t cookie) {
  OutgoingInvite& out = *dialog.outgoing;
  if (out.forks.empty()) return fail(Error::Kind::invalid, "dialog: nobody has answered the INVITE yet");
  if (method == Method::prack) {
    if (!out.owed_prack) return fail(Error::Kind::invalid, "dialog: no PRACK is owed");
    OutgoingInvite::Fork* fork = out.find_fork(out.owed_prack->tag);
    const uint32_t rseq = out.owed_prack->rseq;
    out.owed_prack.reset();
    return send_prack(dialog, *fork, rseq, body, headers);
  }
  const DialogPath& path = out.forks.back().path;
  const auto flow = route(path, dialog.flow, body.content.size() + 700);
  if (!flow) return std::unexpected(flow.error());
  auto made = compose(path, method, ++dialog.local_cseq, *flow, body, headers);
  if (!made) return std::unexpected(made.error());
  const Purpose purpose{.kind = Kind::request, .owner = dialog.number, .cookie = cookie};
  auto sent = transactions_.send(std::move(*made), *flow, purpose, 64 * settings_.t1);
  if (!sent) return std::unexpected(sent.error());
  return {};
}

Result<uint64_t> Stack::Core::request(DialogId id, Method method, Body body, ExtraHeaders headers) {
  Dialog* dialog = find_open(id);
  if (!dialog) return fail(Error::Kind::not_found, "dialog: over or unknown");
  if (method == Method::invite || method == Method::ack || method == Method::cancel || method == Method::bye ||
      method == Method::other)
    return fail(Error::Kind::invalid, "method {}: has a call of its own", to_string(method));
  Message scratch;
  if (auto added = add_all(scratch, headers); !added) return std::unexpected(added.error());
  const uint64_t cookie = ++cookie_last_;
  if (method == Method::update && !body.content.empty()) {
    queue_change(*dialog, {.method = method, .body = std::move(body), .headers = std::move(headers), .cookie = cookie});
    return cookie;
  }
  if (dialog->state == Dialog::State::calling) {
    auto sent = request_early(*dialog, method, body, headers, cookie);
    if (!sent) return std::unexpected(sent.error());
    return cookie;
  }
  auto sent =
      send_in_dialog(*dialog, method, body, headers, Purpose{.kind = Kind::request, .owner = 0, .cookie = cookie});
  if (!sent) return sent;
  return cookie;
}

void Stack::Core::on_request_response(Dialog& dialog, ClientTransaction& transaction, const Message& response) {
  const int status = response.status();
  if (status < 200) return;
  if ((status == 401 || status == 407) && resend_with_credentials(dialog, transaction, response) != 0) return;
  if (transaction.purpose.kind == Kind::prack) return;
  if (status < 300 && transaction.method() == Method::update) follow_target(dialog, response);
  emit(dialog, event::Responded{transaction.method(), transaction.purpose.cookie, status, body_of(response), response});
  if (is_fatal(status)) end_locally(dialog, {});
}

}  // namespace nearend::sip
