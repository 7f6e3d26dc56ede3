#pragma once

#include <string>
#include <vector>

#include "lab/flow.hpp"

namespace nearend::lab {

/// How one run of a flow came out.
struct FlowResult {
  std::string flow;
  std::string phones;  ///< "exact" or "baresip"
  int rtt_ms = 0;
  bool passed = false;
  Metrics metrics;
  std::string why;  ///< Of a failure: what was expected and not seen, and where the logs are.
  double seconds = 0;
};

/// Runs one flow at each round-trip time; the platform is started once and anew after a failure.
class FlowRunner {
 public:
  FlowRunner(std::string program, std::filesystem::path directory)
      : program_(std::move(program)), directory_(std::move(directory)) {}
  /// Added to every bound in ms: for builds and machines that are no measure.
  double margin_ms = 0;
  std::vector<FlowResult> run(const Flow& flow, const std::vector<int>& rtts_ms, bool with_real_phones);
  /// Called before each run, for progress.
  std::function<void(const Flow&, int rtt_ms, bool real)> on_begin = [](const Flow&, int, bool) {};
  /// Called with the tap and the platform of each run after it, before the platform goes (for the demo's report).
  std::function<void(const Flow&, FlowRun&, const FlowResult&)> on_end = [](const Flow&, FlowRun&, const FlowResult&) {
  };

 private:
  struct Stage;
  Result<std::unique_ptr<Stage>> set_up(const Flow& flow, bool real);
  FlowResult run_once(const Flow& flow, Stage& stage, int rtt_ms, bool real);
  void check_recordings(FlowRun& run);

  std::string program_;
  std::filesystem::path directory_;
  int stages_ = 0;
};

/// M1 of every talk: mouth-to-ear against the same flow's run at the smallest round-trip time. A failure where it is
/// above the bound of 1 ms.
void add_media_independence(std::vector<FlowResult>& results, double margin_ms = 0);

}  // namespace nearend::lab
