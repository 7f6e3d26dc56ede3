#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace nearend::sip {

inline constexpr size_t parameters_max = 64;  ///< Of one URI or one header value that we read.

/// `;name=value` pairs of a URI or a header field, in the order received. Names compare without case. Plain values, any
/// thread.
class Parameters {
 public:
  struct Item {
    std::string name;
    std::string value;       ///< Quoted strings are held without quotes and escapes.
    bool has_value = false;  ///< False for `;lr`.
    bool is_quoted = false;  ///< Written back in quotes.
    bool operator==(const Item&) const = default;
  };

  bool has(std::string_view name) const { return find(name) != nullptr; }
  /// The value, empty both when absent and when without one; ask has() to tell them apart.
  std::string_view get(std::string_view name) const;
  void set(std::string_view name, std::string_view value);
  void set_flag(std::string_view name);
  void remove(std::string_view name);
  void append(Item item);
  bool empty() const { return items_.empty(); }
  const std::vector<Item>& items() const { return items_; }
  /// With the leading semicolons: ";lr;transport=tcp".
  std::string to_string() const;
  bool operator==(const Parameters&) const = default;

 private:
  const Item* find(std::string_view name) const;
  std::vector<Item> items_;
};

/// A SIP, SIPS or tel URI (RFC 3261 section 19.1, RFC 3966), or another scheme kept as text.
struct Uri {
  enum class Scheme : uint8_t { sip, sips, tel, other };

  Scheme scheme = Scheme::sip;
  std::string raw_user;   ///< As received, escapes and all; for tel the number, for other all after the scheme's colon.
  std::string user;       ///< Percent-decoded; may hold any byte, NUL too. For tel the number.
  bool has_user = false;  ///< Tells "sip:@host" (malformed) and "sip:host" from a user.
  std::optional<std::string> password;
  std::string host;  ///< Lower case is not forced; IPv6 without brackets.
  std::optional<uint16_t> port;
  Parameters parameters;
  std::string headers;       ///< All after '?', as received.
  std::string other_scheme;  ///< The scheme's name when `scheme` is other.

  bool is_sip() const { return scheme == Scheme::sip || scheme == Scheme::sips; }
  bool is_secure() const { return scheme == Scheme::sips; }
  bool is_loose_route() const { return parameters.has("lr"); }
  std::string_view transport() const { return parameters.get("transport"); }
  /// "host" or "host:port", brackets round IPv6.
  std::string host_port() const;
  std::string to_string() const;
  /// Sets user and raw_user from plain text, escaping what the grammar wants escaped.
  void set_user(std::string_view plain);
};

/// Parses a whole URI. Unknown schemes are accepted as Scheme::other (the caller answers 416). Errors name the part.
Result<Uri> parse_uri(std::string_view text);

/// Equality by RFC 3261 section 19.1.4: escapes undone, host and parameters without case, user, ttl, method, maddr and
/// transport must match when either has them.
bool equivalent(const Uri& a, const Uri& b);

/// Makes a SIP URI from plain parts; the user is escaped.
Uri make_sip_uri(std::string_view user, std::string_view host, std::optional<uint16_t> port = {});

/// `"Display" <uri>;parameters`, as in From, To, Contact, Route, P-Asserted-Identity (RFC 3261 section 20.10).
struct NameAddr {
  std::string display;  ///< Without quotes and escapes.
  Uri uri;
  Parameters parameters;     ///< Those of the header field; the URI has its own.
  bool is_wildcard = false;  ///< Contact: *

  std::string_view tag() const { return parameters.get("tag"); }
  void set_tag(std::string_view tag) { parameters.set("tag", tag); }
  std::string to_string() const;
};

Result<NameAddr> parse_name_addr(std::string_view text);

/// Host and port as in Via and URIs: "h", "h:1", "[::1]", "[::1]:1". The host comes back without brackets.
struct HostPort {
  std::string host;
  std::optional<uint16_t> port;
};
Result<HostPort> parse_host_port(std::string_view text);

/// Parses `;a=b;c` up to the end of `text`, with blanks round every sign; values may be quoted. Empty items are
/// refused.
Result<Parameters> parse_parameters(std::string_view text);

/// `text` in quotes, with '"' and '\\' escaped.
std::string quoted_string(std::string_view text);

}  // namespace nearend::sip
