#include <array>

#include "script/attributes.hpp"
#include "script/url.hpp"
#include "script/verbs/all.hpp"

namespace nearend::script {
namespace {

constexpr std::array<std::string_view, 1> attributes{"method"};

}  // namespace

void check_redirect(const markup::Element& element, std::string_view base, Notes& notes) {
  check_attributes(element, attributes, {}, notes);
  check_no_children(element, notes);
  attribute_method(element, "method", notes);
  if (auto url = resolve_url(base, inner_text(element)); !url)
    notes.warn(element, code::invalid_url, "URL of <Redirect>: " + url.error().text);
}

Task<Next> run_redirect(Script& script, const markup::Element& element) {
  Notes silent;
  co_return script.go_to(inner_text(element), attribute_method(element, "method", silent), {});
}

}  // namespace nearend::script
