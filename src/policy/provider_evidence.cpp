#include "policy/provider_evidence.hpp"

#include <algorithm>
#include <cmath>
#include <initializer_list>

namespace nearend::policy {
namespace {

constexpr double fade_ms = 300'000;
constexpr double prior_attempts = 4, prior_delays = 3, prior_scores = 3;  // what the prior weighs, in calls
/// A provider that has collapsed delivers no more than this,
constexpr double collapsed = 0.3;
/// and is believed to have when that is e^8, 3000 times as likely as that it is as before: three failures in a row of
/// one that used to fail 3 in 100.
constexpr double doubt_most = 8;
constexpr float proven_enough = 2;
constexpr double sum_max = 1e9;

}  // namespace

ProviderEvidence::State ProviderEvidence::faded(int64_t now_ms) const {
  State now = state_;
  if (now_ms <= state_.at_ms) return now;
  const auto rest = static_cast<float>(std::exp(-static_cast<double>(now_ms - state_.at_ms) / fade_ms));
  for (float* sum : {&now.attempts, &now.failed, &now.answered, &now.delays, &now.delay_ms, &now.scores, &now.score,
                     &now.run_attempts, &now.run_failed})
    *sum *= rest;
  now.at_ms = now_ms;
  return now;
}

/// A sequential test (Page's): is it still as it was before the run began?
void ProviderEvidence::judge(const ProviderCounts& counts) {
  const double failed = counts.failed, good = counts.attempts - counts.failed;
  const double before = state_.attempts - state_.run_attempts;
  const double before_good = before - (state_.failed - state_.run_failed);
  const double usual = std::clamp((before_good + prior_attempts * provider_prior.delivered) / (before + prior_attempts),
                                  collapsed, 0.99);
  const double doubt =
      state_.doubt + failed * std::log((1 - collapsed) / (1 - usual)) + good * std::log(collapsed / usual);
  state_.doubt = static_cast<float>(std::clamp(doubt, 0.0, 2 * doubt_most));
  state_.run_attempts = doubt <= 0 ? 0 : state_.run_attempts + static_cast<float>(counts.attempts);
  state_.run_failed = doubt <= 0 ? 0 : state_.run_failed + static_cast<float>(counts.failed);
}

void ProviderEvidence::take(const ProviderCounts& counts, int64_t at_ms) {
  state_ = faded(at_ms);
  if (!state_.is_suspect && counts.attempts > 0) judge(counts);
  state_.attempts += static_cast<float>(counts.attempts);
  state_.failed += static_cast<float>(counts.failed);
  state_.answered += static_cast<float>(counts.answered);
  state_.delays += static_cast<float>(counts.delays);
  state_.delay_ms += static_cast<float>(counts.delay_ms);
  if (state_.is_suspect) {
    state_.proven = counts.failed > 0 ? 0 : state_.proven + static_cast<float>(counts.attempts);
    if (state_.proven < proven_enough) return;
    // It is well again: what it did while it was not says nothing any more.
    state_.is_suspect = false;
    state_.attempts = state_.proven;
    state_.failed = state_.run_attempts = state_.run_failed = state_.doubt = state_.proven = 0;
    state_.answered = std::min(state_.answered, state_.attempts);
  } else if (state_.doubt > doubt_most) {
    state_.is_suspect = true;
    state_.attempts = state_.run_attempts;
    state_.failed = state_.run_failed;
    state_.answered = std::min(state_.answered, state_.attempts - state_.failed);
    state_.proven = state_.doubt = 0;
  }
}

void ProviderEvidence::take_scores(double scores, double sum, int64_t at_ms) {
  state_ = faded(at_ms);
  state_.scores += static_cast<float>(scores);
  state_.score += static_cast<float>(sum);
}

ProviderEstimate ProviderEvidence::estimate(const State& sums) {
  const auto mean = [](double sum, double weight, double prior, double prior_weight) {
    return (sum + prior * prior_weight) / (weight + prior_weight);
  };
  return {.delivered = mean(sums.attempts - sums.failed, sums.attempts, provider_prior.delivered, prior_attempts),
          .score = mean(sums.score, sums.scores, provider_prior.score, prior_scores),
          .delay_ms = mean(sums.delay_ms, sums.delays, provider_prior.delay_ms, prior_delays),
          .answered = sums.attempts > 0 ? std::min(1.0, static_cast<double>(sums.answered / sums.attempts)) : 0,
          .confidence = sums.attempts / (sums.attempts + prior_attempts)};
}

bool ProviderEvidence::is_possible(const State& state) {
  for (const float sum : {state.attempts, state.failed, state.answered, state.delays, state.delay_ms, state.scores,
                          state.score, state.run_attempts, state.run_failed, state.doubt, state.proven})
    if (!std::isfinite(sum) || sum < 0 || sum > sum_max) return false;
  constexpr float slack = 1.001F, delay_ms_max = 300'000;
  return state.failed <= state.attempts * slack && state.run_attempts <= state.attempts * slack &&
         state.run_failed <= state.run_attempts * slack && state.score <= 5 * state.scores * slack &&
         state.delay_ms <= delay_ms_max * state.delays * slack;
}

}  // namespace nearend::policy
