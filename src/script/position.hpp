#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "script/script.hpp"

namespace nearend::script {

/// The part of a capsule that is the interpreter's: how many steps were made, the request that was about to be sent,
/// and the application's cookies.
struct VerbState {
  size_t steps = 0;
  std::optional<Next> pending;
  std::vector<http::Cookie> cookies;
};
std::string verb_state_text(const VerbState& state);
/// Errors name the member. An empty text is the state of a call that has not begun.
Result<VerbState> parse_verb_state(std::string_view text);

/// Where an adopted call goes on, from its capsule.
struct Position {
  std::string document_url, document;
  size_t verb = 0;
  std::string verb_state;
};

}  // namespace nearend::script
