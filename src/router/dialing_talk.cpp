#include <boost/json/string.hpp>

#include <algorithm>

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
    } else if (const auto* outcome = std::get_if<Bridge::Outcome>(&happening->what)) {
      on_bridge(*outcome);
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

bool Dialing::is_bridged_at_gateways() const {
  return winner_->decision.plan == call::Plan::local || winner_->decision.plan == call::Plan::direct;
}

void Dialing::join() {
  phase_ = Phase::joining;
  bridge_.emplace(context_.tools.loop(), context_.caller, *winner_->party,
                  [this](Bridge::Outcome outcome) { (void)box_.push({winner_->index, outcome}); });
  if (is_caller_bridged_) bridge_->confirm();
  if (!is_bridged_at_gateways()) return bridge_->join_at_router();
  const bool is_joined = bridge_->join_at_gateways(winner_->is_bridged, is_armed_);
  if (is_joined) on_bridge(Bridge::Outcome::joined);
}

void Dialing::on_bridge(Bridge::Outcome outcome) {
  if (phase_ != Phase::joining && phase_ != Phase::talking) return;
  if (outcome == Bridge::Outcome::gateways_refused) {
    can_gateways_meet_ = false;
    plan(*winner_);
    return bridge_->join_at_router();
  }
  if (outcome == Bridge::Outcome::failed) {
    telemetry::warn("bridge failed", {{"call", context_.facts.call_sid}});
    outcome_ = call::Outcome::failed;
    return end_talk("SIP;cause=503;text=\"No media path\"");
  }
  phase_ = Phase::talking;
  if (is_bridged_at_gateways()) context_.caller.set_bridged();
  context_.note_event("bridged", {{"plan", to_string(winner_->decision.plan)}, {"armed", winner_->is_bridged}});
  if (request_.record && !recorded_) {
    recorded_.emplace(context_.tools.loop());
    scope_.spawn(record());
  }
  if (winner_->decision.plan == call::Plan::direct)
    bridge_->go_direct([this](bool is_taken) { context_.note_event("direct", {{"taken", is_taken}}); });
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

// What the legs say.

void Dialing::on_caller(LegEvent event) {
  if (const auto* over = std::get_if<leg_event::Over>(&event)) {
    is_caller_gone_ = true;
    caller_reason_ = over->reason;
    if (phase_ != Phase::ringing) end_talk(caller_reason_);
    return;
  }
  if (is<leg_event::Bridged>(event)) {
    // It may come before the callee's answer does.
    is_caller_bridged_ = true;
    context_.caller.set_bridged();
    if (bridge_) bridge_->confirm();
  }
  on_way(event, true);
  continuation_.on_event(event);
  if (phase_ != Phase::talking && phase_ != Phase::joining) return;
  if (is<leg_event::HangupPeer>(event)) end_talk("SIP;cause=200;text=\"Hung up by *\"");
  // Its peer is gone; the BYE that says so, and how long it lasted, is on its way.
  is_peer_gone_ |= is<leg_event::AnchorOffered>(event) || continuation_.has_begun();
  if (is_peer_gone_) deadline_ = std::min(*deadline_, context_.tools.loop().now() + bye_after_offer);
}

/// A gateway has another way for the talk, as it sees it from its end.
void Dialing::on_way(const LegEvent& event, bool is_caller) {
  if (phase_ != Phase::talking || !is_bridged_at_gateways()) return;
  const auto* offered = std::get_if<leg_event::WayOffered>(&event);
  if (offered == nullptr) {
    if (way_ && is<leg_event::Moved>(event)) way_->face_again();
    return;
  }
  leg_event::WayOffered way = *offered;
  if (!is_caller) {
    std::ranges::reverse(way.gateways);
    std::ranges::reverse(way.regions);
  }
  const bool is_ours = way.gateways.size() >= 2 && way.gateways.front() == context_.caller.leg().gateway().name &&
                       way.gateways.back() == winner_->party->leg().gateway().name &&
                       way.gateways.front() != way.gateways.back();
  if (!is_ours || winner_->decision.plan == call::Plan::direct) return;
  if (!way_) way_.emplace(context_.tools, context_.caller, *winner_->party, context_.note_event);
  way_->take(std::move(way));
}

void Dialing::on_winner(LegEvent event) {
  if (auto* over = std::get_if<leg_event::Over>(&event)) {
    winner_->duration = over->duration;
    if (phase_ == Phase::screening) outcome_ = call::Outcome::no_answer;
    return end_talk(over->reason);
  }
  on_way(event, false);
  if (is<leg_event::Silent>(event)) return end_talk("SIP;cause=408;text=\"RTP timeout\"");
  if (const auto* hangup = std::get_if<leg_event::HangupPeer>(&event); hangup != nullptr && phase_ == Phase::talking)
    end_talk("SIP;cause=200;text=\"Hung up by *\"");
}

void Dialing::end_talk(std::string_view reason) {
  if (phase_ == Phase::over) return;
  const bool was_joined = phase_ == Phase::talking || phase_ == Phase::joining;
  was_talking_ = phase_ == Phase::talking;
  if (bridge_) bridge_->close();
  way_.reset();
  phase_ = Phase::over;
  winner_->state = Attempt::State::over;
  if (!winner_->duration && winner_->answered_at)
    winner_->duration = std::chrono::duration_cast<milliseconds>(context_.tools.loop().now() - *winner_->answered_at);
  if (was_joined) context_.caller.set_adrift();
  winner_->party->leg().end(reason);
}

}  // namespace nearend::router
