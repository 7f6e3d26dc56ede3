#include <algorithm>

#include "router/dialing.hpp"

// How a Dial came out.

namespace nearend::router {

Task<call::DialResult> Dialing::conclude() {
  call::DialResult result;
  if (recorded_) (void)co_await recorded_->wait(context_.tools.loop().now() + recording_within);
  if (request_.record) result.recording_sid = request_.record->path_hint;
  result.recording = recording_;
  if (winner_ != nullptr) {
    result.outcome = outcome_.value_or(call::Outcome::completed);
    result.child_sid = winner_->facts.call_sid;
    result.duration = talk_length();
    result.was_bridged = was_talking_;
    result.sip_code = winner_->sip_code;
    result.sip_call_id = winner_->sip_call_id;
    result.sip_headers = winner_->sip_headers;
    winner_->duration = winner_->duration.value_or(milliseconds(0));
    tell(*winner_, "completed", std::string(to_string(result.outcome)));
  } else {
    result.outcome = is_caller_gone_ ? call::Outcome::canceled : failed_outcome(result.sip_code);
    if (!attempts_.empty()) result.child_sid = attempts_.back()->facts.call_sid;
    if (is_ring_back_started_ && !is_caller_gone_) scope_.spawn(context_.caller.ring_off());
  }
  if (continuation_.is_given() && !is_caller_gone_) co_await await_continuation(result);
  result.is_caller_gone = is_caller_gone_ || context_.caller.leg().is_over();
  co_return result;
}

std::chrono::seconds Dialing::talk_length() const {
  return std::chrono::round<std::chrono::seconds>(winner_->duration.value_or(milliseconds(0)));
}

/// Busy says more than no answer, and both more than a failure.
call::Outcome Dialing::failed_outcome(int& status) const {
  const auto rank = [](const auto& attempt) {
    const call::Outcome outcome = outcome_of(attempt->sip_code);
    return outcome == call::Outcome::busy ? 2 : outcome == call::Outcome::no_answer ? 1 : 0;
  };
  auto best = std::ranges::max_element(attempts_, {}, rank);
  if (best == attempts_.end()) return call::Outcome::failed;
  status = (*best)->sip_code;
  return outcome_of(status);
}

/// The gateway goes on by itself with what it was given. Silence on its side means that it has not heard of the end:
/// then the rest is the router's.
Task<void> Dialing::await_continuation(call::DialResult& result) {
  io::Instant until = context_.tools.loop().now() + continuing_within;
  if (!was_talking_) until = context_.tools.loop().now();
  while (!is_caller_gone_ && !continuation_.is_done()) {
    std::optional<io::Instant> deadline;
    if (!continuation_.has_begun()) deadline = until;
    std::optional<Happening> happening = co_await box_.next(deadline);
    if (!happening) break;
    auto* event = std::get_if<LegEvent>(&happening->what);
    if (event != nullptr && happening->from == caller_index) on_caller(std::move(*event));
  }
  result.continuation_done = continuation_.sources_done();
  if (is_caller_gone_ || continuation_.is_done()) co_return;
  result.continuation_done = co_await continuation_.take_back();
}

}  // namespace nearend::router
