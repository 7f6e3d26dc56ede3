#pragma once

#include <string>

#include "gateway/parts.hpp"

namespace nearend::gateway {

/// What an operator sees of the legs that are up: who, where their media runs, and how it sounds. Gateway's loop.
class LegReport {
 public:
  explicit LegReport(Parts& parts) : parts_(parts) {}

  /// JSON for `/v1/legs`: `{"legs": [...], "more": n}`, at most `legs_max`. Each is asked of the media node as it is
  /// written, so a long list takes a while; it costs the gateway nothing where nobody asks.
  static constexpr size_t legs_max = 500;
  Task<std::string> all();
  /// One leg, by its id or as all legs of a call by the call's SID. Errors: not_found.
  Task<Result<std::string>> of(std::string id);

 private:
  Task<std::string> report(std::vector<std::string> ids, size_t more);

  Parts& parts_;
};

}  // namespace nearend::gateway
