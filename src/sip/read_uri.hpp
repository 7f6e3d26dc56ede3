#pragma once

#include <string_view>

#include "sip/uri.hpp"

namespace nearend::sip {

/// parse_uri() into a URI that stands empty where it is wanted; after an error it holds something or other.
Result<void> read_uri(std::string_view text, Uri& uri);

}  // namespace nearend::sip
