#include "policy/numbering.hpp"

#include <algorithm>

namespace nearend::policy {
namespace {

/// Country codes of two digits (ITU-T E.164, assigned codes); 1 and 7 have one digit, all others three.
constexpr std::string_view two_digits =
    "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 "
    "91 92 93 94 95 98 ";

}  // namespace

std::string_view number_of(std::string_view called) {
  for (std::string_view scheme : {"sip:", "sips:", "tel:"})
    if (called.starts_with(scheme)) called.remove_prefix(scheme.size());
  return called.substr(0, called.find_first_of("@;"));
}

std::string_view country_code(std::string_view number) {
  if (number.size() < 4 || number[0] != '+') return {};
  const auto is_digit = [](char sign) { return sign >= '0' && sign <= '9'; };
  if (!std::ranges::all_of(number.substr(1), is_digit)) return {};
  if (number[1] == '1') return number.substr(0, 5);
  if (number[1] == '7') return number.substr(0, 2);
  for (size_t at = 0; at < two_digits.size(); at += 3)
    if (two_digits.substr(at, 2) == number.substr(1, 2)) return number.substr(0, 3);
  return number.substr(0, 4);
}

std::optional<size_t> prefix_match(const std::vector<std::string>& prefixes, std::string_view number) {
  std::optional<size_t> longest;
  for (const std::string& prefix : prefixes)
    if (number.starts_with(prefix) && (!longest || prefix.size() > *longest)) longest = prefix.size();
  return longest;
}

std::string network_area(const IpAddress& address) {
  auto bytes = address.bytes();
  const size_t kept = address.is_v6() ? 4 : 2;
  std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(kept), bytes.end(), uint8_t{0});
  return IpAddress::from_bytes(address.family(), bytes.data()).to_string() + (address.is_v6() ? "/32" : "/16");
}

}  // namespace nearend::policy
