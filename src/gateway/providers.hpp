#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/settings.hpp"
#include "io/loop.hpp"
#include "policy/provider_report.hpp"

namespace nearend::gateway {

/// The providers' limits and health, and the order in which they are tried (S19 to S21, fault FT35). Providers are
/// named by their index in the settings. Gateway's loop only.
class Providers {
 public:
  enum class Way : uint8_t { in, out };

  explicit Providers(const Settings& settings);

  /// Who can take a number: rested ones last, those that the policy server proposes first and in its order, then
  /// longest prefix, priority, cost, order of the settings. Names that are unknown or do not take the number are passed
  /// over.
  std::vector<size_t> candidates(std::string_view number, io::Instant now,
                                 std::span<const std::string> proposed = {}) const;

  /// Takes one channel and one of this second's calls; false when a limit is reached.
  bool take(size_t provider, Way way, io::Instant now);
  void give_back(size_t provider);

  /// It failed a call (503, 5xx, no answer): left alone for Retry-After or the usual rest.
  void failed(size_t provider, std::optional<std::chrono::seconds> retry_after, io::Instant now);
  void worked(size_t provider);
  /// The outcome of an OPTIONS ping; two failures in a row rest it until one works.
  void pinged(size_t provider, bool is_answered);

  /// What the policy server is told: a call has rung or was answered so long after its INVITE,
  void count_delay(size_t provider, io::Duration delay);
  /// and is now known to have reached the network or to have been failed by the provider.
  void count_attempt(size_t provider, bool is_failed);
  void count_refused(size_t provider) { ++states_[provider].counts.refused; }
  void count_answered(size_t provider) { ++states_[provider].counts.answered; }
  /// Outbound providers with what was counted since the last time; of very many a part each time, and so of their
  /// prefixes.
  std::vector<policy::ProviderReport> take_reports(io::Instant now);

  bool is_rested(size_t provider, io::Instant now) const;
  uint32_t channels(size_t provider) const { return states_[provider].channels; }
  const Provider& at(size_t provider) const { return settings_.providers[provider]; }
  size_t size() const { return states_.size(); }

 private:
  struct State {
    uint32_t channels = 0;
    io::Instant next_call[2]{};  // GCRA: theoretical arrival of the next call, each way
    io::Instant rests_until{};
    uint32_t pings_missed = 0;
    policy::ProviderCounts counts;
  };
  const Settings& settings_;
  std::vector<State> states_;
  size_t told_next_ = 0;  // with whom the next report begins
};

}  // namespace nearend::gateway
