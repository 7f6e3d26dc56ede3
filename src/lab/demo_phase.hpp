#pragma once

#include <string>
#include <vector>

#include "lab/demo_world.hpp"
#include "lab/pictures.hpp"

namespace nearend::lab {

/// A stretch of a call in which its media took one path.
struct DemoPhase {
  std::string name;
  int64_t begin_ns = 0;
  int64_t end_ns = 0;
  bool is_talk = false;
  std::vector<SiteId> path;  ///< From mouth to ear: sites, as the tap saw the packets go.
  double mouth_to_ear_ms = 0;
  double trombone_ms = 0;  ///< What the same talk would take through the router's region; 0 for prompts.
};

/// A finished call: what happened, what the tap kept, and where the pictures' lines go.
struct DemoResult {
  DemoCall call;
  std::vector<DemoPhase> phases;
  CallTrace trace;
  std::vector<std::string> failures;
  std::vector<Mark> marks() const;
};

/// Fills path, mouth-to-ear and the trombone's cost of each phase from the trace.
void measure_phases(DemoResult& result, const std::vector<DemoRegion>& regions);

/// The page: a table, the map of each phase, ladders and waveforms.
Result<void> write_report(const std::vector<DemoResult>& results, const std::vector<DemoRegion>& regions,
                          const Platform& platform, const std::filesystem::path& file);

}  // namespace nearend::lab
