#pragma once

#include <map>
#include <string>
#include <vector>

#include "lab/flow.hpp"

namespace nearend::lab {

/// One region of the demo, as demo/regions.csv has it.
struct DemoRegion {
  std::string name, zone, place;
  double lat = 0, lon = 0;
  bool has_router = false;
  std::map<std::string, double> rtt_ms;  ///< To the other regions.
};
/// Reads the table; errors name the line.
Result<std::vector<DemoRegion>> read_regions(std::string_view csv);
/// The table that the program carries.
Result<std::vector<DemoRegion>> demo_regions();

/// One call of the demo: who calls whom through which regions, and which router the call runs under.
struct DemoCall {
  std::string id;  ///< Also its document's name.
  std::string title;
  std::string number;          ///< The platform's.
  std::string caller, callee;  ///< Access networks.
  std::string caller_region, callee_region, router_region;
  int rounds = 1;  ///< How often the callee is dialled.
  bool has_prompt_first = false, has_prompt_between = false;
};
const std::vector<DemoCall>& demo_calls();

/// The platform of the demo: five regions, the access networks of all calls, the numbers.
PlatformPlan demo_plan(const std::vector<DemoRegion>& regions);
/// The TwiML of the small customer application, by name.
const std::map<std::string, std::string>& demo_documents();

}  // namespace nearend::lab
