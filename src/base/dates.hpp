#pragma once

#include <cstdint>
#include <string>

namespace nearend {

/// "Mon, 16 Aug 2010 03:45:01 +0000" (RFC 2822, always UTC): the dates of webhooks and of the REST API.
std::string rfc2822_utc(int64_t wall_ms);

}  // namespace nearend
