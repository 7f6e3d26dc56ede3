#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "policy/call_summary.hpp"
#include "policy/gateway_loads.hpp"
#include "policy/provider_report.hpp"
#include "policy/segment.hpp"

namespace nearend::policy {

/// A segment that a gateway measured: the way between its region and an access area or another region.
struct SegmentReport {
  std::string area;  ///< One of these two.
  std::string region;
  Measurement measured;
};

/// What a gateway tells each second.
struct GatewayReport {
  std::string gateway;
  uint64_t seq = 0;  ///< Counts up; a report that was heard before, by another instance's hand say, is not taken again.
  int64_t at_ms = 0;  ///< By the gateway's wall clock; 0: now.
  std::optional<LoadReport> load;
  std::vector<SegmentReport> segments;
  std::vector<ProviderReport> providers = {};  ///< Those that it calls out by.
  std::vector<CallSummary> calls = {};         ///< Legs that have ended.
};

/// One report of "reports", with its segments. What is absurd in it is left out and counted in `left_out`; an error
/// only when it is no report at all.
Result<GatewayReport> report_from(const json::value& value, size_t& left_out);
json::object to_json(const GatewayReport& report);

}  // namespace nearend::policy
