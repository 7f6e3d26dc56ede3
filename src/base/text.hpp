#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nearend {

/// ASCII text, as protocols use it. None of these looks at the locale.
char ascii_lower(char c);
std::string to_lower(std::string_view text);
bool equal_ignoring_case(std::string_view a, std::string_view b);
/// Without blanks, tabs and line ends at either end.
std::string_view trim(std::string_view text);
/// Splits at every `separator`; pieces are trimmed, empty ones are left out.
std::vector<std::string_view> split(std::string_view text, char separator);
/// A whole decimal number that fits, or nothing. No sign, no blanks.
std::optional<uint64_t> parse_unsigned(std::string_view text);
/// Percent-decoding (RFC 3986 2.1); `plus_is_space` for form bodies. Nothing where an escape is broken.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space = false);
/// Percent-encoding of all but unreserved characters.
std::string percent_encode(std::string_view text);
/// For logs: the last two digits of a number stay, the others become 'x'.
std::string masked(std::string_view number);

}  // namespace nearend
