#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "call/control.hpp"
#include "script/notes.hpp"

namespace nearend::script {

inline constexpr size_t targets_max = 10;

/// Whom a Dial rings: its Number and Sip children, or its own text as a number. Nouns that are not supported yet, or
/// cannot be dialled, are left out with a warning. `base` is the document's URL, against which their URLs are resolved.
std::vector<call::DialTarget> dial_targets(const markup::Element& dial, std::string_view base, Notes& notes);

/// A number as it is dialled: E.164 stays, blanks and punctuation go, ten digits are a US number, other digits (short
/// codes, extensions) stay as they are. Nothing when it is no number.
std::optional<std::string> dialable_number(std::string_view text);

}  // namespace nearend::script
