#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.hpp"

namespace nearend::policy {

/// The number or user part of what was called: "+4930123" of "sip:+4930123@carrier.example;transport=tcp".
std::string_view number_of(std::string_view called);
/// The country code of an E.164 number with its plus, "+49"; of North America's shared code with the area code,
/// "+1212". Empty when it is none.
std::string_view country_code(std::string_view number);
/// Length of the longest of these prefixes that `number` begins with; nothing when none fits.
std::optional<size_t> prefix_match(const std::vector<std::string>& prefixes, std::string_view number);
/// The name of the network that an address belongs to where nobody knows better: "203.0.0.0/16", IPv6 by /32.
std::string network_area(const IpAddress& address);

}  // namespace nearend::policy
