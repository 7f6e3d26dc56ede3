#include <utility>

#include "sip/core.hpp"

namespace nearend::sip {

bool Stack::Core::is_sent_reliably(const IncomingInvite& incoming, const Body& body) const {
  if (incoming.is_100rel_required) return true;
  return incoming.is_100rel_supported && settings_.is_reliable_provisional_preferred && body.is_sdp();
}

/// RFC 3262 3: numbered, sent again with doubling intervals until its PRACK; 64*T1 without one ends the call.
void Stack::Core::make_reliable(Dialog& dialog, Message& response, bool has_sdp) {
  IncomingInvite& incoming = *dialog.incoming;
  incoming.rseq = incoming.rseq == 0 ? 1 + static_cast<uint32_t>(loop_.random() % 0x3fff'ffff) : incoming.rseq + 1;
  (void)response.add(HeaderId::require, "100rel");
  (void)response.add(HeaderId::rseq, std::to_string(incoming.rseq));
  incoming.is_prack_awaited = true;
  incoming.is_sdp_unacknowledged = has_sdp;
  incoming.is_offer_settled = incoming.is_offer_settled || has_sdp;
  incoming.wire = response.serialize();
  incoming.interval = settings_.t1;
  incoming.repeat.set(incoming.interval);
  incoming.prack_late.set(64 * settings_.t1);
}

void Stack::Core::on_repeat_1xx(Dialog& dialog) {
  IncomingInvite& incoming = *dialog.incoming;
  incoming.interval *= 2;
  incoming.repeat.set(incoming.interval);
  if (const ServerTransaction* transaction = transactions_.server(incoming.transaction))
    transport_.send(transaction->reply_to(), incoming.wire);
}

void Stack::Core::on_prack_late(Dialog& dialog) {
  if (ServerTransaction* transaction = transactions_.server(dialog.incoming->transaction))
    reply(*transaction, 504, {}, "Provisional response not acknowledged");
  emit(dialog, event::Ended{.reason = "SIP;cause=504;text=\"no PRACK\"", .is_local = true});
  retire(dialog, true);
}

void Stack::Core::on_prack(Dialog& dialog, ServerTransaction& transaction) {
  const Message& request = transaction.request();
  const auto rack = request.rack();
  if (!rack) return reply(transaction, 400, {}, "RAck missing or malformed");
  // One that crossed our 2xx has nothing left to stop.
  if (!dialog.incoming && dialog.state == Dialog::State::confirmed && request.body().empty())
    return reply(transaction, 200);
  const bool is_for_us = dialog.incoming && dialog.incoming->is_prack_awaited && rack->method == Method::invite &&
                         rack->response_number == dialog.incoming->rseq && rack->cseq_number == dialog.incoming->cseq;
  if (!is_for_us) return reply(transaction, 481);
  IncomingInvite& incoming = *dialog.incoming;
  incoming.is_prack_awaited = false;
  incoming.is_sdp_unacknowledged = false;
  incoming.repeat.stop();
  incoming.prack_late.stop();
  incoming.wire = {};
  if (request.body().empty())
    reply(transaction, 200);
  else
    report(dialog, transaction);

  if (ServerTransaction* invite = transactions_.server(incoming.transaction))
    while (!incoming.waiting.empty() && !incoming.is_prack_awaited) {
      const auto next = std::move(incoming.waiting.front());
      incoming.waiting.pop_front();
      send_provisional(dialog, *invite, next);
    }
  if (incoming.answer && !incoming.is_sdp_unacknowledged)
    send_answer(dialog, std::move(*std::exchange(incoming.answer, {})));
}

bool Stack::Core::take_provisional(Dialog& dialog, const Message& response) {
  const auto rseq = response.number(HeaderId::rseq);
  if (!rseq || !response.has_option_tag(HeaderId::require, "100rel")) return true;
  OutgoingInvite& out = *dialog.outgoing;
  OutgoingInvite::Fork* fork = out.find_fork(response.to_tag());
  if (!fork || *rseq == 0) return false;
  if (fork->rseq != 0 && *rseq != fork->rseq + 1) return false;
  fork->rseq = *rseq;
  const bool is_offer = out.request.body.content.empty() && !response.body().empty();
  if (is_offer && !out.owed_prack) {
    out.owed_prack = OutgoingInvite::OwedPrack{*rseq, fork->tag};
    return true;
  }
  (void)send_prack(dialog, *fork, *rseq, {}, {});
  return true;
}

Result<void> Stack::Core::send_prack(Dialog& dialog, OutgoingInvite::Fork& fork, uint32_t rseq, const Body& body,
                                     const ExtraHeaders& headers) {
  const ClientTransaction* invite = transactions_.client(dialog.outgoing->transaction);
  const auto flow = route(fork.path, dialog.flow, body.content.size() + 700);
  if (!flow) return std::unexpected(flow.error());
  auto prack = compose(fork.path, Method::prack, ++dialog.local_cseq, *flow, body, headers);
  if (!prack) return std::unexpected(prack.error());
  const uint32_t cseq = invite ? invite->cseq() : 0;
  (void)prack->add(HeaderId::rack, fmt::format("{} {} INVITE", rseq, cseq));
  auto sent = transactions_.send(std::move(*prack), *flow, Purpose{.kind = Kind::prack, .owner = dialog.number},
                                 64 * settings_.t1);
  if (!sent) return std::unexpected(sent.error());
  return {};
}

}  // namespace nearend::sip
