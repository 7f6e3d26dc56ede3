#include <algorithm>
#include <utility>

#include "sip/body.hpp"
#include "sip/core.hpp"

namespace nearend::sip {

void Stack::Core::on_new_invite(ServerTransaction& transaction) {
  if (dialogs_.size() >= settings_.dialogs_max) return reply(transaction, 503, {{"Retry-After", "30"}});
  overload_.add(transaction.origin().peer.address);
  transaction.is_counted = true;
  const Message& request = transaction.request();
  Dialog& dialog = add_dialog(false);
  transaction.dialog = dialog.number;
  transaction.local_tag = dialog.local_tag;
  dialog.path.call_id = request.call_id();
  dialog.path.local = request.header(HeaderId::to);
  dialog.path.local.append(";tag=").append(dialog.local_tag);
  dialog.path.remote = request.header(HeaderId::from);
  if (const auto contact = request.contact())
    dialog.path.remote_target = contact->uri.to_string();
  else if (const auto from = request.from())
    dialog.path.remote_target = from->uri.to_string();
  for (const auto route : request.values(HeaderId::record_route)) dialog.path.route_set.emplace_back(route);
  dialog.remote_tag = request.from_tag();
  if (const auto cseq = request.cseq()) dialog.remote_cseq = cseq->number;
  dialog.flow = transaction.origin();
  note_peer(dialog, request);
  dialog.incoming = std::make_unique<IncomingInvite>(loop_, dialog);
  dialog.incoming->transaction = transaction.number();
  dialog.incoming->cseq = dialog.remote_cseq;
  dialog.incoming->is_100rel_required = request.has_option_tag(HeaderId::require, "100rel");
  dialog.incoming->is_100rel_supported = request.has_option_tag(HeaderId::supported, "100rel");
  if (settings_.auto_trying) transaction.respond(make_response(request, 100, {}, {}));
  emit(dialog, event::Invited{request, transaction.origin()});
}

/// What opens or changes a dialog carries our Contact and the recorded route (12.1.1).
void Stack::Core::add_answer_headers(Message& response, const Message& request, const Flow& flow,
                                     const ExtraHeaders& headers) const {
  if (request.to_tag().empty())
    for (const auto route : request.values(HeaderId::record_route)) (void)response.add(HeaderId::record_route, route);
  const auto is_contact = [](const ExtraHeader& header) { return header_id(header.name) == HeaderId::contact; };
  const auto recorded = request.values(HeaderId::record_route);
  const std::string_view hop = recorded.empty() ? request.header(HeaderId::contact) : recorded.front();
  const bool is_secure = is_sips(request.request_uri()) || is_sips(hop);
  if (std::ranges::none_of(headers, is_contact)) (void)response.add(HeaderId::contact, contact(flow, is_secure));
  (void)response.add(HeaderId::allow, allow_);
}

Result<void> Stack::Core::progress(DialogId id, int status, Body body, ExtraHeaders headers) {
  Dialog* dialog = find_open(id);
  if (!dialog || !dialog->incoming || dialog->incoming->answer)
    return fail(Error::Kind::not_found, "dialog: no INVITE waits for an answer");
  if (status < 101 || status > 199) return fail(Error::Kind::invalid, "status {}: must be 101-199", status);
  Message scratch;
  if (auto added = add_all(scratch, headers); !added) return added;
  ServerTransaction* transaction = transactions_.server(dialog->incoming->transaction);
  if (!transaction) return fail(Error::Kind::not_found, "dialog: its INVITE is gone");
  IncomingInvite::Provisional provisional{status, std::move(body), std::move(headers)};
  if (dialog->incoming->is_prack_awaited && is_sent_reliably(*dialog->incoming, provisional.body)) {
    dialog->incoming->waiting.push_back(std::move(provisional));
    return {};
  }
  send_provisional(*dialog, *transaction, provisional);
  return {};
}

void Stack::Core::send_provisional(Dialog& dialog, ServerTransaction& transaction,
                                   const IncomingInvite::Provisional& provisional) {
  const Message& request = transaction.request();
  Message response = make_response(request, provisional.status, {}, dialog.local_tag);
  add_answer_headers(response, request, transaction.origin(), provisional.headers);
  (void)add_all(response, provisional.headers);
  const Body& body = provisional.body;
  if (!body.content.empty()) response.set_body(body.type, body.content);
  if (is_sent_reliably(*dialog.incoming, body)) make_reliable(dialog, response, body.is_sdp());
  transaction.respond(response);
}

Result<void> Stack::Core::accept(DialogId id, Body body, ExtraHeaders headers) {
  Dialog* dialog = find_open(id);
  if (!dialog || !dialog->incoming || dialog->incoming->answer)
    return fail(Error::Kind::not_found, "dialog: no INVITE waits for an answer");
  Message scratch;
  if (auto added = add_all(scratch, headers); !added) return added;
  IncomingInvite::Answer answer{std::move(body), std::move(headers)};
  if (dialog->incoming->is_sdp_unacknowledged) {
    dialog->incoming->answer = std::move(answer);
    return {};
  }
  send_answer(*dialog, std::move(answer));
  return {};
}

void Stack::Core::send_answer(Dialog& dialog, IncomingInvite::Answer answer) {
  ServerTransaction* transaction = transactions_.server(dialog.incoming->transaction);
  if (!transaction || transaction->is_answered()) return;
  const Message& request = transaction->request();
  Message response = make_response(request, 200, {}, dialog.local_tag);
  add_answer_headers(response, request, transaction->origin(), answer.headers);
  if (!supported_.empty()) (void)response.add(HeaderId::supported, supported_);
  agree_as_callee(dialog, request, response, answer.body.content);
  (void)add_all(response, answer.headers);
  if (!answer.body.content.empty()) response.set_body(answer.body.type, answer.body.content);
  dialog.state = Dialog::State::confirmed;
  dialog.incoming.reset();
  const bool has_offer = request.body().empty() && !answer.body.content.empty();
  await_ack(dialog, response, transaction->reply_to(), has_offer);
  transaction->respond(response);
}

void Stack::Core::await_ack(Dialog& dialog, const Message& response, const Flow& flow, bool has_offer) {
  dialog.awaited_ack = std::make_unique<AwaitedAck>(loop_, dialog);
  AwaitedAck& awaited = *dialog.awaited_ack;
  if (const auto cseq = response.cseq()) awaited.cseq = cseq->number;
  awaited.has_offer = has_offer;
  awaited.wire = response.serialize();
  awaited.flow = flow;
  awaited.interval = settings_.t1;
  awaited.repeat.set(awaited.interval);
  awaited.late.set(64 * settings_.t1);
}

void Stack::Core::on_repeat_2xx(Dialog& dialog) {
  AwaitedAck& awaited = *dialog.awaited_ack;
  awaited.interval = std::min<io::Duration>(awaited.interval * 2, settings_.t2);
  awaited.repeat.set(awaited.interval);
  transport_.send(awaited.flow, awaited.wire);
}

void Stack::Core::on_ack_late(Dialog& dialog) {
  dialog.awaited_ack.reset();
  if (dialog.is_bye_deferred) return send_bye(dialog, std::exchange(dialog.bye_headers, {}));
  emit(dialog, event::NotAcknowledged{});
  send_bye(dialog, {{"Reason", "SIP;cause=408;text=\"no ACK\""}});
}

void Stack::Core::on_ack(const Message& ack) {
  Dialog* dialog = find_dialog(ack);
  const auto cseq = ack.cseq();
  if (!dialog || !dialog->awaited_ack || !cseq || cseq->number != dialog->awaited_ack->cseq) return;
  dialog->flow = incoming_flow_;
  acknowledged(*dialog, body_of(ack));
}

void Stack::Core::acknowledged(Dialog& dialog, Body body) {
  dialog.awaited_ack.reset();
  if (dialog.is_bye_deferred) return send_bye(dialog, std::exchange(dialog.bye_headers, {}));
  emit(dialog, event::Acknowledged{std::move(body)});
  pump(dialog);
}

Result<void> Stack::Core::refuse(DialogId id, int status, std::string_view reason, ExtraHeaders headers) {
  Dialog* dialog = find_open(id);
  if (!dialog || !dialog->incoming) return fail(Error::Kind::not_found, "dialog: no INVITE waits for an answer");
  if (status < 300 || status > 699) return fail(Error::Kind::invalid, "status {}: must be 300-699", status);
  Message scratch;
  if (auto added = add_all(scratch, headers); !added) return added;
  if (ServerTransaction* transaction = transactions_.server(dialog->incoming->transaction))
    reply(*transaction, status, headers, reason);
  retire(*dialog, true);
  return {};
}

void Stack::Core::on_cancel(Message cancel, const Via& via, const Flow& reply_to) {
  ServerTransaction* invite = transactions_.find_server(Transactions::key_of(cancel, via, Method::invite));
  std::string key = Transactions::key_of(cancel, via, Method::cancel);
  std::string reason(cancel.header(HeaderId::reason));
  ServerTransaction& transaction =
      transactions_.add_server(std::move(cancel), incoming_flow_, reply_to, std::move(key));
  if (!invite) return reply(transaction, 481);
  transaction.local_tag = invite->local_tag;
  reply(transaction, 200);
  if (invite->is_answered()) return;
  const uint64_t number = invite->number();
  Dialog* dialog = dialogs_.find(invite->dialog);
  reply(*invite, 487);
  if (!dialog) return;
  if (dialog->incoming && dialog->incoming->transaction == number) {
    emit(*dialog, event::Cancelled{std::move(reason)});
    return retire(*dialog, true);
  }
  pump(*dialog);
}

}  // namespace nearend::sip
