#pragma once

#include <string>

#include "base/result.hpp"
#include "policy/policy.hpp"
#include "policy_server/server.hpp"

namespace nearend::policy_server {

struct ReplayOutcome {
  size_t played = 0, different = 0;
  size_t first_line = 0;     ///< Of the record, where an answer differs first,
  std::string first_answer;  ///< and what was answered now.
};

/// Plays the lines of a record (policy_server.record_file, from a start of the server on) to a new server: the same
/// reports and questions at the same times. Errors: the file cannot be read, or a line is no record.
Result<ReplayOutcome> replay(Settings settings, const policy::Topology& topology, const std::string& record_path);

}  // namespace nearend::policy_server
