// links: sdp
// Any text as the value of a=crypto: what is read has its suite's length and reads back the same.
#include <cstdlib>

#include "sdp/crypto.hpp"

using namespace nearend::sdp;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto read = parse_crypto({reinterpret_cast<const char*>(data), size});
  if (!read) return 0;
  if (read->key.size() != crypto_key_size(read->suite)) std::abort();
  if (parse_crypto(to_string(*read)) != *read) std::abort();
  return 0;
}
