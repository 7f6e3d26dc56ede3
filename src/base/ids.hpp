#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace nearend {

/// Resource identifiers in the public form: two letters and 32 lower-case hexadecimal digits, of which the first 12 are
/// the wall clock in milliseconds, so that keys sort by time (docs/decisions). `entropy` is two random words from the
/// loop. Prefixes: CA call, AC account, RE recording, PN number, EV event.
std::string make_sid(std::string_view prefix, int64_t wall_ms, uint64_t entropy_a, uint64_t entropy_b);

/// True for `prefix` and 32 hexadecimal digits.
bool is_sid(std::string_view prefix, std::string_view text);

}  // namespace nearend
