#include <algorithm>

#include "sip/stack.hpp"
#include "sip/transaction.hpp"
#include "sip/transactions.hpp"

namespace nearend::sip {

ServerTransaction::ServerTransaction(TransactionContext& context, uint64_t number, Message request, Flow origin,
                                     Flow reply_to)
    : context_(context),
      number_(number),
      method_(request.method()),
      request_(std::move(request)),
      origin_(origin),
      reply_to_(reply_to),
      retransmit_(Alarm::calls<&ServerTransaction::on_retransmit>(context.loop, *this)),
      timeout_(Alarm::calls<&ServerTransaction::on_timeout>(context.loop, *this)) {
  // Its sender has given up by then (RFC 4320 4.2): one that nobody answers is forgotten.
  if (method_ != Method::invite) timeout_.set(64 * context.settings.t1);
}

void ServerTransaction::respond(const Message& response) {
  if (is_answered()) return;
  const bool is_stream = is_reliable(reply_to_.protocol);
  const int status = response.status();
  std::string wire = response.serialize();
  if (!is_stream && (status < 200 || status >= 300 || method_ != Method::invite)) wire_ = wire;
  context_.transport.send(reply_to_, std::move(wire));
  if (status < 200) return;

  request_ = {};
  context_.user.on_server_done(*this);
  const auto& settings = context_.settings;
  if (method_ != Method::invite) {  // timer J
    state_ = State::completed;
    if (is_stream) return terminate();
    return timeout_.set(64 * settings.t1);
  }
  if (status < 300) {  // timer L; the core retransmits the 2xx
    state_ = State::accepted;
    wire_ = {};
    return timeout_.set(64 * settings.t1);
  }
  state_ = State::completed;  // timers G, H
  if (!is_stream) {
    interval_ = settings.t1;
    retransmit_.set(interval_);
  }
  timeout_.set(64 * settings.t1);
}

void ServerTransaction::on_repeated() {
  const bool repeats = state_ == State::proceeding || state_ == State::completed;
  if (repeats && !wire_.empty()) context_.transport.send(reply_to_, wire_);
}

void ServerTransaction::on_ack() {
  if (method_ != Method::invite || state_ != State::completed) return;
  state_ = State::confirmed;
  retransmit_.stop();
  wire_ = {};
  if (is_reliable(reply_to_.protocol)) return terminate();
  timeout_.set(context_.settings.t4);  // timer I
}

void ServerTransaction::on_retransmit() {
  interval_ = std::min<io::Duration>(interval_ * 2, context_.settings.t2);
  retransmit_.set(interval_);
  context_.transport.send(reply_to_, wire_);
}

void ServerTransaction::on_timeout() {
  terminate();
}

void ServerTransaction::terminate() {
  if (!is_answered()) context_.user.on_server_done(*this);
  state_ = State::terminated;
  retransmit_.stop();
  timeout_.stop();
  context_.table->remove(*this);
}

}  // namespace nearend::sip
