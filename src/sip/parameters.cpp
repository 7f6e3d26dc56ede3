#include <algorithm>

#include "base/text.hpp"
#include "sip/scan.hpp"
#include "sip/uri.hpp"

namespace nearend::sip {
namespace {

/// What may stand unquoted as a value: tokens, hosts with IPv6 in brackets or (RFC 5118 4.5) without.
bool is_bare_value(std::string_view text) {
  return !text.empty() && std::none_of(text.begin(), text.end(), [](char c) {
    return scan::is_control(c) || scan::is_blank(c) || c == ';' || c == ',' || c == '"' || c == '<' || c == '>' ||
           c == '=';
  });
}

/// Takes "name", "name=value" or "name="quoted"" off the front of `text`.
Result<Parameters::Item> take_item(std::string_view& text) {
  Parameters::Item item;
  const size_t name_length = scan::token.prefix(text);
  if (name_length == 0) return fail(Error::Kind::malformed, "a parameter's name is missing after ';'");
  item.name = text.substr(0, name_length);
  text.remove_prefix(name_length);
  scan::skip_blanks(text);
  if (text.empty() || text.front() != '=') return item;
  text.remove_prefix(1);
  scan::skip_blanks(text);
  item.has_value = true;
  if (!text.empty() && text.front() == '"') {
    const size_t length = scan::quoted_length(text);
    if (length == scan::npos) return fail(Error::Kind::malformed, "parameter {}: the quotes are not closed", item.name);
    item.is_quoted = true;
    item.value = scan::unquoted(text.substr(0, length));
    text.remove_prefix(length);
  } else {
    const std::string_view value = scan::trim_blanks(text.substr(0, text.find(';')));
    if (!is_bare_value(value)) return fail(Error::Kind::malformed, "parameter {}: bad value", item.name);
    item.value = value;
    text.remove_prefix(value.size());
  }
  scan::skip_blanks(text);
  return item;
}

}  // namespace

const Parameters::Item* Parameters::find(std::string_view name) const {
  for (const Item& item : items_)
    if (equal_ignoring_case(item.name, name)) return &item;
  return nullptr;
}

std::string_view Parameters::get(std::string_view name) const {
  const Item* item = find(name);
  return item ? std::string_view(item->value) : std::string_view{};
}

void Parameters::set(std::string_view name, std::string_view value) {
  Item replacement{std::string(name), std::string(value), true, !is_bare_value(value)};
  for (Item& item : items_) {
    if (!equal_ignoring_case(item.name, name)) continue;
    item = std::move(replacement);
    return;
  }
  append(std::move(replacement));
}

void Parameters::append(Item item) {
  if (items_.empty()) items_.reserve(4);  // Most have two or three: one allocation instead of three.
  items_.push_back(std::move(item));
}

void Parameters::set_flag(std::string_view name) {
  remove(name);
  append({std::string(name), {}, false, false});
}

void Parameters::remove(std::string_view name) {
  std::erase_if(items_, [&](const Item& item) { return equal_ignoring_case(item.name, name); });
}

std::string Parameters::to_string() const {
  std::string text;
  for (const Item& item : items_) {
    text += ';';
    text += item.name;
    if (!item.has_value) continue;
    text += '=';
    text += item.is_quoted ? quoted_string(item.value) : item.value;
  }
  return text;
}

Result<Parameters> parse_parameters(std::string_view text) {
  Parameters parameters;
  scan::skip_blanks(text);
  while (!text.empty()) {
    if (parameters.items().size() == parameters_max)
      return fail(Error::Kind::malformed, "more than {} parameters", parameters_max);
    if (text.front() != ';') return fail(Error::Kind::malformed, "';' expected before a parameter");
    text.remove_prefix(1);
    scan::skip_blanks(text);
    auto item = take_item(text);
    if (!item) return pass(item);
    parameters.append(std::move(*item));
  }
  return parameters;
}

std::string quoted_string(std::string_view text) {
  std::string result = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\' || (scan::is_control(c) && c != '\t')) result += '\\';
    result += c;
  }
  return result + '"';
}

}  // namespace nearend::sip
