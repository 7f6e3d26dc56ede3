#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "store/store.hpp"

namespace nearend::api {

inline constexpr size_t events_max = 1000;  ///< In one request.

struct Intake {
  std::vector<store::CallEvent> events;
  std::vector<std::string> refused;  ///< Why, for each event that makes no sense. They must not hold up the others.
};
/// The events of a gateway's request body: a JSON array, each with id, kind, at_ms, and call_sid, account_sid, leg,
/// gateway, detail where known. Errors: the body as a whole makes no sense.
Result<Intake> parse_events(std::string_view body);

/// The row of a call that a gateway ran by itself, a number that only forwards (M17, M18), from all its events;
/// nothing for a call that had a router, which writes the row itself.
std::optional<store::Call> forwarded_call(const std::vector<store::CallEvent>& events);

}  // namespace nearend::api
