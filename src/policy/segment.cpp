#include "policy/segment.hpp"

#include <algorithm>
#include <cmath>

namespace nearend::policy {
namespace {

constexpr double fade_ms = 25'000;  // of what is measured
constexpr double usual_fade_ms = 300'000;
constexpr double trust_ms = 240'000;  // after which confidence is 1/e
constexpr double jump_weight = 0.6;   // of a measurement that chance does not explain
constexpr double jump_loss = 0.03;    // at least so much more
constexpr double jump_sigmas = 3;
constexpr double jump_delay_ms = 8;    // at least so much more or less
constexpr double packets_max = 1500;   // that count: after busy times few packets must be heard too
constexpr double prior_packets = 100;  // what the prior weighs against counted packets
constexpr double prior_reports = 1.5;  // and against measured delays
// What another instance says cannot be more than this.
constexpr double delay_ms_max = 5000, jitter_ms_max = 2000, weight_max = 1e5;

/// exp(-x) for what is recent: a decision needs a hundred of them.
double faded(double x) {
  return x < 0.05 ? 1 - x * (1 - x * (0.5 - x / 6)) : std::exp(-x);
}

}  // namespace

Segment::Segment(const State& state)
    : packets_(state.packets),
      lost_(state.lost),
      delay_ms_(state.delay_ms),
      deviation_ms_(state.deviation_ms),
      delay_weight_(state.delay_weight),
      jitter_ms_(state.jitter_ms),
      jitter_weight_(state.jitter_weight),
      usual_ms_(state.usual_ms),
      usual_weight_(state.usual_weight),
      reports_(state.reports),
      at_ms_(state.at_ms) {}

Segment::State Segment::state() const {
  return {packets_,       lost_,     delay_ms_,     deviation_ms_, delay_weight_, jitter_ms_,
          jitter_weight_, usual_ms_, usual_weight_, reports_,      at_ms_};
}

bool Segment::is_possible(const State& state) {
  const auto is_within = [](float value, double most) { return std::isfinite(value) && value >= 0 && value <= most; };
  return is_within(state.packets, packets_max) && is_within(state.lost, 1.001 * state.packets) &&
         is_within(state.delay_ms, delay_ms_max) && is_within(state.deviation_ms, delay_ms_max) &&
         is_within(state.delay_weight, weight_max) && is_within(state.jitter_ms, jitter_ms_max) &&
         is_within(state.jitter_weight, weight_max) && is_within(state.usual_ms, delay_ms_max) &&
         is_within(state.usual_weight, weight_max);
}

double Segment::usual_weight(int64_t at_ms) const {
  return usual_weight_ * std::exp(-static_cast<double>(std::max<int64_t>(at_ms - at_ms_, 0)) / usual_fade_ms);
}

Segment Segment::combined(std::span<const Segment* const> all) {
  State sum;
  for (const Segment* each : all) sum.at_ms = std::max(sum.at_ms, each->at_ms_);
  for (const Segment* each : all) {
    const auto kept = static_cast<float>(std::exp(-static_cast<double>(sum.at_ms - each->at_ms_) / fade_ms));
    sum.packets += each->packets_ * kept;
    sum.lost += each->lost_ * kept;
    sum.delay_ms += each->delay_ms_ * each->delay_weight_ * kept;
    sum.deviation_ms += each->deviation_ms_ * each->delay_weight_ * kept;
    sum.delay_weight += each->delay_weight_ * kept;
    sum.jitter_ms += each->jitter_ms_ * each->jitter_weight_ * kept;
    sum.jitter_weight += each->jitter_weight_ * kept;
    const auto usual_kept = static_cast<float>(each->usual_weight(sum.at_ms));
    sum.usual_ms += each->usual_ms_ * usual_kept;
    sum.usual_weight += usual_kept;
    sum.reports += each->reports_;
  }
  if (sum.usual_weight > 0) sum.usual_ms /= sum.usual_weight;
  if (sum.delay_weight > 0) sum.delay_ms /= sum.delay_weight;
  if (sum.delay_weight > 0) sum.deviation_ms /= sum.delay_weight;
  if (sum.jitter_weight > 0) sum.jitter_ms /= sum.jitter_weight;
  return Segment(sum);
}

void Segment::take(const Measurement& measured, int64_t at_ms) {
  // A report that comes late, after a newer one, counts with what it has faded to: the order does not matter.
  double own = 1;
  if (at_ms >= at_ms_ || reports_ == 0) {
    const auto faded = static_cast<float>(reports_ == 0 ? 0 : std::exp(-static_cast<double>(at_ms - at_ms_) / fade_ms));
    packets_ *= faded;
    lost_ *= faded;
    delay_weight_ *= faded;
    jitter_weight_ *= faded;
    usual_weight_ = static_cast<float>(usual_weight(at_ms));
    at_ms_ = at_ms;
  } else {
    own = std::exp(-static_cast<double>(at_ms_ - at_ms) / fade_ms);
    if (own < 0.3) return;
  }
  ++reports_;
  if (measured.packets > 0) take_loss(measured);
  if (measured.rtt_ms > 0) take_delay(measured.rtt_ms / 2);
  if (measured.packets > 1) {
    jitter_weight_ += static_cast<float>(own);
    jitter_ms_ += static_cast<float>((measured.jitter_ms - jitter_ms_) * own / jitter_weight_);
  }
}

void Segment::take_loss(const Measurement& measured) {
  const double count = measured.packets, lost = std::min(measured.lost + measured.late, measured.packets);
  const double known = (lost_ + 0.001 * prior_packets) / (packets_ + prior_packets);
  const double expected = known * count, sigma = std::sqrt(expected * (1 - known) + 0.5);
  const bool is_worse = lost >= 2 && lost / count > known + jump_loss && lost > expected + jump_sigmas * sigma;
  const bool is_better = known > jump_loss && expected > 6 && lost < 0.4 * expected && lost < expected - 2.5 * sigma;
  if ((is_worse || is_better) && packets_ > 0) {
    const double kept = std::min(1.0, count * (1 - jump_weight) / jump_weight / packets_);
    packets_ *= static_cast<float>(kept);
    lost_ *= static_cast<float>(kept);
  }
  packets_ += static_cast<float>(count);
  lost_ += static_cast<float>(lost);
  if (packets_ > packets_max) {
    lost_ *= static_cast<float>(packets_max) / packets_;
    packets_ = packets_max;
  }
}

void Segment::take_delay(double delay_ms) {
  usual_weight_ += 1;
  usual_ms_ += static_cast<float>((delay_ms - usual_ms_) / usual_weight_);
  const double off = delay_ms - delay_ms_;
  const bool is_surprise = delay_weight_ > 0 && std::abs(off) > std::max(jump_delay_ms, 4.0 * deviation_ms_);
  surprises_ = static_cast<int8_t>(!is_surprise ? 0
                                   : off > 0    ? std::max<int>(surprises_, 0) + 1
                                                : std::min<int>(surprises_, 0) - 1);
  if (std::abs(surprises_) >= 2) {
    delay_weight_ = static_cast<float>((1 - jump_weight) / jump_weight);
    surprises_ = 0;
  }
  delay_weight_ += 1;
  delay_ms_ += static_cast<float>(off / delay_weight_);
  deviation_ms_ += static_cast<float>((std::abs(off) - deviation_ms_) * std::max(0.05, 1.0 / delay_weight_));
}

Estimate Segment::estimate(const Estimate& prior, int64_t now_ms) const {
  if (reports_ == 0) return prior;
  const double fresh = faded(static_cast<double>(std::max<int64_t>(now_ms - at_ms_, 0)) / trust_ms);
  Estimate estimate = prior;
  const double by_count = packets_ / (packets_ + prior_packets);
  if (packets_ > 0) estimate.loss += fresh * by_count * (lost_ / packets_ - prior.loss);
  if (jitter_weight_ > 0) estimate.jitter_ms += fresh * (jitter_ms_ - prior.jitter_ms);
  double by_delay = 0;
  if (delay_weight_ > 0) {
    by_delay = delay_weight_ / (delay_weight_ + prior_reports * 0.1);
    estimate.delay_ms += fresh * by_delay * (delay_ms_ - prior.delay_ms);
  }
  estimate.confidence = std::max(prior.confidence, fresh * std::max(by_count, 0.7 * by_delay));
  return estimate;
}

}  // namespace nearend::policy
