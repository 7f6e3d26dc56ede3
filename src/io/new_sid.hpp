#pragma once

#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "io/loop.hpp"

namespace nearend::io {

/// A new id: `prefix` and 32 hexadecimal digits, by the loop's wall clock and randomness. Loop's thread only.
inline std::string new_sid(Loop& loop, std::string_view prefix) {
  const uint64_t first = loop.random();
  const uint64_t second = loop.random();
  return make_sid(prefix, loop.wall_ms(), first, second);
}

}  // namespace nearend::io
