#pragma once

#include <cstdint>
#include <span>

namespace nearend::policy {

/// What a gateway counted on a segment of the way, a second of it as a rule. A segment is the way between an access
/// area and a region, or between two regions.
struct Measurement {
  uint32_t packets = 0;  ///< Those that should have come.
  uint32_t lost = 0, late = 0;
  double jitter_ms = 0;
  double rtt_ms = 0;  ///< 0: not measured.
  uint32_t streams = 1;
};

/// What is believed of a segment or of a whole path.
struct Estimate {
  double delay_ms = 0;  ///< One way.
  double jitter_ms = 0;
  double loss = 0;        ///< 0 to 1, with what comes too late.
  double confidence = 0;  ///< 1: measured just now; 0: only what is known without measuring.
};

/// A fading average of what was measured on one segment: losses and packets are counted and fade by 25 s, so that a
/// report weighs as much as what it saw; a change that chance does not explain takes over at once, with weight 0.6.
class Segment {
 public:
  /// What it knows, as instances of the policy server tell each other.
  struct State {
    float packets = 0, lost = 0;
    float delay_ms = 0, deviation_ms = 0, delay_weight = 0;
    float jitter_ms = 0, jitter_weight = 0;
    float usual_ms = 0, usual_weight = 0;  // the delay over minutes
    uint32_t reports = 0;
    int64_t at_ms = 0;
    bool operator==(const State&) const = default;
  };
  Segment() = default;
  explicit Segment(const State& state);
  /// What several who measured the same segment know together; the order of `all` counts only for rounding.
  static Segment combined(std::span<const Segment* const> all);

  /// Takes what was measured at `at_ms`. Absurd values must have been left out before.
  void take(const Measurement& measured, int64_t at_ms);
  /// What is believed at `now_ms`; without recent measurements it returns to `prior`.
  Estimate estimate(const Estimate& prior, int64_t now_ms) const;
  /// Of the measurements alone, as they were last.
  double delay_ms() const { return delay_ms_; }
  double loss() const { return packets_ > 0 ? lost_ / packets_ : 0; }
  bool has_delay() const { return delay_weight_ > 0; }
  int64_t at_ms() const { return at_ms_; }
  uint32_t reports() const { return reports_; }
  /// The delay as it was over the last minutes, and what that average weighs at `at_ms`.
  double usual_ms() const { return usual_ms_; }
  double usual_weight(int64_t at_ms) const;
  State state() const;
  /// A state that measurements can lead to; others must be left out.
  static bool is_possible(const State& state);

 private:
  void take_loss(const Measurement& measured);
  void take_delay(double delay_ms);

  float packets_ = 0, lost_ = 0;  // fading counts
  float delay_ms_ = 0, deviation_ms_ = 0, delay_weight_ = 0;
  float jitter_ms_ = 0, jitter_weight_ = 0;
  float usual_ms_ = 0, usual_weight_ = 0;
  int8_t surprises_ = 0;  // delays in a row that were out of the usual: above 0 longer, below shorter
  uint32_t reports_ = 0;
  int64_t at_ms_ = 0;
};

}  // namespace nearend::policy
