#include "sip/core.hpp"

#include <utility>

#include "io/async.hpp"
#include "telemetry/log.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::sip {
namespace {

// The way back of RFC 3261 18.2.2 and RFC 3581, but never to a third party (threat TH13): the source's address always.
Flow reply_flow(const Via& via, const Flow& origin) {
  Flow flow = origin;
  if (origin.protocol == Protocol::udp && !via.wants_rport()) flow.peer.port = via.port.value_or(5060);
  return flow;
}

std::string joined(const std::vector<std::string>& words) {
  std::string all;
  for (const auto& word : words) all += (all.empty() ? "" : ", ") + word;
  return all;
}

telemetry::Counter& dropped(const char* reason) {
  return telemetry::counter("sip_dropped_total", std::string("reason=\"") + reason + '"');
}

}  // namespace

Stack::Core::Core(io::Loop& loop, Transport& transport, StackSettings settings, Listener& listener, io::Dns* dns)
    : loop_(loop),
      transport_(transport),
      settings_(std::move(settings)),
      listener_(listener),
      dns_(dns),
      transactions_(loop, transport, settings_, *this),
      dialogs_(settings_.shard),
      overload_(settings_.pending_invites_max, settings_.pending_invites_per_source_max),
      resting_(loop),
      allow_(joined(settings_.allow)),
      supported_(joined(settings_.supported)),
      resolving_(std::make_unique<io::Scope>(loop)),
      self_(std::make_shared<Core*>(this)) {
  transport_.set_handlers([this](const Flow& flow, std::string_view bytes) { on_message(flow, bytes); },
                          [this](const Flow& flow, const Error&) { on_transport_failure(flow); });
}

Stack::Core::~Core() {
  *self_ = nullptr;
  transport_.set_handlers({}, {});
}

void Stack::Core::on_message(const Flow& flow, std::string_view bytes) {
  if (bytes.find_first_not_of("\r\n") == std::string_view::npos) return;  // keep-alive over UDP
  const Framing framing = flow.protocol == Protocol::udp ? Framing::datagram : Framing::stream;
  is_handling_ = true;
  ParseOutcome outcome = parse_message(bytes, framing);
  incoming_flow_ = flow;
  incoming_size_ = bytes.size();
  if (outcome.message.is_response()) {
    if (outcome.is_good())
      receive_response(std::move(outcome.message));
    else
      dropped("malformed response").add();
  } else if (outcome.message.is_request()) {
    receive_request(std::move(outcome), flow);
  } else {
    dropped("not SIP").add();
  }
  settle();
}

void Stack::Core::on_transport_failure(const Flow& flow) {
  is_handling_ = true;
  transactions_.fail_flow(flow);
  settle();
}

void Stack::Core::receive_response(Message response) {
  ClientTransaction* transaction = transactions_.find_client(response);
  // A response with two Via is not ours (8.1.3.3).
  if (!transaction || response.values(HeaderId::via).size() != 1) return dropped("stray response").add();
  transaction->on_response(response);
}

