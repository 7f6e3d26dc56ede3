#include "router/bridge.hpp"

namespace nearend::router {

namespace {

/// How long the caller's gateway may take to say that an armed bridge is open.
constexpr milliseconds confirmation_within{1000};

Task<void> ask_to_bridge(Party& party, const Party& peer, io::Reply<bool> done) {
  const bool is_good = co_await party.bridge_to(peer);
  done.set(is_good);
}

}  // namespace

Bridge::Bridge(io::Loop& loop, Party& caller, Party& callee, OutcomeHandler on_outcome)
    : loop_(loop), caller_(caller), callee_(callee), on_outcome_(std::move(on_outcome)), scope_(loop) {}

void Bridge::confirm() {
  is_confirmed_ = true;
  caller_.set_bridged();
}

bool Bridge::join_at_gateways(bool is_open, bool is_armed) {
  LinkLeg& caller = caller_.leg();
  if (!caller.is_answered() && callee_.leg().theirs()) {
    // The answer itself bridges the caller's side (C4).
    std::string sdp = caller.speaker().passed_on(*callee_.leg().theirs());
    const auto answered = caller.answer(std::move(sdp), {callee_.leg().joined_to_this("bridge")});
    if (answered) confirm();
  }
  if (!is_open) {
    scope_.spawn(ask_gateways());
    return false;
  }
  callee_.set_bridged();
  if (!is_confirmed_) scope_.spawn(ask_again(is_armed));
  return true;
}

Task<void> Bridge::ask_gateways() {
  io::Reply<bool> near(loop_), far(loop_);
  if (is_confirmed_)
    near.set(true);
  else
    scope_.spawn(ask_to_bridge(caller_, callee_, near));
  scope_.spawn(ask_to_bridge(callee_, caller_, far));
  const std::optional<bool> is_near_good = co_await near.wait();
  const std::optional<bool> is_far_good = co_await far.wait();
  const bool is_joined = *is_near_good && *is_far_good;
  is_confirmed_ = is_joined;
  if (is_joined) co_return on_outcome_(Outcome::joined);
  if (!caller_.leg().is_over() && !callee_.leg().is_over()) on_outcome_(Outcome::gateways_refused);
}

/// An armed bridge opens without us. When the caller's gateway does not say so in time, or the callee answered before
/// it was armed, it is asked; if it is open, that changes nothing.
Task<void> Bridge::ask_again(bool is_patient) {
  if (is_patient) co_await io::sleep_for(loop_, confirmation_within);
  if (is_confirmed_ || is_closed_) co_return;
  is_confirmed_ = co_await caller_.bridge_to(callee_);
  if (!is_confirmed_) on_outcome_(Outcome::failed);
}

void Bridge::join_at_router() {
  scope_.spawn(join_anchors());
}

Task<void> Bridge::join_anchors() {
  const auto near = co_await caller_.to_router();
  const auto far = co_await callee_.to_router();
  bool is_good = near && far && caller_.anchor() != nullptr && callee_.anchor() != nullptr;
  if (is_good) {
    // An anchor that was made ready before the answer learns only now where the callee's gateway listens.
    const std::shared_ptr<NodeAnchor> ours = callee_.shared_anchor();
    const auto faced = co_await ours->face(*callee_.leg().theirs());
    is_good = faced.has_value();
  }
  const std::shared_ptr<NodeAnchor> first = caller_.shared_anchor();
  const std::shared_ptr<NodeAnchor> second = callee_.shared_anchor();
  if (is_good && first && second) {
    caller_.stop_ring();
    const auto joined = co_await first->join(*second);
    is_good = joined.has_value();
  } else {
    is_good = false;
  }
  on_outcome_(is_good ? Outcome::joined : Outcome::failed);
}

void Bridge::go_direct(std::function<void(bool)> on_outcome) {
  scope_.spawn(exchange_addresses(std::move(on_outcome)));
}

Task<void> Bridge::exchange_addresses(std::function<void(bool)> on_outcome) {
  LinkLeg& caller = caller_.leg();
  LinkLeg& callee = callee_.leg();
  const link::Item outer{"outer", {}};
  const LinkLeg::Reply near = co_await caller.info(outer);
  const LinkLeg::Reply far = co_await callee.info(outer);
  if (!near.is_good() || !far.is_good() || is_closed_) co_return;
  const auto near_sdp = sdp::parse_sdp(near.body);
  const auto far_sdp = sdp::parse_sdp(far.body);
  if (!near_sdp || !far_sdp) co_return;
  std::string to_far = callee.speaker().passed_on(*near_sdp);
  link::Item with_caller{"direct", {{"peer", caller.id()}}};
  const LinkLeg::Reply taken = co_await callee.reinvite(std::move(with_caller), std::move(to_far));
  if (!taken.is_good() || is_closed_) co_return;
  const auto answered = sdp::parse_sdp(taken.body);
  std::string to_near = caller.speaker().passed_on(answered ? *answered : *far_sdp);
  link::Item with_callee{"direct", {{"peer", callee.id()}}};
  const LinkLeg::Reply done = co_await caller.reinvite(std::move(with_callee), std::move(to_near));
  on_outcome(done.is_good());
  if (done.is_good() || is_closed_) co_return;
  (void)co_await callee_.bridge_to(caller_);
}

}  // namespace nearend::router
