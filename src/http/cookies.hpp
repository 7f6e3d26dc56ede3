#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/http.hpp"
#include "http/url.hpp"

namespace nearend::http {

/// One cookie (RFC 6265), as it is kept.
struct Cookie {
  std::string name, value;
  std::string domain;  ///< Lower case.
  std::string path = "/";
  bool is_host_only = true;  ///< Not sent to the domain's subdomains.
  bool is_secure = false;    ///< Sent over https only.
  int64_t expires_ms = 0;    ///< Wall clock; 0: when the jar goes.
  bool operator==(const Cookie&) const = default;
};

/// Reads one Set-Cookie value that came from `url`; nothing when it must be ignored (RFC 6265 section 5.3).
std::optional<Cookie> parse_cookie(std::string_view text, const Url& url, int64_t now_ms);

/// The cookies of one call. At most 50 of 4 KiB; the oldest goes first. A plain value, so that it can travel with the
/// call.
class CookieJar {
 public:
  CookieJar() = default;
  explicit CookieJar(std::vector<Cookie> cookies) : cookies_(std::move(cookies)) {}

  /// Takes the Set-Cookie headers of an answer.
  void take(const Url& url, const Headers& headers, int64_t now_ms);
  /// The value of the Cookie header for a request; empty: none.
  std::string header(const Url& url, int64_t now_ms) const;
  const std::vector<Cookie>& cookies() const { return cookies_; }

 private:
  std::vector<Cookie> cookies_;  // In the order they were made.
};

}  // namespace nearend::http