void Stack::Core::receive_request(ParseOutcome outcome, const Flow& flow) {
  const bool is_outside_options =
      outcome.is_good() && outcome.message.method() == Method::options && outcome.message.to_tag().empty();
  if (flow.is_stranger && !(is_outside_options && settings_.answer_options)) return dropped("stranger").add();
  const auto via = outcome.message.top_via();
  if (!via && !outcome.is_answerable) return dropped("no Via").add();
  if (!via) return reject_malformed(std::move(outcome), flow);
  outcome.message.stamp_top_via(flow.peer.address.to_string(), flow.peer.port);
  if (!outcome.is_good()) return reject_malformed(std::move(outcome), reply_flow(*via, flow));
  Message& request = outcome.message;
  const Method method = request.method();
  const Flow reply_to = reply_flow(*via, flow);
  if (is_outside_options && settings_.answer_options) return answer_options(request, reply_to);
  std::string key = Transactions::key_of(request, *via, method);

  ServerTransaction* known = transactions_.find_server(key);
  if (method == Method::ack) {
    if (known && known->state() == ServerTransaction::State::completed) return known->on_ack();
    return on_ack(request);
  }
  if (known) return known->on_repeated();
  const bool is_in_dialog = !request.to_tag().empty();
  if (transactions_.is_full(is_in_dialog)) return reply_stateless(request, reply_to, 503, {{"Retry-After", "10"}});
  if (method == Method::cancel) return on_cancel(std::move(request), *via, reply_to);

  if (method == Method::invite && !is_in_dialog && overload_.is_full_for(flow.peer.address)) {
    dropped("overload").add();
    return reply_stateless(request, reply_to, 503, {{"Retry-After", std::to_string(2 + loop_.random() % 9)}});
  }
  ServerTransaction& transaction = transactions_.add_server(std::move(request), flow, reply_to, std::move(key));
  if (!admit(transaction)) return;
  if (is_in_dialog) {
    Dialog* dialog = find_dialog(transaction.request());
    if (!dialog) return reply(transaction, 481);
    return on_dialog_request(*dialog, transaction);
  }
  if (method == Method::invite) return on_new_invite(transaction);
  on_new_request(transaction);
}

void Stack::Core::on_response(ClientTransaction& transaction, const Message& response) {
  const Purpose& purpose = transaction.purpose;
  if (purpose.kind == Kind::outside) return on_outside_response(transaction, response);
  if (purpose.kind == Kind::cancel) return;
  Dialog* dialog = purpose.kind == Kind::stray ? nullptr : dialogs_.find(purpose.owner);
  if (!dialog || dialog->state == Dialog::State::over) {
    if (transaction.method() != Method::invite) return;
    if (response.status() < 200) {
      transactions_.send_cancel(transaction, {});
      if (!transaction.is_limited()) transaction.limit(64 * settings_.t1);
      return;
    }
    if (response.status() < 300) on_stray_success(transaction, response, purpose.kind != Kind::reinvite);
    return;
  }
  dialog->flow = incoming_flow_;
  switch (purpose.kind) {
    case Kind::invite:
      return on_invite_response(*dialog, transaction, response);
    case Kind::reinvite:
    case Kind::change:
      return on_change_response(*dialog, transaction, response);
    case Kind::bye:
      return on_bye_response(*dialog, transaction, response);
    default:
      return on_request_response(*dialog, transaction, response);
  }
}

void Stack::Core::on_send_failed(ClientTransaction& transaction, SendFailure failure) {
  if (failure == SendFailure::transport && resend_as_datagram(transaction)) return;
  const Purpose purpose = transaction.purpose;
  if (purpose.kind == Kind::outside) {
    auto found = outside_.find(purpose.owner);
    if (found == outside_.end()) return;
    resting_.rest(found->second.target);
    return try_next_target(purpose.owner, failure == SendFailure::timeout ? 408 : 503);
  }
  Dialog* dialog = purpose.kind == Kind::stray || purpose.kind == Kind::cancel ? nullptr : dialogs_.find(purpose.owner);
  if (!dialog || dialog->state == Dialog::State::over) return;
  const int status = failure == SendFailure::timeout ? 408 : 503;
  switch (purpose.kind) {
    case Kind::invite:
      if (dialog->outgoing && dialog->outgoing->transaction == transaction.number())
        on_invite_send_failed(*dialog, failure);
      return;
    case Kind::reinvite:
    case Kind::change:
      if (dialog->changes && dialog->changes->transaction == transaction.number())
        finish_change(*dialog, status, Message{}, true);
      return;
    case Kind::bye:
      return retire(*dialog, false);
    case Kind::request:
      emit(*dialog, event::Responded{transaction.method(), purpose.cookie, status, {}, {}});
      if (is_fatal(status)) end_locally(*dialog, {});
      return;
    default:
      return;
  }
}

