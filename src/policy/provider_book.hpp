#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/path_model.hpp"
#include "policy/places.hpp"
#include "policy/provider_evidence.hpp"

namespace nearend::policy {

/// What an instance says of a provider to the others: the gateway's own words as it heard them, and what it counted.
struct ProviderSummary {
  std::string gateway, name;
  std::optional<std::vector<std::string>> prefixes;
  ProviderFacts facts;
  uint64_t seq = 0;   ///< Of the gateway's report.
  int64_t at_ms = 0;  ///< When the gateway said so, by the clock of whoever holds this.
  ProviderEvidence::State known;
};

/// What is believed of one provider of a gateway. Soft: a new instance knows it after the next reports.
struct KnownProvider {
  enum class Standing : uint8_t { open, suspect, resting, full };

  std::string name;
  std::vector<std::string> prefixes;  ///< Sorted.
  bool has_prefixes = false;          ///< They were told.
  ProviderFacts facts;
  int64_t at_ms = -1;
  uint64_t seq = 0;
  SourceId source = own_source;
  /// By source: what this instance counted, and what others told of theirs.
  struct Told {
    SourceId source = own_source;
    uint64_t seq = 0;
    ProviderEvidence evidence;
  };
  std::vector<Told> told;
  int64_t probe_at_ms = 0, probe_gap_ms = 0;  ///< A suspect one gets a call from then on; and how long to the next.

  /// Length of its longest prefix that fits, or nothing.
  std::optional<size_t> match(std::string_view number) const;
  bool is_current(int64_t now_ms) const;
  bool is_suspect() const;
  bool is_probe_due(int64_t now_ms) const { return now_ms >= probe_at_ms; }
  Standing standing(int64_t now_ms) const;
  ProviderEstimate estimate(int64_t now_ms) const;
  /// Channels in use with what was given to it since, of all; 0 without a limit.
  double share(int64_t now_ms) const;
  ProviderEvidence& evidence(SourceId of, uint64_t of_seq);

 private:
  friend class ProviderBook;
  static constexpr size_t slots = 4;
  double given(int64_t now_ms) const;
  bool is_full(int64_t now_ms) const;
  std::array<uint32_t, slots> given_{};                // calls of a second
  std::array<int64_t, slots> second_{-1, -1, -1, -1};  // which
  mutable int64_t known_tick_ = -1;
  mutable ProviderEstimate known_;
};
std::string_view to_string(KnownProvider::Standing standing);

/// All providers of all gateways. Owner's thread.
class ProviderBook {
 public:
  explicit ProviderBook(const Places& places) : by_gateway_(places.gateways()) {}

  /// What the gateway itself says. False when there are too many.
  bool take(GatewayId gateway, const ProviderReport& report, uint64_t seq, int64_t at_ms, int64_t now_ms);
  /// What another instance has heard; of each the newest by `seq` counts, in whatever order they come.
  bool take(GatewayId gateway, const ProviderSummary& summary, SourceId source, uint64_t seq, int64_t now_ms);
  /// What this instance has heard lately itself, for the others. Prefixes of a part of them each time.
  std::vector<ProviderSummary> own(const Places& places, int64_t since_ms);
  /// A call was given to it.
  void give(KnownProvider& provider, bool is_probe, int64_t now_ms);
  void take_scores(GatewayId gateway, std::string_view name, double scores, double sum, int64_t at_ms);
  /// An instance has begun anew: what it told counts no more.
  void forget(SourceId source);

  std::span<KnownProvider> of(GatewayId gateway) { return by_gateway_[gateway]; }
  std::span<const KnownProvider> of(GatewayId gateway) const { return by_gateway_[gateway]; }
  size_t size() const { return count_; }

 private:
  KnownProvider* find(GatewayId gateway, std::string_view name);
  static void take_facts(KnownProvider& known, const ProviderFacts& facts, uint64_t seq, int64_t at_ms,
                         SourceId source);
  static void note_suspicion(KnownProvider& known, bool was_suspect, int64_t now_ms);
  std::vector<std::vector<KnownProvider>> by_gateway_;
  size_t count_ = 0;
  size_t told_next_ = 0;  // whose prefixes the others are told next
};

}  // namespace nearend::policy
