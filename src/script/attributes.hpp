#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "script/notes.hpp"

namespace nearend::script {

/// Typed reading of attributes. What is absent gives the fallback silently; what is wrong gives the fallback and a
/// warning that names the attribute, what was found and what would be right.

using Names = std::span<const std::string_view>;

struct Range {
  uint32_t least = 0;
  uint32_t most = std::numeric_limits<uint32_t>::max();
};

bool attribute_bool(const markup::Element& element, std::string_view name, bool fallback, Notes& notes);
uint32_t attribute_number(const markup::Element& element, std::string_view name, uint32_t fallback, Range range,
                          Notes& notes);
std::chrono::seconds attribute_seconds(const markup::Element& element, std::string_view name, uint32_t fallback,
                                       Range range, Notes& notes);
/// One of `choices`, as it is written there.
std::string attribute_choice(const markup::Element& element, std::string_view name, Names choices,
                             std::string_view fallback, Notes& notes);
/// Blank-separated choices; unknown ones are left out.
std::vector<std::string> attribute_list(const markup::Element& element, std::string_view name, Names choices,
                                        std::string_view fallback, Notes& notes);
/// GET or POST (the default), in any case.
std::string attribute_method(const markup::Element& element, std::string_view name, Notes& notes);
/// Only characters of `allowed`.
std::string attribute_digits(const markup::Element& element, std::string_view name, std::string_view allowed,
                             std::string_view fallback, Notes& notes);
/// A URL, relative or absolute, trimmed; nothing when the attribute is absent, empty when it is empty. One that cannot
/// be a URL at all is warned about and returned as it is: asking for it fails with the same code.
std::optional<std::string> attribute_url(const markup::Element& element, std::string_view name, Notes& notes);
std::string attribute_text(const markup::Element& element, std::string_view name);

/// Warns of attributes that are neither in `known` nor in `later` (with the nearest spelling), and of those in `later`,
/// which exist but are not acted on yet.
void check_attributes(const markup::Element& element, Names known, Names later, Notes& notes);
/// Warns of child elements, and of text when there should be none.
void check_no_children(const markup::Element& element, Notes& notes);
void check_no_text(const markup::Element& element, Notes& notes);

inline constexpr std::string_view dtmf_with_waits = "0123456789ABCDabcd*#wW";
inline constexpr std::string_view key_characters = "0123456789*#";

}  // namespace nearend::script
