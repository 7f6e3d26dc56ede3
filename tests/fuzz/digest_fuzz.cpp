// links: sip
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "sip/digest.hpp"

namespace {

using namespace nearend::sip;

void require(bool is_so) {
  if (!is_so) std::abort();
}

void try_challenge(std::string_view text) {
  const auto challenge = parse_challenge(text);
  if (!challenge) return;
  const auto again = parse_challenge(challenge->to_string());
  require(again.has_value() && again->realm == challenge->realm && again->nonce == challenge->nonce);
  require(again->algorithm == challenge->algorithm && again->is_stale == challenge->is_stale);
  NonceState state;
  const Credentials credentials{"u", "p", challenge->realm, "h"};
  const auto answer = authorize({text}, credentials, "INVITE", "sip:h", state, "c");
  if (answer) require(parse_authorization(*answer)->nonce == challenge->nonce);
  const Credentials stranger{"u", "p", challenge->realm + "x", "h"};
  require(!authorize({text}, stranger, "INVITE", "sip:h", state, "c"));
}

void try_authorization(std::string_view text) {
  const auto answer = parse_authorization(text);
  if (!answer) return;
  require(parse_authorization(answer->to_string()).has_value());
  static DigestServer server({.realm = "r", .secret = "k"});
  const DigestServer::Clock::time_point now{std::chrono::hours(1)};
  require(server.verify(*answer, "secret", "INVITE", answer->uri, "s", now) != DigestServer::Verdict::good);
  require(server.verify(*answer, std::nullopt, "INVITE", answer->uri, "s", now) == DigestServer::Verdict::bad);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try_challenge(text);
  try_authorization(text);
  return 0;
}
