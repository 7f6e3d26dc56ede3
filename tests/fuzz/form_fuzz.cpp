// links: http
// Forms: what is read is written back to something that reads the same.
#include <cstdint>
#include <cstdlib>

#include "http/http.hpp"

using namespace nearend::http;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto form = parse_form({reinterpret_cast<const char*>(data), size});
  if (!form) return 0;
  const std::string text = encode_form(*form);
  for (const char c : text)
    if (static_cast<unsigned char>(c) <= ' ' || static_cast<unsigned char>(c) >= 0x7f) std::abort();
  const auto again = parse_form(text);
  if (!again || *again != *form) std::abort();
  return 0;
}
