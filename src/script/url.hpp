#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace nearend::script {

/// What a customer may write where a URL is expected: an absolute http or https URL with a valid host (no underscore),
/// or a reference relative to the document. Control characters, blanks and other schemes are refused.
Result<void> check_reference(std::string_view reference);

/// The absolute URL that `reference` means in a document at `base` (RFC 3986, 5.2); an empty reference is the document
/// itself. A fragment of the reference is kept: it holds connection settings and is never sent.
Result<std::string> resolve_url(std::string_view base, std::string_view reference);

}  // namespace nearend::script
