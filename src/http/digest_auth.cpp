#include "http/digest_auth.hpp"

#include <fmt/format.h>

#include <map>

#include "base/crypto.hpp"
#include "base/text.hpp"

namespace nearend::http {
namespace {

constexpr std::string_view scheme = "digest";

using Parameters = std::map<std::string, std::string, std::less<>>;

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == ',';
}

/// One value at `at`, quoted or a token; moves `at` behind it.
std::string read_value(std::string_view text, size_t& at) {
  std::string value;
  if (at < text.size() && text[at] == '"') {
    for (++at; at < text.size() && text[at] != '"'; ++at) {
      if (text[at] == '\\' && at + 1 < text.size()) ++at;
      value += text[at];
    }
    if (at < text.size()) ++at;
    return value;
  }
  while (at < text.size() && !is_blank(text[at])) value += text[at++];
  return value;
}

/// The parameters of the first Digest challenge; those of another scheme behind it end them.
Parameters read_challenge(std::string_view text) {
  Parameters parameters;
  const size_t begin = to_lower(text).find(scheme);
  if (begin == std::string::npos) return parameters;
  size_t at = begin + scheme.size();
  while (at < text.size()) {
    while (at < text.size() && is_blank(text[at])) ++at;
    const size_t equals = text.find('=', at);
    if (equals == std::string_view::npos) break;
    const std::string name = to_lower(trim(text.substr(at, equals - at)));
    if (name.find(' ') != std::string::npos) break;
    at = equals + 1;
    while (at < text.size() && (text[at] == ' ' || text[at] == '\t')) ++at;
    parameters.emplace(name, read_value(text, at));
  }
  return parameters;
}

bool offers_auth(std::string_view qop) {
  for (std::string_view one : split(qop, ','))
    if (equal_ignoring_case(one, "auth")) return true;
  return false;
}

std::string quoted_string(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

}  // namespace

std::optional<std::string> digest_authorization(std::string_view challenge, const DigestQuestion& question) {
  const Parameters given = read_challenge(challenge);
  const auto text = [&](std::string_view name) {
    const auto found = given.find(name);
    return found == given.end() ? std::string() : found->second;
  };
  const std::string nonce = text("nonce"), realm = text("realm"), algorithm = text("algorithm"), qop = text("qop");
  if (nonce.empty()) return std::nullopt;
  const bool is_md5 = algorithm.empty() || equal_ignoring_case(algorithm, "MD5");
  if (!is_md5 && !equal_ignoring_case(algorithm, "SHA-256")) return std::nullopt;
  if (!qop.empty() && !offers_auth(qop)) return std::nullopt;
  const auto hash = [&](const std::string& what) { return hash_hex(is_md5 ? HashKind::md5 : HashKind::sha256, what); };
  constexpr std::string_view count = "00000001";
  const std::string secret = hash(fmt::format("{}:{}:{}", question.user, realm, question.password));
  const std::string asked = hash(fmt::format("{}:{}", question.method, question.target));
  const std::string response =
      qop.empty() ? hash(fmt::format("{}:{}:{}", secret, nonce, asked))
                  : hash(fmt::format("{}:{}:{}:{}:auth:{}", secret, nonce, count, question.cnonce, asked));
  std::string answer =
      fmt::format("Digest username={}, realm={}, nonce={}, uri={}, response=\"{}\"", quoted_string(question.user),
                  quoted_string(realm), quoted_string(nonce), quoted_string(question.target), response);
  if (!algorithm.empty()) answer += fmt::format(", algorithm={}", algorithm);
  if (!qop.empty()) answer += fmt::format(", qop=auth, nc={}, cnonce={}", count, quoted_string(question.cnonce));
  if (given.contains("opaque")) answer += fmt::format(", opaque={}", quoted_string(text("opaque")));
  return answer;
}

}  // namespace nearend::http
