#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace nearend::sip::scan {

/// Small scanners that the SIP parsers share. Pure functions over bytes; none allocates unless it returns a string or
/// vector.

inline constexpr size_t npos = std::string_view::npos;

/// A set of bytes, made at compile time.
class Bytes {
 public:
  constexpr explicit Bytes(std::string_view members, bool has_alphanumerics = true) {
    for (char c : members) has_[static_cast<unsigned char>(c)] = true;
    if (!has_alphanumerics) return;
    for (char c = '0'; c <= '9'; ++c) has_[static_cast<unsigned char>(c)] = true;
    for (char c = 'a'; c <= 'z'; ++c) has_[static_cast<unsigned char>(c)] = true;
    for (char c = 'A'; c <= 'Z'; ++c) has_[static_cast<unsigned char>(c)] = true;
  }
  constexpr bool has(char c) const { return has_[static_cast<unsigned char>(c)]; }
  /// How many bytes at the start of `text` are members.
  constexpr size_t prefix(std::string_view text) const {
    size_t count = 0;
    while (count < text.size() && has(text[count])) ++count;
    return count;
  }
  constexpr bool has_all(std::string_view text) const { return prefix(text) == text.size(); }

 private:
  std::array<bool, 256> has_{};
};

inline constexpr Bytes token{"-.!%*_+`'~"};  ///< RFC 3261 25.1.
inline constexpr Bytes unreserved{"-_.!~*'()"};
inline constexpr Bytes user{"-_.!~*'()&=+$,;?/#%"};  ///< With escapes; '#' is seen in the field.
inline constexpr Bytes password{"-_.!~*'()&=+$,%"};
inline constexpr Bytes uri_parameter{"-_.!~*'()[]/:&+$%"};
inline constexpr Bytes uri_header{"-_.!~*'()[]/?:+$%&=;,@"};
inline constexpr Bytes host{"-._"};
inline constexpr Bytes digits{"0123456789", false};
inline constexpr Bytes hexadecimals{"0123456789abcdefABCDEF", false};

inline bool is_blank(char c) {
  return c == ' ' || c == '\t';
}
inline bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}
inline bool is_token(std::string_view text) {
  return !text.empty() && token.has_all(text);
}

inline void skip_blanks(std::string_view& text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
}
inline std::string_view trim_blanks(std::string_view text) {
  skip_blanks(text);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

/// Length of the quoted string that `text` starts with, quotes included; npos when it never ends.
size_t quoted_length(std::string_view text);
/// What a quoted string (with its quotes) says.
std::string unquoted(std::string_view text);
/// Where `wanted` first stands outside of quotes and angle brackets; npos when it does not.
size_t find_outside(std::string_view text, char wanted);
/// The same, but angle brackets mean nothing: only quotes hide.
size_t find_outside_quotes(std::string_view text, char wanted);
/// Values of a list header: cut at commas outside of quotes and angle brackets, trimmed, empty ones kept out.
void split_list(std::string_view text, std::vector<std::string_view>& values);
/// The part of a From, To or Contact value that holds the field's own parameters, from the first semicolon on; may be
/// empty.
std::string_view parameters_part(std::string_view name_addr);
/// The raw value of a parameter in ";a=b;c", without reading the others; empty when absent.
std::string_view find_parameter(std::string_view parameters, std::string_view name);
/// Unsafe in any header value we write (threat TH18).
bool has_line_break_or_nul(std::string_view text);
bool has_line_break(std::string_view text);
/// Any control character, tab among them.
bool has_control(std::string_view text);
/// Every '%' is followed by two hexadecimal digits.
bool has_good_escapes(std::string_view text);
/// Undoes escapes; a broken one stays as it is.
std::string unescaped(std::string_view text);
/// Escapes all but `allowed`; '%' too.
std::string escaped(std::string_view text, const Bytes& allowed);

}  // namespace nearend::sip::scan
