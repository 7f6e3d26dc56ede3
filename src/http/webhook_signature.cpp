#include "http/webhook_signature.hpp"

#include <fmt/format.h>

#include <map>
#include <set>

#include "base/crypto.hpp"

namespace nearend::http {

std::string twilio_signature(std::string_view auth_token, std::string_view url, const Form& form) {
  std::map<std::string_view, std::set<std::string_view>> sorted;
  for (const auto& [name, value] : form) sorted[name].insert(value);
  std::string text(url.substr(0, url.find('#')));
  for (const auto& [name, values] : sorted)
    for (const std::string_view value : values) {
      text += name;
      text += value;
    }
  return base64(hmac_bytes(HashKind::sha1, auth_token, text));
}

std::string nearend_signature(std::string_view auth_token, std::string_view other_token, std::string_view method,
                              std::string_view url, std::string_view body, int64_t unix_seconds) {
  const std::string text = fmt::format("{}\n{}\n{}\n{}", unix_seconds, method, url.substr(0, url.find('#')), body);
  std::string value = fmt::format("t={};h={}", unix_seconds, hex(hmac_bytes(HashKind::sha256, auth_token, text)));
  if (!other_token.empty()) value += ";h=" + hex(hmac_bytes(HashKind::sha256, other_token, text));
  return value;
}

}  // namespace nearend::http
