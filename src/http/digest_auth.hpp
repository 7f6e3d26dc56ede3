#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace nearend::http {

/// What a Digest answer is made of.
struct DigestQuestion {
  std::string_view method, target;  ///< Of the request that is sent again; `target` is path and query.
  std::string_view user, password;
  std::string_view cnonce;
};

/// The Authorization value that answers a WWW-Authenticate value (RFC 7616): MD5 or SHA-256, with qop=auth or, for old
/// servers, without. Nothing where it holds no Digest challenge that we can answer.
std::optional<std::string> digest_authorization(std::string_view challenge, const DigestQuestion& question);

}  // namespace nearend::http
