#include "sip/digest.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/crypto.hpp"
#include "base/text.hpp"
#include "sip/scan.hpp"

namespace nearend::sip {
namespace {

constexpr size_t auth_parameters_max = 32;

HashKind hash_kind(DigestAlgorithm algorithm) {
  switch (algorithm) {
    case DigestAlgorithm::md5:
      return HashKind::md5;
    case DigestAlgorithm::sha256:
      return HashKind::sha256;
    case DigestAlgorithm::sha512_256:
      return HashKind::sha512_256;
  }
  return HashKind::sha256;
}

std::optional<DigestAlgorithm> parse_algorithm(std::string_view name) {
  for (DigestAlgorithm algorithm : {DigestAlgorithm::md5, DigestAlgorithm::sha256, DigestAlgorithm::sha512_256})
    if (equal_ignoring_case(name, to_string(algorithm))) return algorithm;
  return std::nullopt;
}

struct Parameter {
  std::string_view name;
  std::string value;
};

Result<Parameter> read_parameter(std::string_view text) {
  const size_t equals = text.find('=');
  const std::string_view name = scan::trim_blanks(text.substr(0, equals));
  if (equals == scan::npos || !scan::is_token(name))
    return fail(Error::Kind::malformed, "digest: 'name=value' expected");
  const std::string_view value = scan::trim_blanks(text.substr(equals + 1));
  if (value.starts_with('"')) {
    if (scan::quoted_length(value) != value.size())
      return fail(Error::Kind::malformed, "digest: {}: quotes are not closed", name);
    return Parameter{name, scan::unquoted(value)};
  }
  if (value.empty() || value.find_first_of(" \t\"") != scan::npos)
    return fail(Error::Kind::malformed, "digest: {}: bad value", name);
  return Parameter{name, std::string(value)};
}

/// The parameters of `Digest a=b, c="d"`; each may stand once.
Result<std::vector<Parameter>> read_digest(std::string_view value) {
  static constexpr std::string_view scheme = "Digest";
  value = scan::trim_blanks(value);
  if (value.size() <= scheme.size() || !equal_ignoring_case(value.substr(0, scheme.size()), scheme) ||
      !scan::is_blank(value[scheme.size()]))
    return fail(Error::Kind::unsupported, "only the scheme Digest is supported");
  value.remove_prefix(scheme.size());
  std::vector<Parameter> parameters;
  while (!value.empty()) {
    const size_t comma = scan::find_outside_quotes(value, ',');
    const std::string_view item = scan::trim_blanks(value.substr(0, comma));
    value.remove_prefix(comma == scan::npos ? value.size() : comma + 1);
    if (item.empty()) continue;
    auto parameter = read_parameter(item);
    if (!parameter) return pass(parameter);
    for (const Parameter& other : parameters)
      if (equal_ignoring_case(other.name, parameter->name))
        return fail(Error::Kind::malformed, "digest: {} stands twice", other.name);
    if (parameters.size() == auth_parameters_max) return fail(Error::Kind::malformed, "digest: too many parameters");
    parameters.push_back(std::move(*parameter));
  }
  return parameters;
}

std::string_view find(const std::vector<Parameter>& parameters, std::string_view name) {
  for (const Parameter& parameter : parameters)
    if (equal_ignoring_case(parameter.name, name)) return parameter.value;
  return {};
}

bool has(const std::vector<Parameter>& parameters, std::string_view name) {
  return std::any_of(parameters.begin(), parameters.end(),
                     [name](const Parameter& parameter) { return equal_ignoring_case(parameter.name, name); });
}

/// Eight hexadecimal digits (RFC 7616 3.4).
std::optional<uint32_t> parse_nc(std::string_view text) {
  if (text.size() != 8 || !scan::hexadecimals.has_all(text)) return std::nullopt;
  return static_cast<uint32_t>(std::stoul(std::string(text), nullptr, 16));
}

/// Why a challenge is not for these credentials; empty when it is (threat TH6).
std::string_view objection(const Challenge& challenge, const Credentials& credentials) {
  if (!credentials.realm.empty() && challenge.realm != credentials.realm) return "the challenge is for another realm";
  if (credentials.realm.empty() && challenge.algorithm == DigestAlgorithm::md5)
    return "MD5 for a realm that is not configured";
  if (challenge.is_session) return "session algorithms are not supported";
  if (challenge.has_qop && !challenge.offers_auth) return "qop has no 'auth'";
  return {};
}

/// The strongest challenge that these credentials may answer.
Result<Challenge> choose(const std::vector<std::string_view>& values, const Credentials& credentials) {
  std::optional<Challenge> best;
  std::string why = "no Digest challenge";
  for (std::string_view value : values) {
    auto challenge = parse_challenge(value);
    if (!challenge) {
      why = challenge.error().text;
      continue;
    }
    const std::string_view reason = objection(*challenge, credentials);
    if (!reason.empty()) {
      why = reason;
    } else if (!best || challenge->algorithm > best->algorithm) {
      best = std::move(*challenge);
    }
  }
  if (!best) return fail(Error::Kind::refused, "no challenge can be answered: {}", why);
  return std::move(*best);
}

}  // namespace

std::string_view to_string(DigestAlgorithm algorithm) {
  switch (algorithm) {
    case DigestAlgorithm::md5:
      return "MD5";
    case DigestAlgorithm::sha256:
      return "SHA-256";
    case DigestAlgorithm::sha512_256:
      return "SHA-512-256";
  }
  return {};
}

Result<Challenge> parse_challenge(std::string_view value) {
  const auto parameters = read_digest(value);
  if (!parameters) return std::unexpected(parameters.error());
  if (!has(*parameters, "realm") || find(*parameters, "nonce").empty())
    return fail(Error::Kind::malformed, "digest: realm or nonce is missing");
  Challenge challenge;
  challenge.realm = find(*parameters, "realm");
  challenge.nonce = find(*parameters, "nonce");
  challenge.opaque = find(*parameters, "opaque");
  challenge.is_stale = equal_ignoring_case(find(*parameters, "stale"), "true");
  challenge.has_qop = has(*parameters, "qop");
  for (std::string_view option : split(find(*parameters, "qop"), ','))
    challenge.offers_auth = challenge.offers_auth || equal_ignoring_case(option, "auth");
  challenge.has_algorithm = has(*parameters, "algorithm");
  if (!challenge.has_algorithm) return challenge;
  std::string name = to_lower(find(*parameters, "algorithm"));
  challenge.is_session = name.ends_with("-sess");
  if (challenge.is_session) name.resize(name.size() - 5);
  const auto algorithm = parse_algorithm(name);
  if (!algorithm) return fail(Error::Kind::unsupported, "digest: algorithm {} is not supported", name);
  challenge.algorithm = *algorithm;
  return challenge;
}

std::string Challenge::to_string() const {
  std::string text = fmt::format("Digest realm={}, nonce={}", quoted_string(realm), quoted_string(nonce));
  if (!opaque.empty()) text += ", opaque=" + quoted_string(opaque);
  if (has_algorithm) text.append(", algorithm=").append(sip::to_string(algorithm)).append(is_session ? "-sess" : "");
  if (has_qop) text += offers_auth ? ", qop=\"auth\"" : ", qop=\"auth-int\"";
  if (is_stale) text += ", stale=true";
  return text;
}

Result<Authorization> parse_authorization(std::string_view value) {
  const auto parameters = read_digest(value);
  if (!parameters) return std::unexpected(parameters.error());
  Authorization answer;
  const std::pair<std::string_view, std::string*> texts[] = {
      {"username", &answer.username}, {"realm", &answer.realm},   {"nonce", &answer.nonce},   {"uri", &answer.uri},
      {"response", &answer.response}, {"opaque", &answer.opaque}, {"cnonce", &answer.cnonce}, {"qop", &answer.qop}};
  for (const auto& [name, text] : texts) *text = find(*parameters, name);
  if (answer.username.empty() || !has(*parameters, "realm") || answer.nonce.empty() || answer.uri.empty() ||
      answer.response.empty())
    return fail(Error::Kind::malformed, "digest: username, realm, nonce, uri and response are needed");
  answer.has_algorithm = has(*parameters, "algorithm");
  const auto algorithm = parse_algorithm(answer.has_algorithm ? find(*parameters, "algorithm") : "MD5");
  if (!algorithm)
    return fail(Error::Kind::unsupported, "digest: algorithm {} is not supported", find(*parameters, "algorithm"));
  answer.algorithm = *algorithm;
  if (answer.qop.empty()) return answer;
  if (!equal_ignoring_case(answer.qop, "auth"))
    return fail(Error::Kind::unsupported, "digest: qop {} is not supported", answer.qop);
  const auto nc = parse_nc(find(*parameters, "nc"));
  if (!nc || *nc == 0 || answer.cnonce.empty()) return fail(Error::Kind::malformed, "digest: qop needs nc and cnonce");
  answer.nc = *nc;
  return answer;
}

std::string Authorization::to_string() const {
  std::string text =
      fmt::format("Digest username={}, realm={}, nonce={}, uri={}, response=\"{}\"", quoted_string(username),
                  quoted_string(realm), quoted_string(nonce), quoted_string(uri), response);
  if (has_algorithm) text.append(", algorithm=").append(sip::to_string(algorithm));
  if (!qop.empty()) text += fmt::format(", qop={}, nc={:08x}, cnonce={}", qop, nc, quoted_string(cnonce));
  if (!opaque.empty()) text += ", opaque=" + quoted_string(opaque);
  return text;
}

std::string digest_ha1(DigestAlgorithm algorithm, std::string_view username, std::string_view realm,
                       std::string_view password) {
  return hash_hex(hash_kind(algorithm), fmt::format("{}:{}:{}", username, realm, password));
}

std::string digest_response(DigestAlgorithm algorithm, std::string_view ha1, std::string_view nonce, uint32_t nc,
                            std::string_view cnonce, std::string_view qop, std::string_view method,
                            std::string_view uri) {
  const HashKind kind = hash_kind(algorithm);
  const std::string ha2 = hash_hex(kind, fmt::format("{}:{}", method, uri));
  if (qop.empty()) return hash_hex(kind, fmt::format("{}:{}:{}", ha1, nonce, ha2));
  return hash_hex(kind, fmt::format("{}:{}:{:08x}:{}:{}:{}", ha1, nonce, nc, cnonce, qop, ha2));
}

Result<std::string> authorize(const std::vector<std::string_view>& challenges, const Credentials& credentials,
                              std::string_view method, std::string_view uri, NonceState& state,
                              std::string_view cnonce) {
  const auto target = parse_uri(uri);
  if (!target) return std::unexpected(target.error());
  if (!credentials.host.empty() && !equal_ignoring_case(target->host, credentials.host))
    return fail(Error::Kind::refused, "the credentials are for host {}", credentials.host);
  auto challenge = choose(challenges, credentials);
  if (!challenge) return pass(challenge);
  if (challenge->nonce == state.nonce && !challenge->is_stale)
    return fail(Error::Kind::refused, "the answer to this challenge was refused: wrong username or password");
  if (challenge->nonce != state.nonce) state = {challenge->nonce, 0};
  ++state.nc;

  Authorization answer;
  answer.username = credentials.username;
  answer.realm = challenge->realm;
  answer.nonce = challenge->nonce;
  answer.uri = uri;
  answer.opaque = challenge->opaque;
  answer.algorithm = challenge->algorithm;
  answer.has_algorithm = challenge->has_algorithm;
  if (challenge->has_qop) {
    answer.qop = "auth";
    answer.cnonce = cnonce;
    answer.nc = state.nc;
  }
  const std::string ha1 = digest_ha1(answer.algorithm, answer.username, answer.realm, credentials.password);
  answer.response =
      digest_response(answer.algorithm, ha1, answer.nonce, answer.nc, answer.cnonce, answer.qop, method, uri);
  return answer.to_string();
}

}  // namespace nearend::sip
