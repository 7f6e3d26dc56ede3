#pragma once

#include <cstdint>
#include <string>

namespace nearend::policy_world {

/// `nearend lab policy`: a day of the simulated world under the policy and under yardsticks, told in a table and a
/// report.
struct PolicyDayOptions {
  uint64_t seed = 1;
  double hours = 1;              ///< That the day is pressed into.
  double calls_per_second = 12;  ///< Begun in the whole world, in the mean.
  double load = 1;               ///< What is asked of the gateways, against the usual.
  bool is_json = false;          ///< One JSON object a guide on standard output, nothing else there.
  std::string directory = "out/policy";
};
/// Exit code: 0 done, 1 the report could not be written or the server failed, 2 options out of range.
int run_policy_day(const PolicyDayOptions& options);

}  // namespace nearend::policy_world
