#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sim/platform.hpp"

namespace nearend::sim::test {

/// One call flow: what it needs, what happens, what must come out. The platform is new for each seed.
struct Flow {
  std::string id, title;
  Plan plan;
  std::function<void(Platform&)> run;
  size_t legs = 2;             ///< Legs that the journals must show.
  bool is_media_local = true;  ///< No RTP may cross between regions, but between the two edges.
};

std::vector<Flow> all_flows();
const Flow& flow(std::string_view id);

/// What came of one flow over its seeds.
struct Tally {
  size_t seeds = 0, failures = 0;
  uint64_t faults = 0, rtp = 0;
  double virtual_s = 0, real_s = 0;
  std::vector<std::string> first_failures;
  double ratio() const { return real_s > 0 ? virtual_s / real_s : 0; }
};

/// How many seeds: NEAREND_SIM_SEEDS, or `usual` (a tenth under a sanitizer). NEAREND_SIM_SEED=n runs that one alone.
std::vector<uint64_t> seeds(size_t usual);
/// Runs the flow over the seeds, prints a line, and how to replay what failed.
Tally run_flow(const Flow& flow, const std::vector<uint64_t>& seeds);

}  // namespace nearend::sim::test
