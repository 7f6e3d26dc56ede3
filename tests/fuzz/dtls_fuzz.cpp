// links: srtp
// Any datagrams into a DTLS server and a client in the midst of their handshake: no key comes of them. The first byte
// of a datagram's length says how long it is.
#include <algorithm>
#include <cstdlib>

#include "srtp/dtls.hpp"

using namespace nearend::srtp;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto ours = *Certificate::make();
  static const auto theirs = (*Certificate::make())->fingerprint();
  auto client = *Dtls::make(ours, Dtls::Role::client, theirs, {});
  auto server = *Dtls::make(ours, Dtls::Role::server, theirs, {});
  for (const auto& hello : client->take_output()) server->input(hello, {});
  (void)server->take_output();
  std::span<const uint8_t> rest(data, size);
  Dtls::Instant now{};
  while (!rest.empty()) {
    const size_t length = std::min<size_t>(rest[0] * size_t{4}, rest.size() - 1);
    for (Dtls* one : {client.get(), server.get()}) {
      now += std::chrono::milliseconds(100);
      one->input(rest.subspan(1, length), now);
      one->on_time(now);
      (void)one->take_output();
      (void)one->deadline();
      if (one->state() == Dtls::State::connected || one->send_key()) std::abort();
    }
    rest = rest.subspan(1 + length);
  }
  (void)parse_fingerprint({reinterpret_cast<const char*>(data), size});
  return 0;
}
