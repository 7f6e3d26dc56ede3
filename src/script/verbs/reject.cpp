#include <array>

#include "script/attributes.hpp"
#include "script/verbs/all.hpp"

namespace nearend::script {
namespace {

constexpr std::array<std::string_view, 1> attributes{"reason"};
constexpr std::array<std::string_view, 2> reasons{"rejected", "busy"};

std::string reason_of(const markup::Element& element, Notes& notes) {
  return attribute_choice(element, "reason", reasons, "rejected", notes);
}

}  // namespace

void check_reject(const markup::Element& element, std::string_view /*base*/, Notes& notes) {
  check_attributes(element, attributes, {}, notes);
  check_no_text(element, notes);
  reason_of(element, notes);
}

/// Refuses a call that has not been answered. On one that has been, it can only hang up, and says so.
Task<Next> run_reject(Script& script, const markup::Element& element) {
  if (script.control.is_answered()) {
    script.note(code::schema,
                fmt::format("line {}, column {}: <Reject> comes after the call was answered: it is hung up",
                            element.line, element.column));
    script.is_hangup_wanted = true;
    co_return Next::end();
  }
  const bool is_ours = co_await script.checkpoint();
  if (!is_ours) co_return Next::end();
  Notes silent;
  const auto rejected = co_await script.control.reject(reason_of(element, silent));
  if (!rejected) script.note(code::schema, "the call could not be refused: " + rejected.error().text);
  script.is_rejected = true;
  co_return Next::end();
}

}  // namespace nearend::script
