#include "base/ids.hpp"

#include <algorithm>

namespace nearend {
namespace {

/// The lowest digits of a number.
void append_hex(std::string& to, uint64_t value, int digits) {
  constexpr char figures[] = "0123456789abcdef";
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) to += figures[(value >> shift) & 15];
}

}  // namespace

std::string make_sid(std::string_view prefix, int64_t wall_ms, uint64_t entropy_a, uint64_t entropy_b) {
  std::string sid(prefix);
  sid.reserve(prefix.size() + 32);
  append_hex(sid, static_cast<uint64_t>(wall_ms), 12);
  append_hex(sid, entropy_a, 16);
  append_hex(sid, entropy_b, 4);
  return sid;
}

bool is_sid(std::string_view prefix, std::string_view text) {
  return text.size() == prefix.size() + 32 && text.starts_with(prefix) &&
         std::all_of(text.begin() + static_cast<long>(prefix.size()), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace nearend
