#include <algorithm>

#include "sip/core.hpp"

namespace nearend::sip {
namespace {

constexpr uint32_t stale_answers_max = 8;  // of one dialog, to a peer that calls every answer stale

bool is_stale(const std::vector<std::string_view>& challenges) {
  return std::ranges::any_of(challenges, [](std::string_view value) {
    const auto challenge = parse_challenge(value);
    return challenge && challenge->is_stale;
  });
}

}  // namespace

std::optional<Message> Stack::Core::answered(Message request, const Message& response, Authentication& authentication,
                                             uint32_t cseq) {
  const bool is_proxy = response.status() == 407;
  const HeaderId asked = is_proxy ? HeaderId::proxy_authenticate : HeaderId::www_authenticate;
  const HeaderId answer = is_proxy ? HeaderId::proxy_authorization : HeaderId::authorization;
  const auto challenges = response.values(asked);
  // Once a challenge: an answer that was wrong is wrong again, unless only its nonce was too old.
  if (request.has(answer) && (!is_stale(challenges) || ++authentication.stale_answers > stale_answers_max))
    return std::nullopt;
  const std::string cnonce = make_tag({loop_.random(), loop_.random()}).substr(0, 16);
  const auto value = authorize(challenges, authentication.credentials, request.method_name(), request.request_uri(),
                               authentication.nonce, cnonce);
  if (!value) return std::nullopt;
  request.remove_first_value(HeaderId::via);
  if (!request.set(answer, *value)) return std::nullopt;
  if (!request.set(HeaderId::cseq, fmt::format("{} {}", cseq, request.method_name()))) return std::nullopt;
  return request;
}

uint64_t Stack::Core::resend_with_credentials(Dialog& dialog, ClientTransaction& transaction,
                                              const Message& challenge) {
  if (!dialog.authentication) return 0;
  auto request = answered(transaction.request(), challenge, *dialog.authentication, dialog.local_cseq + 1);
  if (!request) return 0;
  ++dialog.local_cseq;
  const auto sent = transactions_.send(std::move(*request), transaction.flow(), transaction.purpose, 64 * settings_.t1);
  return sent ? (*sent)->number() : 0;
}

}  // namespace nearend::sip
