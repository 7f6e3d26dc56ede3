#include "http/url.hpp"

#include <algorithm>

#include "base/ip.hpp"
#include "base/text.hpp"

namespace nearend::http {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// A URL reference cut into its parts (RFC 3986, appendix B).
struct Parts {
  std::string_view scheme, authority, path, query, fragment;
  bool has_scheme = false, has_authority = false, has_query = false;
};

Parts cut(std::string_view text) {
  Parts parts;
  if (const size_t hash = text.find('#'); hash != std::string_view::npos) {
    parts.fragment = text.substr(hash + 1);
    text = text.substr(0, hash);
  }
  if (const size_t mark = text.find('?'); mark != std::string_view::npos) {
    parts.query = text.substr(mark + 1);
    parts.has_query = true;
    text = text.substr(0, mark);
  }
  const size_t colon = text.find_first_of(":/");
  if (colon != std::string_view::npos && colon > 0 && text[colon] == ':' && is_letter(text[0]) &&
      std::all_of(text.begin(), text.begin() + static_cast<long>(colon),
                  [](char c) { return is_letter(c) || is_digit(c) || c == '+' || c == '-' || c == '.'; })) {
    parts.scheme = text.substr(0, colon);
    parts.has_scheme = true;
    text.remove_prefix(colon + 1);
  }
  if (text.starts_with("//")) {
    text.remove_prefix(2);
    parts.authority = text.substr(0, text.find('/'));
    parts.has_authority = true;
    text.remove_prefix(parts.authority.size());
  }
  parts.path = text;
  return parts;
}

Result<void> check_characters(std::string_view text) {
  if (text.size() > url_max) return fail(Error::Kind::invalid, "the URL is longer than {} bytes", url_max);
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c <= ' ' || c == 0x7f || c == '\\' || c == '"' || c == '<' || c == '>')
      return fail(Error::Kind::malformed, "the URL has a character that must be percent-encoded (0x{:02x}) at byte {}",
                  c, i);
  }
  return {};
}

std::string encode_high_bytes(std::string_view text) {
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x80)
      encoded.push_back(c);
    else
      encoded += percent_encode({&c, 1});
  }
  return encoded;
}

Result<void> read_host(std::string_view text, Url& url) {
  if (text.starts_with('[')) {
    const auto address = text.ends_with(']') ? parse_ip(text) : fail(Error::Kind::malformed, "no closing bracket");
    if (!address || !address->is_v6())
      return fail(Error::Kind::malformed, "URL host '{}' is not an IPv6 address in brackets", text);
    url.host = address->to_string();
    return {};
  }
  if (text.empty() || text.size() > 253) return fail(Error::Kind::malformed, "the URL's host is missing or too long");
  for (char c : text)
    if (!is_letter(c) && !is_digit(c) && c != '-' && c != '.' && c != '_')
      return fail(Error::Kind::malformed, "URL host '{}' may have letters, digits, '-' and '.' only", text);
  if (text.front() == '.' || text.find("..") != std::string_view::npos)
    return fail(Error::Kind::malformed, "URL host '{}' has an empty label", text);
  url.host = to_lower(text);
  return {};
}

Result<void> read_authority(std::string_view text, Url& url) {
  if (const size_t at = text.rfind('@'); at != std::string_view::npos) {
    const std::string_view user = text.substr(0, at);
    const size_t colon = user.find(':');
    const auto name = percent_decode(user.substr(0, colon));
    const auto password = percent_decode(colon == std::string_view::npos ? "" : user.substr(colon + 1));
    if (!name || !password) return fail(Error::Kind::malformed, "the URL's user has a broken percent escape");
    url.user = *name;
    url.password = *password;
    url.has_user = true;
    text.remove_prefix(at + 1);
  }
  const size_t bracket = text.rfind(']');
  const size_t colon = text.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon != std::string_view::npos && colon + 1 < text.size()) {
    const auto port = parse_unsigned(text.substr(colon + 1));
    if (!port || *port == 0 || *port > 65535)
      return fail(Error::Kind::malformed, "URL port '{}' is not a number from 1 to 65535", text.substr(colon + 1));
    url.port = static_cast<uint16_t>(*port);
  }
  return read_host(text.substr(0, colon), url);
}

