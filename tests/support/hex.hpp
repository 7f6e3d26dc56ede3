#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace nearend::support {

/// Bytes from hexadecimal digits; everything else between them is skipped.
inline std::vector<uint8_t> unhex(std::string_view text) {
  std::vector<uint8_t> bytes;
  int half = -1;
  for (char c : text) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) continue;
    if (half < 0) {
      half = digit;
      continue;
    }
    bytes.push_back(static_cast<uint8_t>(half << 4 | digit));
    half = -1;
  }
  return bytes;
}

}  // namespace nearend::support
