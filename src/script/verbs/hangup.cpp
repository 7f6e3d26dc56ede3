#include <array>

#include "script/attributes.hpp"
#include "script/verbs/all.hpp"

namespace nearend::script {

void need_nothing(const markup::Element& /*element*/, std::vector<std::string>& /*needs*/) {}

void check_hangup(const markup::Element& element, std::string_view /*base*/, Notes& notes) {
  check_attributes(element, {}, {}, notes);
  check_no_text(element, notes);
  for (const markup::Element& child : element.children)
    if (!child.is_text() && child.name != "Parameter")
      notes.warn(child, code::schema,
                 fmt::format("<{}> cannot stand inside <Hangup> and is ignored", child.name.substr(0, 64)));
}

/// A Hangup does not prevent answering: the call is answered, then ended (on a first Hangup it is billed, unlike
/// Reject).
Task<Next> run_hangup(Script& script, const markup::Element& /*element*/) {
  const bool is_up = co_await script.answer();
  if (is_up) script.is_hangup_wanted = true;
  co_return Next::end();
}

}  // namespace nearend::script
