#include <algorithm>

#include "sip/body.hpp"
#include "sip/core.hpp"
#include "sip/resolver.hpp"

namespace nearend::sip {
namespace {

// Silence after which the next target is tried: the INVITE has gone out four times by then.
constexpr int silent_intervals = 7;
constexpr int interval_refusals_max = 2;
constexpr size_t forks_max = 16;

uint32_t cseq_number(const Message& message) {
  const auto cseq = message.cseq();
  return cseq ? cseq->number : 0;
}

size_t size_estimate(const InviteRequest& request) {
  size_t size = 700 + request.body.content.size();
  for (const auto& [name, value] : request.headers) size += name.size() + value.size() + 4;
  return size;
}

/// A name-addr without tag, checked.
Result<std::string> checked_party(std::string_view field, const std::string& value, std::string_view tag) {
  const auto parsed = parse_name_addr(value);
  if (!parsed) return fail(Error::Kind::malformed, "{}: {}", field, parsed.error().text);
  if (!parsed->tag().empty()) return fail(Error::Kind::invalid, "{}: must have no tag", field);
  // A bare URI's parameters would be taken for the header's.
  const std::string party = value.find('<') == std::string::npos ? "<" + value + ">" : value;
  return tag.empty() ? party : fmt::format("{};tag={}", party, tag);
}

}  // namespace

Result<DialogId> Stack::Core::invite(InviteRequest request) {
  if (dialogs_.size() >= settings_.dialogs_max)
    return fail(Error::Kind::unavailable, "dialogs_max {} reached", settings_.dialogs_max);
  const auto uri = parse_uri(request.uri);
  if (!uri) return std::unexpected(uri.error());
  if (!uri->is_sip()) return fail(Error::Kind::invalid, "uri {}: must be sip or sips", request.uri);
  if (request.to.empty()) request.to = "<" + request.uri + ">";
  auto scratch = Message::request(Method::invite, request.uri);
  if (!scratch) return std::unexpected(scratch.error());
  if (auto added = add_all(*scratch, request.headers); !added) return std::unexpected(added.error());

  const uint64_t secret = loop_.random();
  auto to = checked_party("to", request.to, {});
  if (!to) return std::unexpected(to.error());
  auto from = checked_party("from", request.from, {});
  if (!from) return std::unexpected(from.error());
  Dialog& dialog = add_dialog(true);
  dialog.path.call_id = request.call_id.empty() ? make_tag({loop_.random(), secret}) : request.call_id;
  dialog.path.local = fmt::format("{};tag={}", *from, dialog.local_tag);
  dialog.path.remote = std::move(*to);
  dialog.path.remote_target = request.uri;
  if (auto added = scratch->add(HeaderId::call_id, dialog.path.call_id); !added) {
    dialogs_.take(dialog.number);
    return std::unexpected(added.error());
  }
  if (request.credentials)
    dialog.authentication = std::make_unique<Authentication>(Authentication{std::move(*request.credentials), {}});
  dialog.outgoing = std::make_unique<OutgoingInvite>(loop_, dialog, std::move(request));
  dialog.outgoing->session_expires = static_cast<uint32_t>(dialog.outgoing->request.session_expires.count());
  if (dialog.outgoing->request.targets.empty()) {
    if (auto started = start_resolving(dialog); !started) {
      dialogs_.take(dialog.number);
      return std::unexpected(started.error());
    }
    return dialog.id();
  }
  // Targets that failed lately are tried last.
  resting_.put_last(dialog.outgoing->request.targets);
  const DialogId id = dialog.id();
  try_next_target(dialog, 503, "no target");
  return id;
}

Result<void> Stack::Core::start_resolving(Dialog& dialog) {
  const InviteRequest& wanted = dialog.outgoing->request;
  // A preloaded route is the next hop (RFC 3261 8.1.2).
  const auto route =
      std::ranges::find_if(wanted.headers, [](const auto& h) { return header_id(h.name) == HeaderId::route; });
  // In brackets, or the URI's own parameters would be taken for the header's (RFC 3261 20.10).
  const auto hop = parse_name_addr(route == wanted.headers.end() ? "<" + wanted.uri + ">" : route->value);
  if (!hop) return std::unexpected(hop.error());
  if (auto numeric = resolve_numeric(hop->uri, wanted.transport)) {
    dialog.outgoing->request.targets = std::move(*numeric);
    try_next_target(dialog, 503, "no target");
    return {};
  }
  if (!dns_) return fail(Error::Kind::invalid, "uri {}: needs targets or a numeric host", wanted.uri);
  resolving_->spawn(resolve_and_call(dialog.number, hop->uri, wanted.transport));
  return {};
}

Task<void> Stack::Core::resolve_and_call(uint64_t number, Uri uri, std::string transport) {
  auto targets = co_await resolve(std::move(uri), std::move(transport), *dns_, loop_);
  Dialog* dialog = dialogs_.find(number);
  if (!dialog || !dialog->outgoing) co_return;
  if (!targets) {
    fail_outgoing(*dialog, 503, targets.error().text, nullptr);
    co_return;
  }
  dialog->outgoing->request.targets = std::move(*targets);
  resting_.put_last(dialog->outgoing->request.targets);
  try_next_target(*dialog, 503, "no target");
}

void Stack::Core::try_next_target(Dialog& dialog, int status, std::string_view why) {
  OutgoingInvite& out = *dialog.outgoing;
  while (out.target_next < out.request.targets.size()) {
    out.target = out.request.targets[out.target_next++];
    if (send_invite(dialog, out.target)) return;
  }
  fail_outgoing(dialog, status, std::string(why), nullptr);
}

bool Stack::Core::send_invite(Dialog& dialog, const Target& target) {
  OutgoingInvite& out = *dialog.outgoing;
  const InviteRequest& wanted = out.request;
  const auto flow = open(target, size_estimate(wanted));
  if (!flow) return false;
  if (dialog.local_cseq == 0) dialog.local_cseq = 1;
  auto request = compose(dialog.path, Method::invite, dialog.local_cseq, *flow, wanted.body, wanted.headers);
  if (!request) return false;
  (void)request->set(HeaderId::max_forwards, std::to_string(wanted.max_forwards));
  (void)request->add(HeaderId::allow, allow_);
  std::string supported;
  for (const auto& tag : settings_.supported) {
    const bool is_unwanted =
        (tag == "100rel" && !wanted.is_100rel_offered) || (tag == "timer" && out.session_expires == 0);
    if (!is_unwanted) supported += (supported.empty() ? "" : ", ") + tag;
  }
  if (!supported.empty()) (void)request->add(HeaderId::supported, supported);
  if (out.session_expires > 0) ask_session_timer(*request, out.session_expires, out.min_se, {});
  dialog.flow = *flow;
  const Purpose purpose{.kind = Kind::invite, .owner = dialog.number, .cookie = 0};
  const auto sent = transactions_.send(std::move(*request), *flow, purpose, 64 * settings_.t1);
  if (!sent) return false;
  out.transaction = (*sent)->number();
  const bool has_another = out.target_next < wanted.targets.size();
  if (has_another) out.failover.set(silent_intervals * settings_.t1);
  if (!has_another && wanted.first_response_timeout.count() > 0) out.failover.set(wanted.first_response_timeout);
  return true;
}

void Stack::Core::on_target_silent(Dialog& dialog) {
  OutgoingInvite& out = *dialog.outgoing;
  // It may have been heard all the same: if that target rings later it is cancelled, if it answers it is hung up.
  if (ClientTransaction* silent = transactions_.client(out.transaction)) silent->abandon();
  resting_.rest(out.target);
  try_next_target(dialog, 408, "no answer from any target");
}

void Stack::Core::on_invite_send_failed(Dialog& dialog, SendFailure failure) {
  OutgoingInvite& out = *dialog.outgoing;
  out.failover.stop();
  if (out.is_cancelled) return fail_outgoing(dialog, out.is_late ? 408 : 487, "cancelled", nullptr);
  resting_.rest(out.target);
  const bool is_timeout = failure == SendFailure::timeout;
  try_next_target(dialog, is_timeout ? 408 : 503, is_timeout ? "no response" : "transport failed");
}

void Stack::Core::on_invite_response(Dialog& dialog, ClientTransaction& transaction, const Message& response) {
  if (!dialog.outgoing) {  // a 2xx again, of the fork that won or another one
    if (response.status() >= 200 && response.status() < 300) on_stray_success(transaction, response, true);
    return;
  }
  if (response.status() < 200) return on_invite_progress(dialog, transaction, response);
  if (response.status() < 300) return on_invite_success(dialog, transaction, response);
  on_invite_failure(dialog, transaction, response);
}

void Stack::Core::on_invite_progress(Dialog& dialog, ClientTransaction& transaction, const Message& response) {
  OutgoingInvite& out = *dialog.outgoing;
  out.failover.stop();
  resting_.wake(out.target);
  if (out.is_cancelled) return transactions_.send_cancel(transaction, out.cancel_reason);
  if (!out.answer_timeout.is_set()) out.answer_timeout.set(out.request.answer_timeout);
  if (response.status() == 100) return;
  const std::string_view tag = response.to_tag();
  if (!tag.empty() && !out.find_fork(tag)) {
    if (out.forks.size() >= forks_max) return;
    out.forks.push_back({std::string(tag), 0, DialogPath::of_response(response)});
    if (out.forks.back().path.remote_target.empty()) out.forks.back().path.remote_target = dialog.path.remote_target;
  }
  note_peer(dialog, response);
  if (!take_provisional(dialog, response)) return;
  emit(dialog, event::Progress{response.status(), body_of(response), response});
}

void Stack::Core::on_invite_success(Dialog& dialog, ClientTransaction& transaction, const Message& response) {
  OutgoingInvite& out = *dialog.outgoing;
  resting_.wake(out.target);
  if (out.is_cancelled) {  // the CANCEL came too late
    on_stray_success(transaction, response, true);
    return fail_outgoing(dialog, out.is_late ? 408 : 487, "cancelled after answer", nullptr);
  }
  DialogPath path = DialogPath::of_response(response);
  if (path.remote_target.empty()) path.remote_target = dialog.path.remote_target;
  dialog.path = std::move(path);
  dialog.remote_tag = response.to_tag();
  dialog.state = Dialog::State::confirmed;
  note_peer(dialog, response);
  const Body sent = std::move(out.request.body);
  dialog.outgoing.reset();
  const uint32_t cseq = cseq_number(response);
  const bool is_ack_owed = sent.content.empty() && !response.body().empty();
  if (is_ack_owed) {
    dialog.owed_ack_cseq = cseq;
    dialog.owed_ack_transaction = transaction.number();
  } else {
    (void)send_ack(&transaction, dialog.path, dialog.remote_tag, cseq, dialog.flow, {});
  }
  agree_as_caller(dialog, response, sent);
  emit(dialog, event::Accepted{body_of(response), response, is_ack_owed});
  pump(dialog);
}

void Stack::Core::on_invite_failure(Dialog& dialog, ClientTransaction& transaction, const Message& response) {
  OutgoingInvite& out = *dialog.outgoing;
  out.failover.stop();
  if (!out.is_cancelled) {
    if (retry_invite(dialog, transaction, response)) return;
    const bool is_target_down = response.status() == 503;
    if (is_target_down) resting_.rest(out.target);
    if (is_target_down && out.target_next < out.request.targets.size())
      return try_next_target(dialog, 503, "no target");
  }
  fail_outgoing(dialog, out.is_late ? 408 : response.status(), std::string(response.reason()), &response);
}

/// Asks again after 401, 407 (once a challenge) and 422.
bool Stack::Core::retry_invite(Dialog& dialog, ClientTransaction& transaction, const Message& response) {
  OutgoingInvite& out = *dialog.outgoing;
  const int status = response.status();
  if (status == 422 && out.session_expires > 0 && out.interval_refusals++ < interval_refusals_max) {
    const auto least = response.min_se();
    if (!least || *least <= out.min_se) return false;
    out.min_se = *least;
    out.session_expires = std::max(out.session_expires, *least);
    ++dialog.local_cseq;
    return send_invite(dialog, out.target);
  }
  if (status != 401 && status != 407) return false;
  const uint64_t again = resend_with_credentials(dialog, transaction, response);
  if (again == 0) return false;
  out.transaction = again;
  return true;
}

void Stack::Core::cancel(DialogId id, std::string_view reason) {
  Dialog* dialog = find(id);
  if (!dialog || !dialog->outgoing || dialog->outgoing->is_cancelled) return;
  dialog->outgoing->cancel_reason = reason;
  cancel_outgoing(*dialog);
}

void Stack::Core::cancel_outgoing(Dialog& dialog) {
  OutgoingInvite& out = *dialog.outgoing;
  out.is_cancelled = true;
  out.failover.stop();
  ClientTransaction* transaction = transactions_.client(out.transaction);
  if (!transaction) return fail_outgoing(dialog, out.is_late ? 408 : 487, "cancelled", nullptr);
  // Before a provisional response the CANCEL has to wait for one (9.1).
  if (transaction->has_provisional()) transactions_.send_cancel(*transaction, out.cancel_reason);
  out.answer_timeout.set(64 * settings_.t1);
}

void Stack::Core::on_answer_late(Dialog& dialog) {
  OutgoingInvite& out = *dialog.outgoing;
  if (out.is_cancelled) return fail_outgoing(dialog, out.is_late ? 408 : 487, "cancelled, and no response", nullptr);
  out.is_late = true;
  out.cancel_reason = "SIP;cause=408;text=\"no answer\"";
  cancel_outgoing(dialog);
}

void Stack::Core::fail_outgoing(Dialog& dialog, int status, std::string reason, const Message* response) {
  if (dialog.outgoing)
    if (ClientTransaction* transaction = transactions_.client(dialog.outgoing->transaction)) transaction->abandon();
  const std::string phrase = reason.empty() ? std::string(reason_phrase(status)) : std::move(reason);
  emit(dialog, event::Refused{status, phrase, response ? *response : Message{}, true, response == nullptr});
  retire(dialog, response != nullptr);
}

Result<void> Stack::Core::send_ack(ClientTransaction* transaction, const DialogPath& path, std::string tag,
                                   uint32_t cseq, const Flow& last, const Body& body, const ExtraHeaders& headers) {
  const auto flow = route(path, last, body.content.size() + 500);
  if (!flow) return std::unexpected(flow.error());
  auto ack = compose(path, Method::ack, cseq, *flow, body, headers);
  if (!ack) return std::unexpected(ack.error());
  std::string wire = transactions_.send_ack(std::move(*ack), *flow);
  if (transaction) transaction->acks.push_back({std::move(tag), std::move(wire), *flow});
  return {};
}

void Stack::Core::on_stray_success(ClientTransaction& transaction, const Message& response, bool wants_bye) {
  const std::string tag(response.to_tag());
  for (const auto& ack : transaction.acks)
    if (ack.tag == tag) return transport_.send(ack.flow, ack.wire);
  const Dialog* dialog = dialogs_.find(transaction.purpose.owner);
  // The listener's answer for the ACK is still to come: the peer will ask again.
  if (dialog && dialog->owed_ack_transaction == transaction.number() && dialog->remote_tag == tag) return;
  if (transaction.acks.size() >= forks_max) return;
  const DialogPath path = DialogPath::of_response(response);
  if (path.remote_target.empty()) return;
  const uint32_t cseq = cseq_number(response);
  (void)send_ack(&transaction, path, tag, cseq, incoming_flow_, {});
  if (!wants_bye) return;
  const auto flow = route(path, incoming_flow_, 0);
  if (!flow) return;
  auto bye = compose(path, Method::bye, cseq + 1, *flow, {}, {});
  if (bye) (void)transactions_.send(std::move(*bye), *flow, Purpose{}, 64 * settings_.t1);
}

Result<void> Stack::Core::acknowledge(DialogId id, Body answer) {
  Dialog* dialog = find_open(id);
  if (!dialog || dialog->owed_ack_cseq == 0) return fail(Error::Kind::not_found, "dialog: no ACK is owed");
  const uint32_t cseq = std::exchange(dialog->owed_ack_cseq, 0);
  ClientTransaction* transaction = transactions_.client(std::exchange(dialog->owed_ack_transaction, 0));
  if (dialog->session) dialog->session->sdp = dialog->allows_update ? std::string{} : answer.content;
  auto sent = send_ack(transaction, dialog->path, dialog->remote_tag, cseq, dialog->flow, answer);
  pump(*dialog);
  return sent;
}

}  // namespace nearend::sip
