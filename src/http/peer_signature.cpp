#include "http/peer_signature.hpp"

#include <cstdlib>

#include "base/crypto.hpp"
#include "base/text.hpp"

namespace nearend::http {
namespace {

constexpr int64_t clock_apart_s = 120;

std::string hash(std::string_view key, std::string_view method, std::string_view target, std::string_view body,
                 int64_t unix_seconds) {
  return hex(hmac_bytes(HashKind::sha256, key, fmt::format("{}\n{}\n{}\n{}", method, target, unix_seconds, body)));
}

}  // namespace

std::string sign_for_peer(std::string_view key, std::string_view method, std::string_view target, std::string_view body,
                          int64_t unix_seconds) {
  return fmt::format("t={};h={}", unix_seconds, hash(key, method, target, body, unix_seconds));
}

Result<void> check_peer_signature(std::string_view key, std::string_view signature, std::string_view method,
                                  std::string_view target, std::string_view body, int64_t unix_seconds) {
  std::string_view time_text, given;
  for (std::string_view part : split(signature, ';')) {
    if (part.starts_with("t=")) time_text = part.substr(2);
    if (part.starts_with("h=")) given = part.substr(2);
  }
  const auto time = parse_unsigned(time_text);
  if (!time || given.empty() || *time > INT64_MAX)
    return fail(Error::Kind::refused, "{}: 't=<unix seconds>;h=<hex>' expected", peer_signature_header);
  const auto signed_at = static_cast<int64_t>(*time);
  if (signed_at > unix_seconds + clock_apart_s || signed_at < unix_seconds - clock_apart_s)
    return fail(Error::Kind::refused, "{}: signed at {}, it is {}", peer_signature_header, signed_at, unix_seconds);
  if (!equal_in_constant_time(given, hash(key, method, target, body, signed_at)))
    return fail(Error::Kind::refused, "{}: the hash is not that of the request", peer_signature_header);
  return {};
}

}  // namespace nearend::http
