#include <utility>

#include "sip/body.hpp"
#include "sip/core.hpp"

namespace nearend::sip {
namespace {

constexpr int glares_max = 6;
constexpr size_t changes_max = 16;
constexpr std::chrono::seconds answer_max{180};  // for the final response to a re-INVITE that met a provisional one

}  // namespace

Result<void> Stack::Core::reinvite(DialogId id, Body offer, ExtraHeaders headers) {
  Dialog* dialog = find_open(id);
  if (!dialog) return fail(Error::Kind::not_found, "dialog: over or unknown");
  if (dialog->changes && dialog->changes->queue.size() >= changes_max)
    return fail(Error::Kind::unavailable, "dialog: {} changes wait already", changes_max);
  Message scratch;
  if (auto added = add_all(scratch, headers); !added) return added;
  queue_change(*dialog, {.method = Method::invite, .body = std::move(offer), .headers = std::move(headers)});
  return {};
}

void Stack::Core::queue_change(Dialog& dialog, Changes::Change change) {
  if (!dialog.changes) dialog.changes = std::make_unique<Changes>(loop_, dialog);
  dialog.changes->queue.push_back(std::move(change));
  pump(dialog);
}

bool Stack::Core::can_change(const Dialog& dialog, Method method) const {
  if (dialog.pending_offer != 0) return false;
  if (method == Method::invite) return dialog.state == Dialog::State::confirmed && !dialog.is_invite_pending();
  // UPDATE may go before the INVITE's final response, but not across an offer (RFC 3311 5.1).
  const bool is_answer_missing = dialog.awaited_ack && dialog.awaited_ack->has_offer;
  if (dialog.state == Dialog::State::calling) return !dialog.outgoing->forks.empty();
  return dialog.pending_invite == 0 && !is_answer_missing && dialog.owed_ack_cseq == 0;
}

bool Stack::Core::is_changing(DialogId id) const {
  const Dialog* dialog = find(id);
  if (!dialog) return false;
  return dialog->changes != nullptr || !can_change(*dialog, Method::invite);
}

/// Sends the next change if nothing stands in its way. Called whenever something may have gone out of the way.
void Stack::Core::pump(Dialog& dialog) {
  if (!dialog.is_open() || !dialog.changes) return;
  Changes& changes = *dialog.changes;
  if (changes.transaction != 0 || changes.backoff.is_set()) return;
  if (changes.queue.empty()) return dialog.changes.reset();
  const Changes::Change& next = changes.queue.front();
  if (!can_change(dialog, next.method)) return;
  if (dialog.state == Dialog::State::calling) {  // an UPDATE to the branch heard last
    dialog.path.remote = dialog.outgoing->forks.back().path.remote;
    dialog.path.remote_target = dialog.outgoing->forks.back().path.remote_target;
    dialog.path.route_set = dialog.outgoing->forks.back().path.route_set;
  }
  const Kind kind = next.method == Method::invite ? Kind::reinvite : Kind::change;
  const auto sent = send_in_dialog(dialog, next.method, next.body, next.headers, Purpose{.kind = kind});
  if (!sent) return finish_change(dialog, 503, Message{}, true);
  changes.transaction = *sent;
}

void Stack::Core::on_change_response(Dialog& dialog, ClientTransaction& transaction, const Message& response) {
  const int status = response.status();
  if (status < 200) {
    if (!transaction.is_limited()) transaction.limit(answer_max);
    return;
  }
  const bool is_success = status < 300;
  if (!dialog.changes || dialog.changes->transaction != transaction.number()) {
    if (is_success && transaction.method() == Method::invite) on_stray_success(transaction, response, false);
    return;
  }
  const bool has_yielded = std::exchange(dialog.changes->is_yielded, false);
  if (status == 491 && !has_yielded && back_off(dialog)) return;
  if (status == 401 || status == 407) {
    if (const uint64_t again = resend_with_credentials(dialog, transaction, response)) {
      dialog.changes->transaction = again;
      return;
    }
  }
  if (is_success) {
    if (const auto contact = response.contact(); contact && !contact->is_wildcard)
      dialog.path.remote_target = contact->uri.to_string();
    note_peer(dialog, response);
    const Body& sent = dialog.changes->queue.front().body;
    agree_as_caller(dialog, response, sent);
    if (transaction.method() == Method::invite) {
      if (sent.content.empty() && !response.body().empty()) {
        dialog.owed_ack_cseq = transaction.cseq();
        dialog.owed_ack_transaction = transaction.number();
      } else {
        (void)send_ack(&transaction, dialog.path, dialog.remote_tag, transaction.cseq(), dialog.flow, {});
      }
    }
  }
  finish_change(dialog, status, response, false);
}

void Stack::Core::finish_change(Dialog& dialog, int status, const Message& response, bool is_local) {
  if (!dialog.changes || dialog.changes->queue.empty()) return;
  const Changes::Change change = std::move(dialog.changes->queue.front());
  dialog.changes->queue.pop_front();
  dialog.changes->transaction = 0;
  tell_change(dialog, change, status, response, is_local);
  if (is_fatal(status)) {
    if (change.is_refresh) return end_locally(dialog, "SIP;cause=408;text=\"session not refreshed\"");
    return send_bye(dialog, {});
  }
  pump(dialog);
}

void Stack::Core::tell_change(Dialog& dialog, const Changes::Change& change, int status, const Message& response,
                              bool is_local) {
  if (change.is_refresh) {
    constexpr std::chrono::seconds refresh_again{10};
    if (status >= 300 && dialog.session) dialog.session->refresh.set(refresh_again);
    return;
  }
  if (change.method == Method::update)
    return emit(dialog, event::Responded{Method::update, change.cookie, status, body_of(response), response});
  if (status < 300) return emit(dialog, event::Accepted{body_of(response), response, dialog.owed_ack_cseq != 0});
  const std::string reason(is_local ? reason_phrase(status) : response.reason());
  emit(dialog, event::Refused{status, reason, response, is_fatal(status), is_local});
}

/// RFC 3261 14.1: the owner of the Call-ID waits 2.1-4 s, the other side 0-2 s, in units of 10 ms.
bool Stack::Core::back_off(Dialog& dialog) {
  Changes& changes = *dialog.changes;
  if (++changes.queue.front().glares > glares_max) return false;
  const uint64_t units = dialog.is_caller ? 210 + loop_.random() % 191 : loop_.random() % 201;
  changes.transaction = 0;
  changes.backoff.set(std::chrono::milliseconds(10 * units));
  return true;
}

}  // namespace nearend::sip
