#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/crypto.hpp"
#include "base/text.hpp"
#include "sip/digest.hpp"
#include "sip/scan.hpp"

namespace nearend::sip {
namespace {

constexpr size_t stamp_length = 32;      ///< Time and challenge count, 16 hexadecimal digits each.
constexpr size_t signature_length = 32;  ///< Half a SHA-256, in hexadecimal.

bool is_same_uri(std::string_view a, std::string_view b) {
  if (a == b) return true;
  const auto left = parse_uri(a);
  const auto right = parse_uri(b);
  return left && right && equivalent(*left, *right);
}

}  // namespace

std::string DigestServer::signature(std::string_view stamp, std::string_view source) const {
  const std::string text = fmt::format("{} {} {}", stamp, source, settings_.realm);
  return hex(hmac_bytes(HashKind::sha256, settings_.secret, text)).substr(0, signature_length);
}

std::vector<std::string> DigestServer::challenges(std::string_view source, Clock::time_point now, bool is_stale) {
  const auto ticks = static_cast<uint64_t>(now.time_since_epoch().count());
  const std::string stamp = fmt::format("{:016x}{:016x}", ticks, ++challenge_count_);
  Challenge challenge;
  challenge.realm = settings_.realm;
  challenge.nonce = stamp + signature(stamp, source);
  challenge.has_algorithm = challenge.has_qop = challenge.offers_auth = true;
  challenge.is_stale = is_stale;
  std::vector<std::string> values;
  for (DigestAlgorithm algorithm : settings_.algorithms) {
    challenge.algorithm = algorithm;
    values.push_back(challenge.to_string());
  }
  return values;
}

std::optional<Authorization> DigestServer::find(const std::vector<std::string_view>& authorizations) const {
  for (std::string_view value : authorizations) {
    auto answer = parse_authorization(value);
    if (answer && answer->realm == settings_.realm) return std::move(*answer);
  }
  return std::nullopt;
}

DigestServer::Verdict DigestServer::verify(const Authorization& authorization, std::optional<std::string_view> password,
                                           std::string_view method, std::string_view request_uri,
                                           std::string_view source, Clock::time_point now) {
  const std::string ha1 =
      digest_ha1(authorization.algorithm, authorization.username, settings_.realm, password.value_or(""));
  const std::string expected = digest_response(authorization.algorithm, ha1, authorization.nonce, authorization.nc,
                                               authorization.cnonce, authorization.qop, method, authorization.uri);
  const bool is_right = equal_in_constant_time(expected, to_lower(authorization.response));
  const bool is_offered = std::find(settings_.algorithms.begin(), settings_.algorithms.end(),
                                    authorization.algorithm) != settings_.algorithms.end();
  if (!is_right || !password || !is_offered || authorization.realm != settings_.realm ||
      !is_same_uri(authorization.uri, request_uri))
    return Verdict::bad;
  const auto made = made_at(authorization.nonce, source);
  if (!made || now - *made > settings_.nonce_life || *made > now) return Verdict::stale;
  return count(authorization.nonce, std::max<uint32_t>(authorization.nc, 1), *made, now);
}

std::optional<DigestServer::Clock::time_point> DigestServer::made_at(std::string_view nonce,
                                                                     std::string_view source) const {
  if (nonce.size() != stamp_length + signature_length) return std::nullopt;
  const std::string_view stamp = nonce.substr(0, stamp_length);
  if (!equal_in_constant_time(nonce.substr(stamp_length), signature(stamp, source))) return std::nullopt;
  const std::string_view time = stamp.substr(0, stamp_length / 2);
  uint64_t ticks = 0;
  const auto [end, code] = std::from_chars(time.begin(), time.end(), ticks, 16);
  if (code != std::errc{} || end != time.end()) return std::nullopt;
  return Clock::time_point(Clock::duration(static_cast<Clock::rep>(ticks)));
}

bool DigestServer::Seen::take(uint32_t nc) {
  if (nc > highest) {
    const uint32_t shift = nc - highest;
    window = shift < 64 ? (window << shift) | 1 : 1;
    highest = nc;
    return true;
  }
  const uint32_t age = highest - nc;
  if (age >= 64 || (window >> age & 1) != 0) return false;
  window |= uint64_t{1} << age;
  return true;
}

DigestServer::Verdict DigestServer::count(const std::string& nonce, uint32_t nc, Clock::time_point made,
                                          Clock::time_point now) {
  forget(now);
  auto seen = used_.find(nonce);
  if (seen == used_.end()) {
    if (made <= forgotten_until_) return Verdict::stale;
    seen = used_.emplace(nonce, Seen{}).first;
    order_.push_back({nonce, made});
  }
  return seen->second.take(nc) ? Verdict::good : Verdict::replayed;
}

/// Drops what has outlived its nonce, and the oldest when there are too many.
void DigestServer::forget(Clock::time_point now) {
  while (!order_.empty() &&
         (now - order_.front().made > settings_.nonce_life || order_.size() >= settings_.nonces_remembered_max)) {
    forgotten_until_ = std::max(forgotten_until_, order_.front().made);
    used_.erase(order_.front().nonce);
    order_.pop_front();
  }
}

}  // namespace nearend::sip
