#include <algorithm>

#include "base/crypto.hpp"
#include "sip/core.hpp"

namespace nearend::sip {
namespace {

/// What leaves for a stranger's datagram, whose address may be another's, against what came (threat TH13).
constexpr size_t stranger_factor = 2;

}  // namespace

/// The same for the same request, wherever it comes again (8.2.7), and nobody's guess.
std::string Stack::Core::options_tag(const Message& request) {
  if (options_key_.empty()) {
    options_key_ = settings_.options_key;
    for (int i = 0; settings_.options_key.empty() && i < 4; ++i) {
      const uint64_t word = loop_.random();
      options_key_.append(reinterpret_cast<const char*>(&word), sizeof word);
    }
  }
  const std::string what = fmt::format("{}\n{}\n{}\n{}", request.header(HeaderId::via), request.call_id(),
                                       request.from_tag(), request.header(HeaderId::cseq));
  const std::string digest = hmac_bytes(HashKind::sha256, options_key_, what);
  uint64_t secret = 0;
  for (size_t i = 0; i < sizeof secret; ++i) secret = secret << 8 | static_cast<uint8_t>(digest[i]);
  return make_tag({0, secret});
}

void Stack::Core::answer_options(const Message& request, const Flow& reply_to) {
  const auto fault = fault_of(request);
  if (fault)
    return reply_to.is_stranger ? void()
                                : reply_stateless(request, reply_to, fault->status, fault->headers, fault->reason);
  const OptionsAnswer answer = settings_.answer_options();
  Message response = Message::response(request, answer.status, {});
  (void)response.set_to_tag(options_tag(request));
  const Message least = response;
  (void)add_all(response, answer.headers);
  if (answer.status == 200) add_capabilities(response);
  std::string wire = response.serialize();
  const bool may_be_reflected = reply_to.is_stranger && reply_to.protocol == Protocol::udp;
  if (may_be_reflected && wire.size() > stranger_factor * incoming_size_) wire = least.serialize();
  transport_.send(reply_to, std::move(wire));
}

}  // namespace nearend::sip
