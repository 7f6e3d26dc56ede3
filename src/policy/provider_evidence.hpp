#pragma once

#include <cstdint>

#include "policy/provider_report.hpp"

namespace nearend::policy {

/// What is expected of a call by a provider.
struct ProviderEstimate {
  double delivered = 0;   ///< Network effectiveness ratio (ITU-T E.425): calls that the provider does not fail, 0 to 1.
  double score = 0;       ///< Mean opinion score of what is heard from it.
  double delay_ms = 0;    ///< From INVITE to ringing.
  double answered = 0;    ///< Answer-seizure ratio, for people: it says more of the callees than of the provider.
  double confidence = 0;  ///< 0: nothing is known; near 1: by many calls lately.
};
/// What is expected of a provider of which nothing is known.
inline constexpr ProviderEstimate provider_prior{.delivered = 0.97, .score = 4.2, .delay_ms = 2500};

/// Fading counts of a provider's calls. They fade by 5 minutes, so that old news returns to the prior; a run of
/// failures that chance does not explain is believed at once: then the provider is suspect until two calls by it have
/// gone well. Addition only, so that what several instances have heard can be added up.
class ProviderEvidence {
 public:
  struct State {
    float attempts = 0, failed = 0, answered = 0;
    float delays = 0, delay_ms = 0;          // the sum
    float scores = 0, score = 0;             // the sum
    float run_attempts = 0, run_failed = 0;  // since it was last above doubt
    float doubt = 0;                         // that it still is as it was: a log of likelihoods
    float proven = 0;                        // calls that went well while it is suspect
    bool is_suspect = false;
    int64_t at_ms = 0;
    bool operator==(const State&) const = default;
  };
  ProviderEvidence() = default;
  explicit ProviderEvidence(const State& state) : state_(state) {}

  void take(const ProviderCounts& counts, int64_t at_ms);
  /// What was heard in `scores` talks by it: the sum of their opinion scores.
  void take_scores(double scores, double sum, int64_t at_ms);

  const State& state() const { return state_; }
  /// The same as it weighs at that time.
  State faded(int64_t now_ms) const;
  bool is_suspect() const { return state_.is_suspect; }
  static ProviderEstimate estimate(const State& sums);
  /// False for a state that no evidence leads to.
  static bool is_possible(const State& state);

 private:
  void judge(const ProviderCounts& counts);
  State state_;
};

}  // namespace nearend::policy
