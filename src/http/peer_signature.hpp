#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace nearend::http {

/// How one part of the platform proves itself to another over HTTP, as it does over SIP (docs/sip-profile.md): the
/// header Platform-Signature holds `t=<unix seconds>;h=<hex HMAC-SHA256>` over method, target (path and query), time
/// and body.
inline constexpr std::string_view peer_signature_header = "Platform-Signature";

std::string sign_for_peer(std::string_view key, std::string_view method, std::string_view target, std::string_view body,
                          int64_t unix_seconds);
/// Refused: no or another signature, or a clock more than 120 s apart. Takes the same time whatever is wrong with the
/// hash.
Result<void> check_peer_signature(std::string_view key, std::string_view signature, std::string_view method,
                                  std::string_view target, std::string_view body, int64_t unix_seconds);

}  // namespace nearend::http
