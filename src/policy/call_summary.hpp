#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/json.hpp"

namespace nearend::policy {

/// What a gateway says of a leg that has ended: how it went, and how its endpoint was heard. Its seconds were told
/// while it lasted, so it says nothing of ways; it tells how good the provider is.
struct CallSummary {
  std::string provider;  ///< Of that gateway; empty: a phone or browser of its own.
  std::string area;      ///< The endpoint's access area, as far as it is known.
  bool is_inbound = false, is_answered = false;
  int status = 200;  ///< SIP's, of the end.
  int64_t duration_ms = 0;
  uint32_t packets = 0;  ///< That should have come,
  uint32_t lost = 0, late = 0;
  double jitter_ms = 0, rtt_ms = 0;  ///< Means; 0: not known.
  double score = 0;                  ///< Mean opinion score by ITU-T G.107; 0: too little was heard.
  bool operator==(const CallSummary&) const = default;
};

inline constexpr size_t calls_told_max = 500;  // in a report

/// Nothing for what cannot be.
std::optional<CallSummary> call_from(const json::object& object);
json::object to_json(const CallSummary& call);

}  // namespace nearend::policy
