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

  /// The packets of a leg, or of a call's legs here, of the next `length`: a pcap file, SRTP taken off. The node keeps
  /// what is newest where there are more than it keeps. Errors: not_found, and the media node's.
  static constexpr std::chrono::seconds capture_max{30};
  Task<Result<std::string>> capture(std::string id, std::chrono::seconds length);

 private:
  std::vector<std::string> ids_of(std::string_view id) const;
  Task<std::string> report(std::vector<std::string> ids, size_t more);

  Parts& parts_;
};

}  // namespace nearend::gateway
