#include "api/auth.hpp"

#include "base/crypto.hpp"
#include "base/text.hpp"

namespace nearend::api {
namespace {

constexpr size_t failures_max = 30;
constexpr size_t addresses_max = 10000;
constexpr std::chrono::seconds window{60};
constexpr std::string_view scheme = "Basic ";

}  // namespace

bool is_authorized(const http::ServerRequest& request, std::string_view user, std::string_view password) {
  const std::string_view header = http::find_header(request.headers, "Authorization");
  const bool is_basic = header.size() > scheme.size() && equal_ignoring_case(header.substr(0, scheme.size()), scheme);
  const std::string_view given = is_basic ? trim(header.substr(scheme.size())) : std::string_view();
  // Hashes are compared, so that not even the length of the token shows in the time.
  const std::string right = base64(fmt::format("{}:{}", user, password));
  const bool is_equal =
      equal_in_constant_time(hash_bytes(HashKind::sha256, given), hash_bytes(HashKind::sha256, right));
  return is_equal && is_basic && !password.empty();
}

bool Brake::is_braked(const IpAddress& address, io::Instant now) {
  const auto place = entries_.find(address);
  if (place == entries_.end()) return false;
  if (now - place->second.since > window) {
    entries_.erase(place);
    return false;
  }
  return place->second.failures >= failures_max;
}

void Brake::fail(const IpAddress& address, io::Instant now) {
  if (entries_.size() >= addresses_max)
    std::erase_if(entries_, [now](const auto& entry) { return now - entry.second.since > window; });
  if (entries_.size() >= addresses_max) entries_.clear();
  Entry& entry = entries_.try_emplace(address, Entry{now, 0}).first->second;
  if (now - entry.since > window) entry = {now, 0};
  ++entry.failures;
}

}  // namespace nearend::api
