// links: sip
// A stranger's datagram on a port of SIP: the answer must be short, of the right form, and never itself be answered.
#include <cstdlib>

#include "sip/stun.hpp"

using namespace nearend;
using namespace nearend::sip;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Endpoint from{IpAddress::loopback(size % 2 == 0 ? IpAddress::Family::v4 : IpAddress::Family::v6), 5060};
  (void)stun::read_answer({data, size}, {});
  const auto answer = stun::answer_to({data, size}, from);
  if (!answer) return 0;
  const io::Bytes bytes = answer->bytes();
  if (size < 20 || 10 * bytes.size() > 22 * size) std::abort();
  if (stun::answer_to(bytes, from)) std::abort();
  stun::TransactionId id;
  std::copy(data + 8, data + 20, id.begin());
  const auto seen = stun::read_answer(bytes, id);
  if (answer->is_success() ? !seen || *seen != from : seen || seen.error().kind != Error::Kind::refused) std::abort();
  return 0;
}
