#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace nearend::http {

/// An absolute URL with an authority (RFC 3986), its parts as written: still percent-encoded, scheme and host in lower
/// case.
struct Url {
  std::string scheme;
  std::string user;
  std::string password;
  std::string host;   ///< A name, or an address; IPv6 without brackets.
  uint16_t port = 0;  ///< 0: none was written.
  std::string path = "/";
  std::string query;
  std::string fragment;
  bool has_user = false;
  bool has_query = false;  ///< "http://h/?" has one, an empty one.

  uint16_t effective_port() const;
  /// "host", "host:8080" or "[::1]:8080": as in a Host header.
  std::string authority() const;
  /// Path and query: what a request line carries.
  std::string target() const;
  /// Without user, password and fragment: what is sent and what is signed.
  std::string to_string() const;
};

/// Longest URL taken.
constexpr size_t url_max = 8192;

/// Parses an absolute URL of the schemes http, https, ws and wss. Control characters, blanks and backslashes are
/// refused, bytes above 127 outside the host are percent-encoded. Errors name the part.
Result<Url> parse_url(std::string_view text);

/// Resolves a reference against a base (RFC 3986 section 5.2). An empty reference is the base without its fragment.
Result<Url> resolve_url(const Url& base, std::string_view reference);

}  // namespace nearend::http
