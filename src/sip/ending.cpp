#include <utility>

#include "sip/core.hpp"

namespace nearend::sip {

void Stack::Core::end(DialogId id, ExtraHeaders headers) {
  Dialog* dialog = find_open(id);
  if (!dialog) return;
  if (dialog->state == Dialog::State::calling) {
    for (const auto& [name, value] : headers)
      if (header_id(name) == HeaderId::reason) dialog->outgoing->cancel_reason = value;
    if (!dialog->outgoing->is_cancelled) cancel_outgoing(*dialog);
    return;
  }
  if (dialog->state == Dialog::State::ringing) {
    (void)refuse(id, 480, {}, std::move(headers));
    return;
  }
  if (dialog->awaited_ack) {  // RFC 3261 15: not before the ACK, or its time is over
    dialog->state = Dialog::State::ending;
    dialog->is_bye_deferred = true;
    dialog->bye_headers = std::move(headers);
    drop_pending(*dialog);
    dialog->session.reset();
    return;
  }
  send_bye(*dialog, std::move(headers));
}

void Stack::Core::send_bye(Dialog& dialog, ExtraHeaders headers) {
  if (dialog.state == Dialog::State::over) return;
  if (const uint32_t cseq = std::exchange(dialog.owed_ack_cseq, 0)) {  // nobody gave the answer: ACK without one
    ClientTransaction* transaction = transactions_.client(std::exchange(dialog.owed_ack_transaction, 0));
    (void)send_ack(transaction, dialog.path, dialog.remote_tag, cseq, dialog.flow, {});
  }
  dialog.state = Dialog::State::ending;
  dialog.is_bye_deferred = false;
  drop_pending(dialog);
  dialog.awaited_ack.reset();
  dialog.session.reset();
  drop_changes(dialog);
  Message scratch;
  if (!add_all(scratch, headers)) headers.clear();  // a header that cannot be sent must not keep the call alive
  const auto sent = send_in_dialog(dialog, Method::bye, {}, headers, Purpose{.kind = Kind::bye});
  if (!sent) retire(dialog, false);
}

void Stack::Core::on_bye_response(Dialog& dialog, ClientTransaction& transaction, const Message& response) {
  const int status = response.status();
  if (status < 200) return;
  if ((status == 401 || status == 407) && resend_with_credentials(dialog, transaction, response) != 0) return;
  retire(dialog, true);
}

void Stack::Core::on_bye(Dialog& dialog, ServerTransaction& transaction) {
  if (dialog.state == Dialog::State::calling) return reply(transaction, 481);  // 15: the callee must not, early
  if (dialog.state == Dialog::State::ending) {
    reply(transaction, 200);
    // Both hung up; our BYE has its own answer to wait for, one that was never sent has not.
    if (dialog.is_bye_deferred) retire(dialog, true);
    return;
  }
  const Message request = transaction.request();
  event::Ended ended{.reason = std::string(request.header(HeaderId::reason)), .request = request};
  if (settings_.is_bye_confirmed_by_listener) {
    ended.transaction = ServerTransactionId{transaction.number()};
    transaction.dialog = 0;  // which will be gone
  } else {
    reply(transaction, 200);
  }
  if (dialog.incoming)
    if (ServerTransaction* invite = transactions_.server(dialog.incoming->transaction)) reply(*invite, 487);
  emit(dialog, std::move(ended));
  retire(dialog, true);
}

void Stack::Core::end_locally(Dialog& dialog, std::string reason) {
  if (!dialog.is_open()) return;
  emit(dialog, event::Ended{.reason = reason, .is_local = true});
  if (dialog.state != Dialog::State::confirmed) {
    if (dialog.outgoing && !dialog.outgoing->is_cancelled) cancel_outgoing(dialog);
    return;
  }
  ExtraHeaders headers;
  if (!reason.empty()) headers.push_back({"Reason", std::move(reason)});
  send_bye(dialog, std::move(headers));
}

}  // namespace nearend::sip
