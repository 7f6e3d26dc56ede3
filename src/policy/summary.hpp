#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "policy/gateway_loads.hpp"
#include "policy/move_budget.hpp"
#include "policy/provider_book.hpp"
#include "policy/segment.hpp"

namespace nearend::policy {

/// The load of a gateway or router as an instance heard it itself.
struct LoadSummary {
  std::string name;
  LoadReport load;
  int64_t at_ms = 0;  ///< When it was counted, by the clock of whoever holds this.
};

/// What an instance believes of a segment by the reports that came to itself.
struct SegmentSummary {
  std::string area;  ///< Empty: between the regions `a` and `region`.
  std::string a, region;
  Segment::State known;
};

/// What instances of the policy server tell each other each second: all that was heard lately, not what is new, so that
/// a lost summary costs nothing. Times go as ages: nobody's clock matters.
struct Summary {
  std::string instance;
  uint64_t seq = 0;  ///< Rises with every summary, also over a restart: it begins with the wall clock.
  std::vector<LoadSummary> loads;
  std::vector<SegmentSummary> segments;
  std::optional<MoveCounts> moves = {};  ///< Nothing: an instance that does not tell.
  std::vector<ProviderSummary> providers = {};
  size_t left_out = 0;  ///< What made no sense in it.
};

/// Another instance as it is known here.
struct Instance {
  std::string name;
  uint64_t seq = 0;       ///< The highest that was heard.
  int64_t heard_ms = -1;  ///< When.
  uint64_t taken = 0, late = 0, left_out = 0;
};
/// An instance that says nothing this long does not count any more.
inline constexpr int64_t instance_lifetime_ms = 10'000;

/// What is absurd is left out and counted; an error when it is no summary at all.
Result<Summary> summary_from(const json::value& value, int64_t now_ms);
json::object to_json(const Summary& summary, int64_t now_ms);

}  // namespace nearend::policy
