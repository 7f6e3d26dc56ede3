#pragma once

#include <optional>
#include <string>
#include <vector>

#include "io/net.hpp"
#include "sip/transport.hpp"

namespace nearend::app {

/// A gateway that a client may call by.
struct RaceCandidate {
  std::string gateway, region;   ///< Empty: as it says itself.
  std::optional<Endpoint> stun;  ///< Where it answers Binding requests, if it does.
  sip::Target sip;               ///< Where it answers OPTIONS.
};

struct RaceSettings {
  int rounds = 5;
  std::chrono::milliseconds pace{50}, timeout{1000};
  std::chrono::milliseconds head_start{10};  ///< Of the first candidate, as in policy_server/race.js.
};

/// What was measured of one.
struct RaceResult {
  RaceCandidate candidate;
  std::vector<double> rtts_ms;   ///< Of STUN, or of OPTIONS where STUN is silent.
  int asked = 0;                 ///< As many were sent.
  int status = 0;                ///< Answer to OPTIONS; 0: none.
  std::optional<Endpoint> seen;  ///< Where we are seen from there.
  bool is_chosen = false;

  std::optional<double> median_ms() const;
  double loss() const { return asked == 0 ? 1 : 1 - static_cast<double>(rtts_ms.size()) / asked; }
};

/// Asks all candidates at once, by STUN and by OPTIONS, and gives what came of it in their order. The nearest that
/// takes calls is chosen; the first of them against one that is not nearer by more than the head start.
Task<std::vector<RaceResult>> race(io::World world, std::vector<RaceCandidate> candidates, RaceSettings settings);

/// The candidates of an answer of GET /v1/first-hops. Errors: malformed.
Result<std::vector<RaceCandidate>> candidates_of(std::string_view list_json);

/// The table that `nearend race` prints.
std::string race_table(const std::vector<RaceResult>& results);

/// `nearend race ZONE|URL`: between the gateways that a zone's names lead to or that a policy server lists. Exit code 1
/// when none can be called.
struct RaceOptions {
  std::string where;
  std::string name_servers;  ///< "203.0.113.9:53" in place of the system's.
  std::string address;       ///< For whom the policy server is asked; empty: for us.
  RaceSettings settings;
  bool is_json = false;
};
int run_race(const RaceOptions& options);

}  // namespace nearend::app
