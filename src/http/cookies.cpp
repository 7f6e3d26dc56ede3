#include "http/cookies.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>

#include "base/ip.hpp"
#include "base/text.hpp"

namespace nearend::http {
namespace {

constexpr size_t cookies_max = 50;
constexpr size_t cookie_bytes_max = 4096;

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

bool domain_matches(std::string_view host, std::string_view domain) {
  if (host == domain) return true;
  return host.size() > domain.size() && host.ends_with(domain) && host[host.size() - domain.size() - 1] == '.' &&
         !parse_ip(host);
}

bool path_matches(std::string_view request, std::string_view cookie) {
  if (!request.starts_with(cookie)) return false;
  return request.size() == cookie.size() || cookie.ends_with('/') || request[cookie.size()] == '/';
}

/// RFC 6265 5.1.4.
std::string default_path(std::string_view path) {
  const size_t last = path.rfind('/');
  return last == 0 || last == std::string_view::npos ? "/" : std::string(path.substr(0, last));
}

std::optional<unsigned> month_of(std::string_view word) {
  static constexpr std::array<std::string_view, 12> names{"jan", "feb", "mar", "apr", "may", "jun",
                                                          "jul", "aug", "sep", "oct", "nov", "dec"};
  const std::string lower = to_lower(word.substr(0, 3));
  const auto found = std::find(names.begin(), names.end(), lower);
  if (found == names.end()) return std::nullopt;
  return static_cast<unsigned>(found - names.begin() + 1);
}

std::vector<std::string_view> date_words(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const size_t end = text.find_first_of(" ,-\t");
    if (end != 0) words.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return words;
}

std::optional<std::chrono::seconds> time_of_day(std::string_view word) {
  const auto pieces = split(word, ':');
  if (pieces.size() != 3) return std::nullopt;
  const auto hour = parse_unsigned(pieces[0]), minute = parse_unsigned(pieces[1]), second = parse_unsigned(pieces[2]);
  if (!hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
  return std::chrono::seconds(*hour * 3600 + *minute * 60 + *second);
}

/// Milliseconds since 1970 of a cookie date (RFC 6265 5.1.1).
std::optional<int64_t> parse_date(std::string_view text) {
  std::optional<unsigned> day, month;
  std::optional<int> year;
  std::optional<std::chrono::seconds> time;
  for (const std::string_view word : date_words(text)) {
    const auto number = parse_unsigned(word);
    if (const auto found = time ? std::nullopt : time_of_day(word))
      time = found;
    else if (number && !day && *number <= 31)
      day = static_cast<unsigned>(*number);
    else if (number && !year && *number <= 9999)
      year = static_cast<int>(*number < 70 ? *number + 2000 : *number < 100 ? *number + 1900 : *number);
    else if (!month)
      month = month_of(word);
  }
  if (!day || !month || !year || !time) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(*month), std::chrono::day(*day)};
  if (!date.ok()) return std::nullopt;
  const auto when = std::chrono::sys_days(date).time_since_epoch() + *time;
  return std::chrono::duration_cast<std::chrono::milliseconds>(when).count();
}

/// 1 stands for "in the past": the cookie is removed.
int64_t expiry_of_age(std::string_view value, int64_t now_ms) {
  constexpr uint64_t longest_s = 400ull * 86400;
  if (value.starts_with('-') || value == "0") return 1;
  const auto seconds = parse_unsigned(value);
  return seconds ? now_ms + static_cast<int64_t>(std::min(*seconds, longest_s)) * 1000 : 0;
}

/// False when the attribute makes the cookie one to ignore.
bool set_attribute(Cookie& cookie, std::string_view name, std::string_view value, const Url& url, int64_t now_ms,
                   bool& has_age) {
  if (equal_ignoring_case(name, "Secure")) {
    cookie.is_secure = true;
  } else if (equal_ignoring_case(name, "Path") && value.starts_with('/')) {
    cookie.path = value;
  } else if (equal_ignoring_case(name, "Max-Age")) {
    cookie.expires_ms = expiry_of_age(value, now_ms);
    has_age = true;
  } else if (equal_ignoring_case(name, "Expires") && !has_age) {
    const auto date = parse_date(value);
    cookie.expires_ms = date ? std::max<int64_t>(*date, 1) : 0;
  } else if (equal_ignoring_case(name, "Domain") && !value.empty()) {
    const std::string domain = to_lower(value.starts_with('.') ? value.substr(1) : value);
    if (!domain_matches(url.host, domain)) return false;
    if (domain != url.host && domain.find('.') == std::string::npos) return false;
    cookie.domain = domain;
    cookie.is_host_only = parse_ip(domain).has_value();
  }
  return true;
}

}  // namespace

std::optional<Cookie> parse_cookie(std::string_view text, const Url& url, int64_t now_ms) {
  if (text.size() > cookie_bytes_max || has_control(text)) return std::nullopt;
  size_t end = text.find(';');
  const std::string_view pair = text.substr(0, end);
  const size_t equals = pair.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  Cookie cookie{.name = std::string(trim(pair.substr(0, equals))),
                .value = std::string(trim(pair.substr(equals + 1))),
                .domain = url.host,
                .path = default_path(url.path)};
  if (cookie.name.empty()) return std::nullopt;
  bool has_age = false;
  while (end != std::string_view::npos) {
    text.remove_prefix(end + 1);
    end = text.find(';');
    const std::string_view attribute = text.substr(0, end);
    const size_t middle = attribute.find('=');
    const std::string_view value = middle == std::string_view::npos ? "" : trim(attribute.substr(middle + 1));
    if (!set_attribute(cookie, trim(attribute.substr(0, middle)), value, url, now_ms, has_age)) return std::nullopt;
  }
  return cookie;
}

void CookieJar::take(const Url& url, const Headers& headers, int64_t now_ms) {
  for (const auto& [name, value] : headers) {
    if (!equal_ignoring_case(name, "Set-Cookie")) continue;
    auto cookie = parse_cookie(value, url, now_ms);
    if (!cookie || (cookie->is_secure && url.scheme != "https")) continue;
    std::erase_if(cookies_, [&](const Cookie& old) {
      return old.name == cookie->name && old.domain == cookie->domain && old.path == cookie->path;
    });
    if (cookie->expires_ms != 0 && cookie->expires_ms <= now_ms) continue;
    cookies_.push_back(std::move(*cookie));
    if (cookies_.size() > cookies_max) cookies_.erase(cookies_.begin());
  }
}

std::string CookieJar::header(const Url& url, int64_t now_ms) const {
  std::vector<const Cookie*> wanted;
  for (const Cookie& cookie : cookies_) {
    const bool is_domain_right =
        cookie.is_host_only ? url.host == cookie.domain : domain_matches(url.host, cookie.domain);
    const bool is_live = cookie.expires_ms == 0 || cookie.expires_ms > now_ms;
    if (is_domain_right && is_live && path_matches(url.path, cookie.path) &&
        (!cookie.is_secure || url.scheme == "https"))
      wanted.push_back(&cookie);
  }
  // Longer paths first, then older cookies (RFC 6265 5.4).
  std::sort(wanted.begin(), wanted.end(), [](const Cookie* a, const Cookie* b) {
    return a->path.size() != b->path.size() ? a->path.size() > b->path.size() : a < b;
  });
  std::string text;
  for (const Cookie* cookie : wanted) {
    if (!text.empty()) text += "; ";
    text += cookie->name + "=" + cookie->value;
  }
  return text;
}

}  // namespace nearend::http
