#include "base/ids.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace nearend {

std::string make_sid(std::string_view prefix, int64_t wall_ms, uint64_t entropy_a, uint64_t entropy_b) {
  return fmt::format("{}{:012x}{:016x}{:04x}", prefix, static_cast<uint64_t>(wall_ms) & 0xffffffffffff, entropy_a,
                     entropy_b & 0xffff);
}

bool is_sid(std::string_view prefix, std::string_view text) {
  return text.size() == prefix.size() + 32 && text.starts_with(prefix) &&
         std::all_of(text.begin() + static_cast<long>(prefix.size()), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace nearend