/// RFC 3986 5.2.4.
std::string remove_dots(std::string_view path) {
  std::string out;
  while (!path.empty()) {
    if (path.starts_with("../")) {
      path.remove_prefix(3);
    } else if (path.starts_with("./") || path.starts_with("/./")) {
      path.remove_prefix(2);
    } else if (path == "/." || path == "/..") {
      if (path == "/..") out.resize(out.rfind('/') == std::string::npos ? 0 : out.rfind('/'));
      path = "/";
    } else if (path.starts_with("/../")) {
      path.remove_prefix(3);
      out.resize(out.rfind('/') == std::string::npos ? 0 : out.rfind('/'));
    } else if (path == "." || path == "..") {
      break;
    } else {
      const size_t end = std::min(path.find('/', 1), path.size());
      out += path.substr(0, end);
      path.remove_prefix(end);
    }
  }
  return out;
}

void set_path(Url& url, std::string_view path) {
  url.path = remove_dots(encode_high_bytes(path));
  if (!url.path.starts_with('/')) url.path.insert(0, 1, '/');
}

void set_query(Url& url, const Parts& parts) {
  url.query = encode_high_bytes(parts.query);
  url.has_query = parts.has_query;
}

bool is_known_scheme(std::string_view scheme) {
  return scheme == "http" || scheme == "https" || scheme == "ws" || scheme == "wss";
}

Result<Url> from_parts(const Parts& parts, std::string_view inherited_scheme) {
  Url url;
  url.scheme = to_lower(parts.has_scheme ? parts.scheme : inherited_scheme);
  if (!is_known_scheme(url.scheme))
    return fail(Error::Kind::unsupported, "URL scheme '{}' is not http or https", url.scheme);
  if (!parts.has_authority) return fail(Error::Kind::malformed, "the URL has no host: '{}://' must follow", url.scheme);
  if (auto read = read_authority(parts.authority, url); !read) return pass(read);
  set_path(url, parts.path);
  set_query(url, parts);
  url.fragment = encode_high_bytes(parts.fragment);
  return url;
}

}  // namespace

uint16_t Url::effective_port() const {
  return port ? port : scheme == "https" || scheme == "wss" ? 443 : 80;
}

std::string Url::authority() const {
  std::string text = host.find(':') == std::string::npos ? host : "[" + host + "]";
  if (port) text += fmt::format(":{}", port);
  return text;
}

std::string Url::target() const {
  return has_query ? path + "?" + query : path;
}

std::string Url::to_string() const {
  return scheme + "://" + authority() + target();
}

Result<Url> parse_url(std::string_view text) {
  if (auto checked = check_characters(text); !checked) return pass(checked);
  const Parts parts = cut(text);
  if (!parts.has_scheme) return fail(Error::Kind::malformed, "the URL '{}' is not absolute", text.substr(0, 128));
  return from_parts(parts, {});
}

Result<Url> resolve_url(const Url& base, std::string_view reference) {
  if (auto checked = check_characters(reference); !checked) return pass(checked);
  const Parts parts = cut(reference);
  if (parts.has_scheme || parts.has_authority) return from_parts(parts, base.scheme);
  Url url = base;
  url.fragment = encode_high_bytes(parts.fragment);
  if (parts.path.empty()) {
    if (parts.has_query) set_query(url, parts);
    return url;
  }
  set_query(url, parts);
  if (parts.path.starts_with('/'))
    set_path(url, parts.path);
  else
    set_path(url, base.path.substr(0, base.path.rfind('/') + 1) + std::string(parts.path));
  return url;
}

}  // namespace nearend::http
