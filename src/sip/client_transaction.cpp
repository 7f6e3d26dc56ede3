#include <algorithm>

#include "sip/stack.hpp"
#include "sip/transaction.hpp"
#include "sip/transactions.hpp"

namespace nearend::sip {

ClientTransaction::ClientTransaction(TransactionContext& context, uint64_t number, uint64_t secret, Message request,
                                     Flow flow, Purpose why)
    : purpose(why),
      context_(context),
      number_(number),
      secret_(secret),
      method_(request.method()),
      flow_(flow),
      request_(std::move(request)),
      retransmit_(Alarm::calls<&ClientTransaction::on_retransmit>(context.loop, *this)),
      timeout_(Alarm::calls<&ClientTransaction::on_timeout>(context.loop, *this)) {
  if (const auto cseq = request_.cseq()) cseq_ = cseq->number;
}

void ClientTransaction::start(io::Duration give_up) {
  timeout_.set(give_up);
  if (!is_reliable(flow_.protocol)) {
    interval_ = context_.settings.t1;
    retransmit_.set(interval_);
  }
  context_.transport.send(flow_, request_.serialize());
}

void ClientTransaction::on_retransmit() {
  // Timer A doubles without end, timer E up to T2; a request that met a provisional goes on at T2 (17.1.2.2).
  interval_ *= 2;
  if (method_ != Method::invite) interval_ = std::min<io::Duration>(interval_, context_.settings.t2);
  if (method_ != Method::invite && state_ == State::proceeding) interval_ = context_.settings.t2;
  retransmit_.set(interval_);
  context_.transport.send(flow_, request_.serialize());
}

void ClientTransaction::on_timeout() {
  if (state_ == State::calling || state_ == State::proceeding)
    context_.user.on_send_failed(*this, SendFailure::timeout);
  terminate();
}

void ClientTransaction::abandon() {
  purpose.kind = Purpose::Kind::stray;
  limit(64 * context_.settings.t1);
}

void ClientTransaction::limit(io::Duration left) {
  if (state_ == State::proceeding) timeout_.set(left);
}

void ClientTransaction::on_transport_failure() {
  if (state_ != State::calling && state_ != State::proceeding) return;
  context_.user.on_send_failed(*this, SendFailure::transport);
  terminate();
}

void ClientTransaction::on_response(const Message& response) {
  if (method_ == Method::invite) return on_invite_response(response);
  on_other_response(response);
}

void ClientTransaction::on_invite_response(const Message& response) {
  const bool is_open = state_ == State::calling || state_ == State::proceeding;
  if (response.status() < 200) {
    if (!is_open) return;
    if (state_ == State::calling) timeout_.stop();
    state_ = State::proceeding;
    has_provisional_ = true;
    retransmit_.stop();
    return context_.user.on_response(*this, response);
  }
  if (response.status() < 300) {
    if (!is_open && state_ != State::accepted) return;
    if (is_open) {
      state_ = State::accepted;
      retransmit_.stop();
      timeout_.set(64 * context_.settings.t1);
    }
    context_.user.on_response(*this, response);
    request_ = {};
    return;
  }
  if (state_ == State::completed) return context_.transport.send(flow_, ack_wire_);
  if (!is_open) return;
  send_ack(response);
  state_ = State::completed;
  context_.user.on_response(*this, response);
  complete(is_reliable(flow_.protocol) ? io::Duration::zero() : io::Duration(64 * context_.settings.t1));
}

void ClientTransaction::on_other_response(const Message& response) {
  if (state_ != State::calling && state_ != State::proceeding) return;
  if (response.status() < 200) {
    state_ = State::proceeding;
    has_provisional_ = true;
    return context_.user.on_response(*this, response);
  }
  state_ = State::completed;
  context_.user.on_response(*this, response);
  complete(is_reliable(flow_.protocol) ? io::Duration::zero() : io::Duration(context_.settings.t4));
}

/// The ACK of 17.1.1.3: same branch, same route, To of the response.
void ClientTransaction::send_ack(const Message& response) {
  auto ack = Message::request(Method::ack, request_.request_uri());
  if (!ack) return;
  (void)ack->add(HeaderId::via, request_.header(HeaderId::via));
  (void)ack->add(HeaderId::max_forwards, "70");
  for (const auto route : request_.values(HeaderId::route)) (void)ack->add(HeaderId::route, route);
  (void)ack->add(HeaderId::from, request_.header(HeaderId::from));
  (void)ack->add(HeaderId::to, response.header(HeaderId::to));
  (void)ack->add(HeaderId::call_id, request_.call_id());
  (void)ack->add(HeaderId::cseq, fmt::format("{} ACK", cseq_));
  ack_wire_ = ack->serialize();
  context_.transport.send(flow_, ack_wire_);
}

void ClientTransaction::complete(io::Duration linger) {
  retransmit_.stop();
  request_ = {};
  if (linger == io::Duration::zero()) return terminate();
  timeout_.set(linger);
}

void ClientTransaction::terminate() {
  state_ = State::terminated;
  retransmit_.stop();
  timeout_.stop();
  context_.table->remove(*this);
}

}  // namespace nearend::sip
