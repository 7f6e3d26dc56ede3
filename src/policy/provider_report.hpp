#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"

namespace nearend::policy {

/// What a gateway says of an outbound provider of its own, as it is now.
struct ProviderFacts {
  int priority = 0;
  double cost = 0;
  uint32_t channels = 0;                   ///< In use, both directions,
  uint32_t channels_max = 0, cps_max = 0;  ///< of so many; calls a second. 0: no limit.
  bool is_healthy = true;                  ///< Neither resting after a failure nor deaf to OPTIONS.
  bool operator==(const ProviderFacts&) const = default;
};

/// What became of the calls that were offered to it, since the report before.
struct ProviderCounts {
  uint32_t attempts = 0;  ///< Calls of which it is known whether the provider has failed them;
  uint32_t failed = 0;    ///< those that it has: 5xx, a challenge, nobody there. The others reached the network.
  uint32_t refused = 0;   ///< By the far user or network: busy, declined, no such number.
  uint32_t answered = 0;  ///< May come in a later report than the attempt.
  uint32_t delays = 0;    ///< Calls that rang or were answered, and
  double delay_ms = 0;    ///< the sum of their post-dial delays.
  bool is_nothing() const { return *this == ProviderCounts{}; }
  bool operator==(const ProviderCounts&) const = default;
};

struct ProviderReport {
  std::string name;
  std::optional<std::vector<std::string>> prefixes;  ///< Numbers it takes; nothing: as told before.
  ProviderFacts facts;
  ProviderCounts counts;
};

inline constexpr size_t providers_max = 500;  // of a gateway
inline constexpr size_t prefixes_max = 5000;  // of a provider
inline constexpr size_t provider_name_max = 100;

/// Nothing for what cannot be.
std::optional<ProviderReport> provider_from(const json::object& object);
json::object to_json(const ProviderReport& report);

}  // namespace nearend::policy
