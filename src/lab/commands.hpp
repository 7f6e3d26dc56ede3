#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/ip.hpp"

namespace nearend::lab {

/// `nearend lab flows`: end-to-end flows with real processes and phones, each at each round-trip time between gateway
/// and router.
struct FlowsOptions {
  std::vector<int> rtts_ms{0, 50, 100, 200, 300};
  std::vector<std::string> only;  ///< Flow ids (f1, f3, kill ...); empty: all.
  bool is_json = false;   ///< One JSON object a flow and round-trip time on standard output, nothing else there.
  double margin_ms = 0;   ///< Added to every bound in ms: for debug builds and busy machines.
  std::string directory;  ///< Where settings, logs and recordings go; empty: out/lab under the working directory.
  std::string program;    ///< The nearend program under test; empty: this one.
};
/// Exit code: 0 all passed, 1 something failed, 2 an unknown flow, 77 skipped (loudly: no namespaces here).
int run_flows(const FlowsOptions& options);
/// Id and one line of words for each flow.
std::vector<std::pair<std::string, std::string>> list_flows();

/// `nearend lab policy-faults`: calls are set up while the policy servers are well, killed, frozen, cut off or answer
/// garbage; the time from INVITE to the callee's answer is compared.
struct PolicyFaultsOptions {
  int calls = 500;  ///< In each state.
  int rate = 10;    ///< Calls a second.
  int rtt_ms = 50;
  std::vector<std::string> only;  ///< States beside the healthy one; empty: all.
  double margin_ms = 0;           ///< Added to the bound.
  bool is_json = false;
  std::string directory;
  std::string program;
};
/// Exit code: 0 no call failed and none of them took 50 ms longer at p50 or p99, 1 otherwise, 77 skipped.
int run_policy_faults(const PolicyFaultsOptions& options);

/// `nearend lab race`: a client whom the platform takes for another region's finds the nearest gateway by itself: by
/// `nearend race`, and by the module for browsers in Node and in Chromium; again when the nearest is lost.
struct RaceLabOptions {
  bool has_browser = true;
  bool has_loss = true;  ///< Again when the nearest gateway is lost.
  double margin_ms = 0;  ///< Added to the bound of what is measured.
  std::string directory;
  std::string program;
};
/// Exit code: 0 all found the nearest, 1 otherwise, 77 skipped. Racers that are not installed are named.
int run_race_lab(const RaceLabOptions& options);

/// `nearend lab app`: the lab's customer application. Serves `<directory>/<path>.xml` as TwiML and other files by their
/// names, after thinking for a while; prints one line a request.
struct AppOptions {
  Endpoint listen{IpAddress::any(IpAddress::Family::v4), 80};
  std::string directory = ".";
  std::chrono::milliseconds thinking{0};
};
int run_app(const AppOptions& options);

/// `nearend demo`: five regions, softphones with real audio, a table and out/demo/report.html.
struct DemoOptions {
  std::string directory = "out/demo";
  std::string program;  ///< The nearend program; empty: this one.
};
int run_demo(const DemoOptions& options);

}  // namespace nearend::lab
