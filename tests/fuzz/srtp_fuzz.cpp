// links: srtp
// Any bytes as SRTP and SRTCP under every suite: nothing that our own key did not make is taken.
#include <cstdlib>
#include <vector>

#include "srtp/context.hpp"

using namespace nearend::srtp;

namespace {
MasterKey key_of(Suite suite) {
  std::vector<uint8_t> bytes(shape_of(suite).key_size + shape_of(suite).salt_size, 0x5a);
  return *MasterKey::of(suite, bytes);
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 2048) return 0;
  const std::span<const uint8_t> input(data, size);
  for (size_t i = 0; i < suite_count; ++i) {
    const auto suite = static_cast<Suite>(i);
    static std::vector<Receiver> receivers = [] {
      std::vector<Receiver> all;
      for (size_t n = 0; n < suite_count; ++n) all.push_back(*Receiver::make(key_of(static_cast<Suite>(n))));
      return all;
    }();
    std::vector<uint8_t> packet(input.begin(), input.end()), report(input.begin(), input.end());
    // A tag of 32 bits may be met by chance, longer ones are not.
    const bool is_taken = receivers[i].unprotect(packet).verdict == Verdict::good;
    if (is_taken && shape_of(suite).rtp_tag > 4) std::abort();
    if (receivers[i].unprotect_rtcp(report).verdict == Verdict::good) std::abort();

    auto sender = *Sender::make(key_of(suite));
    auto reader = *Receiver::make(key_of(suite));
    for (const bool is_rtcp : {false, true}) {
      std::vector<uint8_t> buffer(input.begin(), input.end());
      buffer.resize(size + trailer_max);
      const auto sealed = is_rtcp ? sender.protect_rtcp(buffer, size) : sender.protect(buffer, size);
      if (sealed.verdict != Verdict::good) continue;
      const auto whole = std::span(buffer).first(sealed.size);
      const auto opened = is_rtcp ? reader.unprotect_rtcp(whole) : reader.unprotect(whole);
      if (opened.verdict != Verdict::good || opened.size != size) std::abort();
      if (!std::equal(input.begin(), input.end(), buffer.begin())) std::abort();
    }
  }
  return 0;
}
