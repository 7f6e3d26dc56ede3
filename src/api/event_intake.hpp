#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "store/store.hpp"

namespace nearend::api {

inline constexpr size_t events_max = 1000;  ///< In one request.

/// The events of a gateway's request body: a JSON array, each with id, call_sid, account_sid, kind, at_ms, and leg,
/// gateway, detail where known. Errors say which one is wrong, and how.
Result<std::vector<store::CallEvent>> parse_events(std::string_view body);

/// The row of a call that a gateway ran by itself, a number that only forwards (M17, M18), from all its events;
/// nothing for a call that had a router, which writes the row itself.
std::optional<store::Call> forwarded_call(const std::vector<store::CallEvent>& events);

}  // namespace nearend::api
