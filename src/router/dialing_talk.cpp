#include <boost/json/string.hpp>

#include "link/outcome.hpp"
#include "router/callee_control.hpp"
#include "router/dialing.hpp"
#include "router/verbs.hpp"
#include "telemetry/log.hpp"

// From the answer of the callee to the end of the talk.

namespace nearend::router {

namespace {

template <class T>
bool is(const LegEvent& event) {
  return std::holds_alternative<T>(event);
}

}  // namespace

Task<void> Dialing::talk() {
  tell(*winner_, "answered", "in-progress");
  if (is_screened(*winner_)) {
    phase_ = Phase::screening;
    scope_.spawn(screen(*winner_));
  } else {
    join();
  }
  deadline_ = context_.tools.loop().now() + request_.time_limit + limit_grace;
  while (phase_ != Phase::over) {
    std::optional<Happening> happening = co_await box_.next(deadline_);
    if (!happening) {
      end_talk(is_peer_gone_ ? "SIP;cause=200;text=\"Peer gone\"" : "SIP;cause=200;text=\"Time limit\"");
      break;
    }
    if (const auto* screened = std::get_if<Screened>(&happening->what)) {
      if (phase_ != Phase::screening) continue;
      if (screened->is_accepted) {
        join();
        continue;
      }
      outcome_ = call::Outcome::no_answer;
      end_talk("SIP;cause=200;text=\"Refused by the callee\"");
    } else if (const auto* joined = std::get_if<Joined>(&happening->what)) {
      on_joined(joined->is_good);
    } else if (happening->from == caller_index) {
      on_caller(std::move(std::get<LegEvent>(happening->what)));
    } else if (happening->from == winner_->index) {
      on_winner(std::move(std::get<LegEvent>(happening->what)));
    }
  }
}

Task<void> Dialing::screen(Attempt& attempt) {
  bool is_accepted = true;
  if (!attempt.target.send_digits.empty()) {
    media::PlayRequest digits;
    digits.sources.push_back({.kind = media::Source::Kind::digits, .value = attempt.target.send_digits});
    call::PlayResult played = co_await play_to(*attempt.party, std::move(digits));
    is_accepted = !played.is_caller_gone;
  }
  if (is_accepted && !attempt.target.screen_url.empty() && context_.hooks.screen) {
    CalleeControl control(*attempt.party, context_.tools.loop(), attempt.facts, [this](int code, std::string text) {
      context_.note_event("warning", {{"code", code}, {"text", text}});
    });
    is_accepted = co_await context_.hooks.screen(control, attempt.target);
  }
  (void)box_.push({attempt.index, Screened{is_accepted && !attempt.party->leg().is_over()}});
}

// Joining: C5 has been done by the gateways, C3 asks both in parallel, the trombone bridges at the router.

void Dialing::join() {
  phase_ = Phase::joining;
  const bool is_local = winner_->decision.plan == call::Plan::local || winner_->decision.plan == call::Plan::direct;
  if (!is_local) {
    scope_.spawn(join_remote());
    return;
  }
  LinkLeg& caller = context_.caller.leg();
  if (!caller.is_answered() && winner_->party->leg().theirs()) {
    // The answer itself bridges the caller's side (C4).
    std::string sdp = caller.speaker().passed_on(*winner_->party->leg().theirs());
    auto answered = caller.answer(std::move(sdp), {winner_->party->leg().joined_to_this("bridge")});
    if (answered) context_.caller.set_bridged();
    is_confirmed_ = answered.has_value();
  }
  if (is_joined_) {
    winner_->party->set_bridged();
    on_joined(true);
    if (!is_confirmed_) scope_.spawn(confirm(is_armed_));
    return;
  }
  scope_.spawn(join_local());
}

Task<void> Dialing::join_local() {
  struct Side {
    static Task<void> bridge(Party& party, const Party& peer, io::Reply<bool> done) {
      const bool is_good = co_await party.bridge_to(peer);
      done.set(is_good);
    }
  };
  io::Loop& loop = context_.tools.loop();
  io::Reply<bool> near(loop), far(loop);
  if (is_confirmed_)
    near.set(true);
  else
    scope_.spawn(Side::bridge(context_.caller, *winner_->party, near));
  scope_.spawn(Side::bridge(*winner_->party, context_.caller, far));
  std::optional<bool> is_near_good = co_await near.wait();
  std::optional<bool> is_far_good = co_await far.wait();
  if (*is_near_good && *is_far_good) {
    is_confirmed_ = true;
    (void)box_.push({winner_->index, Joined{true}});
    co_return;
  }
  if (context_.caller.leg().is_over() || winner_->party->leg().is_over()) co_return;
  can_gateways_meet_ = false;
  plan(*winner_);
  co_await join_remote();
}

Task<void> Dialing::join_remote() {
  Party& callee = *winner_->party;
  auto near = co_await context_.caller.to_router();
  auto far = co_await callee.to_router();
  bool is_good = near && far && context_.caller.anchor() != nullptr && callee.anchor() != nullptr;
  if (is_good) {
    // An anchor that was made ready before the answer learns only now where the callee's gateway listens.
    const std::shared_ptr<NodeAnchor> ours = callee.shared_anchor();
    auto faced = co_await ours->face(*callee.leg().theirs());
    is_good = faced && context_.caller.anchor() != nullptr;
  }
  if (is_good) {
    const std::shared_ptr<NodeAnchor> first = context_.caller.shared_anchor();
    const std::shared_ptr<NodeAnchor> second = callee.shared_anchor();
    if (second) {
      auto joined = co_await first->join(*second);
      is_good = joined.has_value();
    }
    is_good = is_good && second != nullptr;
  }
  (void)box_.push({winner_->index, Joined{is_good}});
}

/// An armed bridge opens without us. When the caller's gateway does not say so in time, or the callee answered before
/// it was armed, it is asked; if it is open, that changes nothing.
Task<void> Dialing::confirm(bool is_patient) {
  const io::Instant until = context_.tools.loop().now() + (is_patient ? confirm_after : milliseconds(0));
  if (is_patient) co_await io::sleep_until(context_.tools.loop(), until);
  if (is_confirmed_ || phase_ != Phase::talking) co_return;
  const bool is_good = co_await context_.caller.bridge_to(*winner_->party);
  is_confirmed_ = is_good;
  if (!is_good) (void)box_.push({winner_->index, Joined{false}});
}

void Dialing::on_joined(bool is_good) {
  if (phase_ != Phase::joining && phase_ != Phase::talking) return;
  if (!is_good) {
    telemetry::warn("bridge failed", {{"call", context_.facts.call_sid}});
    outcome_ = call::Outcome::failed;
    return end_talk("SIP;cause=503;text=\"No media path\"");
  }
  phase_ = Phase::talking;
  const bool is_local = winner_->decision.plan == call::Plan::local || winner_->decision.plan == call::Plan::direct;
  if (is_local) context_.caller.set_bridged();
  context_.note_event("bridged", {{"plan", to_string(winner_->decision.plan)}, {"armed", is_joined_}});
  if (request_.record && !recorded_) {
    recorded_.emplace(context_.tools.loop());
    scope_.spawn(record());
  }
  if (winner_->decision.plan == call::Plan::direct) scope_.spawn(go_direct());
}

Task<void> Dialing::record() {
  media::RecordRequest request = *request_.record;
  Party& callee = *winner_->party;
  const bool is_local = winner_->decision.plan == call::Plan::local;
  if (is_local) {
    json::object body = link::to_json(request);
    LinkLeg::JobEnd end =
        co_await context_.caller.leg().run_job("record", std::move(body), {{"peer", callee.leg().id()}});
    auto outcome = link::record_outcome_from_json(end.outcome);
    if (end.why == LinkLeg::JobEnd::Why::done && outcome) recording_ = std::move(*outcome);
    if (end.why != LinkLeg::JobEnd::Why::done)
      context_.note_event("warning", {{"text", "Dial: no recording: " + end.text}});
  } else if (const std::shared_ptr<NodeAnchor> near = context_.caller.shared_anchor()) {
    auto end = co_await near->record(std::move(request), callee.anchor());
    if (end && std::holds_alternative<media::event::RecordEnded>(*end))
      recording_ = std::get<media::event::RecordEnded>(*end);
  }
  recorded_->set(true);
}

/// Takes both gateways out of the media, if both providers agree; otherwise the bridge stays as it is.
Task<void> Dialing::go_direct() {
  LinkLeg& caller = context_.caller.leg();
  LinkLeg& callee = winner_->party->leg();
  const link::Item outer{"outer", {}};
  LinkLeg::Reply near = co_await caller.info(outer);
  LinkLeg::Reply far = co_await callee.info(outer);
  if (!near.is_good() || !far.is_good() || phase_ != Phase::talking) co_return;
  auto near_sdp = sdp::parse_sdp(near.body);
  auto far_sdp = sdp::parse_sdp(far.body);
  if (!near_sdp || !far_sdp) co_return;
  std::string to_far = callee.speaker().passed_on(*near_sdp);
  link::Item with_caller{"direct", {{"peer", caller.id()}}};
  LinkLeg::Reply taken = co_await callee.reinvite(std::move(with_caller), std::move(to_far));
  if (!taken.is_good() || phase_ != Phase::talking) co_return;
  auto answered = sdp::parse_sdp(taken.body);
  std::string to_near = caller.speaker().passed_on(answered ? *answered : *far_sdp);
  link::Item with_callee{"direct", {{"peer", callee.id()}}};
  LinkLeg::Reply done = co_await caller.reinvite(std::move(with_callee), std::move(to_near));
  context_.note_event("direct", {{"taken", done.is_good()}});
  if (done.is_good() || phase_ != Phase::talking) co_return;
  (void)co_await winner_->party->bridge_to(context_.caller);
}

// What the legs say.

void Dialing::on_caller(LegEvent event) {
  if (const auto* over = std::get_if<leg_event::Over>(&event)) {
    is_caller_gone_ = true;
    caller_reason_ = over->reason;
    if (phase_ != Phase::ringing) end_talk(caller_reason_);
    return;
  }
  if (is<leg_event::Bridged>(event)) {
    is_confirmed_ = true;
    context_.caller.set_bridged();
  }
  if (is<leg_event::Continuing>(event)) is_continuing_ = true;
  if (const auto* continued = std::get_if<leg_event::Continued>(&event)) continued_ = continued->done;
  if (phase_ != Phase::talking && phase_ != Phase::joining) return;
  if (is<leg_event::HangupPeer>(event)) end_talk("SIP;cause=200;text=\"Hung up by *\"");
  // Its peer is gone; the BYE that says so, and how long it lasted, is on its way.
  is_peer_gone_ |= is<leg_event::AnchorOffered>(event) || is<leg_event::Continuing>(event) || continued_.has_value();
  if (is_peer_gone_) deadline_ = std::min(*deadline_, context_.tools.loop().now() + bye_after_offer);
}

void Dialing::on_winner(LegEvent event) {
  if (auto* over = std::get_if<leg_event::Over>(&event)) {
    winner_->duration = over->duration;
    if (phase_ == Phase::screening) outcome_ = call::Outcome::no_answer;
    return end_talk(over->reason);
  }
  if (is<leg_event::Silent>(event)) return end_talk("SIP;cause=408;text=\"RTP timeout\"");
  if (const auto* hangup = std::get_if<leg_event::HangupPeer>(&event); hangup != nullptr && phase_ == Phase::talking)
    end_talk("SIP;cause=200;text=\"Hung up by *\"");
}

void Dialing::end_talk(std::string_view reason) {
  if (phase_ == Phase::over) return;
  const bool was_joined = phase_ == Phase::talking || phase_ == Phase::joining;
  is_joined_ = phase_ == Phase::talking;
  phase_ = Phase::over;
  winner_->state = Attempt::State::over;
  if (!winner_->duration && winner_->answered_at)
    winner_->duration = std::chrono::duration_cast<milliseconds>(context_.tools.loop().now() - *winner_->answered_at);
  if (was_joined) context_.caller.set_adrift();
  winner_->party->leg().end(reason);
}

}  // namespace nearend::router
