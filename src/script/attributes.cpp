#include "script/attributes.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "script/url.hpp"

namespace nearend::script {
namespace {

constexpr size_t shown_max = 64;  // characters of a wrong value that a warning repeats

void warn_value(const markup::Element& element, std::string_view name, std::string_view value, std::string_view right,
                std::string_view used, Notes& notes) {
  notes.warn(element, code::schema,
             fmt::format("{} of <{}> is '{}' but must be {}; {} is used", name, element.name,
                         value.substr(0, shown_max), right, used.empty() ? "nothing" : used));
}

}  // namespace

bool attribute_bool(const markup::Element& element, std::string_view name, bool fallback, Notes& notes) {
  const std::string* value = element.find_attribute(name);
  if (!value) return fallback;
  if (equal_ignoring_case(trim(*value), "true")) return true;
  if (equal_ignoring_case(trim(*value), "false")) return false;
  warn_value(element, name, *value, "true or false", fallback ? "true" : "false", notes);
  return fallback;
}

uint32_t attribute_number(const markup::Element& element, std::string_view name, uint32_t fallback, Range range,
                          Notes& notes) {
  const std::string* value = element.find_attribute(name);
  if (!value) return fallback;
  const auto number = parse_unsigned(trim(*value));
  if (number && *number >= range.least && *number <= range.most) return static_cast<uint32_t>(*number);
  const bool is_open = range.most == Range{}.most;
  const std::string right = is_open ? fmt::format("a whole number of at least {}", range.least)
                                    : fmt::format("a whole number from {} to {}", range.least, range.most);
  const std::string used = fallback == 0 ? "the default" : fmt::format("{}", fallback);
  warn_value(element, name, *value, right, used, notes);
  return fallback;
}

std::chrono::seconds attribute_seconds(const markup::Element& element, std::string_view name, uint32_t fallback,
                                       Range range, Notes& notes) {
  return std::chrono::seconds(attribute_number(element, name, fallback, range, notes));
}

std::string attribute_choice(const markup::Element& element, std::string_view name, Names choices,
                             std::string_view fallback, Notes& notes) {
  const std::string* value = element.find_attribute(name);
  if (!value) return std::string(fallback);
  const auto match = std::ranges::find(choices, trim(*value));
  if (match != choices.end()) return std::string(*match);
  warn_value(element, name, *value, "one of " + joined(choices), fallback, notes);
  return std::string(fallback);
}

std::vector<std::string> attribute_list(const markup::Element& element, std::string_view name, Names choices,
                                        std::string_view fallback, Notes& notes) {
  const std::string* value = element.find_attribute(name);
  std::vector<std::string> chosen;
  for (std::string_view piece : split(value ? std::string_view(*value) : fallback, ' ')) {
    if (std::ranges::find(choices, piece) == choices.end())
      warn_value(element, name, piece, "a list of " + joined(choices), "the rest", notes);
    else if (std::ranges::find(chosen, piece) == chosen.end())
      chosen.emplace_back(piece);
  }
  if (chosen.empty() && value && !fallback.empty()) {
    Notes silent;
    markup::Element bare{.name = element.name};
    return attribute_list(bare, name, choices, fallback, silent);
  }
  return chosen;
}

std::string attribute_method(const markup::Element& element, std::string_view name, Notes& notes) {
  const std::string* value = element.find_attribute(name);
  if (!value || equal_ignoring_case(trim(*value), "POST")) return "POST";
  if (equal_ignoring_case(trim(*value), "GET")) return "GET";
  warn_value(element, name, *value, "GET or POST", "POST", notes);
  return "POST";
}

std::string attribute_digits(const markup::Element& element, std::string_view name, std::string_view allowed,
                             std::string_view fallback, Notes& notes) {
  const std::string* value = element.find_attribute(name);
  if (!value) return std::string(fallback);
  if (value->find_first_not_of(allowed) == std::string::npos) return *value;
  warn_value(element, name, *value, fmt::format("made of {} only", allowed), fallback, notes);
  return std::string(fallback);
}

std::optional<std::string> attribute_url(const markup::Element& element, std::string_view name, Notes& notes) {
  const std::string* value = element.find_attribute(name);
  if (!value) return std::nullopt;
  std::string url(trim(*value));
  if (const auto checked = check_reference(url); !checked)
    notes.warn(element, code::invalid_url, fmt::format("{} of <{}>: {}", name, element.name, checked.error().text));
  return url;
}

std::string attribute_text(const markup::Element& element, std::string_view name) {
  const std::string* value = element.find_attribute(name);
  return value ? std::string(trim(*value)) : std::string();
}

void check_attributes(const markup::Element& element, Names known, Names later, Notes& notes) {
  for (const markup::Attribute& attribute : element.attributes) {
    if (std::ranges::find(known, attribute.name) != known.end()) continue;
    if (std::ranges::find(later, attribute.name) != later.end()) {
      notes.warn(element, code::schema,
                 fmt::format("attribute {} of <{}> is not supported yet and is ignored", attribute.name, element.name));
      continue;
    }
    const std::string_view nearest = nearest_name(attribute.name, known);
    const std::string hint = !nearest.empty() ? fmt::format("did you mean {}?", nearest)
                             : known.empty()  ? std::string("it has none")
                                              : "known are " + joined(known);
    notes.warn(element, code::schema,
               fmt::format("<{}> has no attribute '{}': {}", element.name, attribute.name.substr(0, shown_max), hint));
  }
}

void check_no_children(const markup::Element& element, Notes& notes) {
  for (const markup::Element& child : element.children)
    if (!child.is_text())
      notes.warn(
          child, code::schema,
          fmt::format("<{}> cannot stand inside <{}> and is ignored", child.name.substr(0, shown_max), element.name));
}

void check_no_text(const markup::Element& element, Notes& notes) {
  for (const markup::Element& child : element.children)
    if (child.is_text() && !trim(child.text).empty())
      notes.warn(child, code::schema, fmt::format("the text inside <{}> is ignored", element.name));
}

}  // namespace nearend::script