bool Stack::Core::resend_as_datagram(ClientTransaction& transaction) {
  constexpr std::chrono::minutes stream_rest{10};
  if (!transaction.flow().is_for_size || transaction.request().empty()) return false;
  const Endpoint& peer = transaction.flow().peer;
  resting_.rest({Protocol::tcp, peer, {}, 0}, stream_rest);
  const auto flow = transport_.open({Protocol::udp, peer, {}, 0}, 0);
  if (!flow) return false;
  Message request = std::move(transaction.request());
  request.remove_first_value(HeaderId::via);
  if (request.header(HeaderId::contact) == contact(transaction.flow()))
    (void)request.set(HeaderId::contact, contact(*flow));
  const auto sent = transactions_.send(std::move(request), *flow, transaction.purpose, 64 * settings_.t1);
  if (!sent) return false;
  Dialog* dialog = dialogs_.find(transaction.purpose.owner);
  if (!dialog || transaction.purpose.kind == Kind::outside) return true;
  for (uint64_t* current : {dialog->outgoing ? &dialog->outgoing->transaction : nullptr,
                            dialog->changes ? &dialog->changes->transaction : nullptr})
    if (current && *current == transaction.number()) *current = (*sent)->number();
  return true;
}

void Stack::Core::on_server_done(ServerTransaction& transaction) {
  if (std::exchange(transaction.is_counted, false)) overload_.remove(transaction.origin().peer.address);
  Dialog* dialog = transaction.dialog == 0 ? nullptr : dialogs_.find(transaction.dialog);
  if (!dialog) return;
  const uint64_t number = transaction.number();
  std::erase(dialog->pending, number);
  if (dialog->pending.empty()) std::vector<uint64_t>().swap(dialog->pending);
  if (dialog->pending_invite == number) dialog->pending_invite = 0;
  if (dialog->pending_offer == number) dialog->pending_offer = 0;
}

void Stack::Core::on_alarm(Dialog& dialog, DialogAlarm which) {
  switch (which) {
    case DialogAlarm::answer_late:
      on_answer_late(dialog);
      break;
    case DialogAlarm::target_silent:
      on_target_silent(dialog);
      break;
    case DialogAlarm::repeat_2xx:
      on_repeat_2xx(dialog);
      break;
    case DialogAlarm::ack_late:
      on_ack_late(dialog);
      break;
    case DialogAlarm::repeat_1xx:
      on_repeat_1xx(dialog);
      break;
    case DialogAlarm::prack_late:
      on_prack_late(dialog);
      break;
    case DialogAlarm::glare_over:
      pump(dialog);
      break;
    case DialogAlarm::refresh_due:
      on_refresh_due(dialog);
      break;
    case DialogAlarm::session_over:
      end_locally(dialog, "SIP;cause=408;text=\"session expired\"");
      break;
  }
}

void Stack::Core::emit(Dialog& dialog, DialogEvent event) {
  notices_.emplace_back(DialogNotice{dialog.number, std::move(event)});
  wake();
}

/// Sees to it that notices are told soon, also when nothing comes in.
void Stack::Core::wake() {
  if (is_handling_ || is_settling_ || std::exchange(is_wake_posted_, true)) return;
  loop_.post([self = self_] {
    if (Core* core = *self) {
      core->is_wake_posted_ = false;
      core->settle();
    }
  });
}

void Stack::Core::settle() {
  is_handling_ = false;
  if (std::exchange(is_settling_, true)) return;
  while (!notices_.empty()) {
    Notice notice = std::move(notices_.front());
    notices_.pop_front();
    tell(std::move(notice));
  }
  transactions_.bury();
  is_settling_ = false;
}

void Stack::Core::tell(Notice notice) {
  if (auto* request = std::get_if<RequestNotice>(&notice))
    return listener_.on_request(request->transaction, std::move(request->request), request->flow);
  if (auto* response = std::get_if<ResponseNotice>(&notice))
    return response->handler(response->status, response->response);
  auto& told = std::get<DialogNotice>(notice);
  const bool is_last = std::holds_alternative<event::Released>(told.event);
  // Its name is free for no one else before the listener has heard that it is over.
  listener_.on_dialog_event(DialogId{told.dialog}, std::move(told.event));
  if (is_last) dialogs_.take(told.dialog);
}

}  // namespace nearend::sip
