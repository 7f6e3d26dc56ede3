#include "script/sip_address.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "script/attributes.hpp"

namespace nearend::script {
namespace {

constexpr size_t uri_max = 255, headers_max = 1024;
constexpr uint32_t priority_max = 65535;
constexpr std::array<std::string_view, 4> uri_attributes{"username", "password", "priority", "weight"};
constexpr std::array<std::string_view, 2> header_attributes{"name", "value"};
constexpr std::array<std::string_view, 4> other_headers{"User-to-User", "Remote-Party-ID", "P-Preferred-Identity",
                                                        "P-Called-Party-ID"};

std::string own_text(const markup::Element& element) {
  std::string text;
  for (const markup::Element& child : element.children)
    if (child.is_text()) text += child.text;
  return std::string(trim(text));
}

/// What is wrong with an address, or empty. The stack reads it strictly later; this is for the author.
std::string fault_of(std::string_view uri) {
  const bool has_scheme = to_lower(uri.substr(0, 4)) == "sip:" || to_lower(uri.substr(0, 5)) == "sips:";
  if (!has_scheme) return "must begin with sip: or sips:";
  const size_t question = uri.find('?');
  if (uri.substr(0, question).size() > uri_max) return fmt::format("is longer than {} characters", uri_max);
  if (question != std::string_view::npos && uri.size() - question > headers_max)
    return fmt::format("has more than {} characters of headers", headers_max);
  for (unsigned char c : uri)
    if (c <= 0x20 || c >= 0x7f || c == '<' || c == '>' || c == '"') return "holds a character that no SIP URI has";
  if (uri.substr(uri.find(':') + 1).empty()) return "has no host";
  return {};
}

bool is_header_name(std::string_view name) {
  const bool is_token = !name.empty() && std::ranges::all_of(name, [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  });
  const bool is_extension = name.size() > 2 && equal_ignoring_case(name.substr(0, 2), "x-");
  return is_token && (is_extension || std::ranges::any_of(other_headers, [&](std::string_view other) {
                        return equal_ignoring_case(name, other);
                      }));
}

void add_header(SipAddress& address, std::string name, std::string value, const markup::Element& at, Notes& notes) {
  const bool is_plain = std::ranges::none_of(value, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  if (is_header_name(name) && is_plain) {
    address.headers.emplace_back(std::move(name), std::move(value));
    return;
  }
  notes.warn(at, code::schema,
             fmt::format("the header '{}' of <Sip> is not sent: only X-... and {} are", name.substr(0, 64),
                         joined(other_headers)));
}

void take_uri_headers(SipAddress& address, std::string_view text, const markup::Element& at, Notes& notes) {
  for (std::string_view pair : split(text, '&')) {
    const size_t equals = pair.find('=');
    auto name = percent_decode(pair.substr(0, equals));
    auto value = percent_decode(equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1));
    if (!pair.empty()) add_header(address, name.value_or(""), value.value_or("\n"), at, notes);
  }
}

void take_headers(SipAddress& address, const markup::Element& headers, Notes& notes) {
  check_attributes(headers, {}, {}, notes);
  for (const markup::Element& child : headers.children) {
    if (child.is_text()) continue;
    if (child.name != "Header") {
      notes.warn(child, code::schema, fmt::format("<Headers> knows no <{}>, only <Header>", child.name.substr(0, 64)));
      continue;
    }
    check_attributes(child, header_attributes, {}, notes);
    add_header(address, attribute_text(child, "name"), attribute_text(child, "value"), child, notes);
  }
}

uint32_t priority_of(const markup::Element& uri, Notes& notes) {
  return attribute_number(uri, "priority", 0, {0, priority_max}, notes);
}

/// The <Uri> that is called, if there is one.
const markup::Element* chosen_uri(const markup::Element& noun, Notes& notes) {
  const markup::Element* chosen = nullptr;
  for (const markup::Element& child : noun.children) {
    if (child.name != "Uri") continue;
    check_attributes(child, uri_attributes, {}, notes);
    if (chosen != nullptr)
      notes.warn(child, code::schema, "<Sip> calls one <Uri> yet, the one with the least priority");
    if (chosen == nullptr || priority_of(child, notes) < priority_of(*chosen, notes)) chosen = &child;
  }
  return chosen;
}

void take_children(SipAddress& address, const markup::Element& noun, Notes& notes) {
  for (const markup::Element& child : noun.children) {
    if (child.is_text() || child.name == "Uri") continue;
    if (child.name == "Headers")
      take_headers(address, child, notes);
    else
      notes.warn(child, code::schema,
                 fmt::format("<{}> cannot stand inside <Sip> and is ignored", child.name.substr(0, 64)));
  }
}

}  // namespace

std::optional<SipAddress> sip_address(const markup::Element& noun, Notes& notes) {
  const markup::Element* uri = chosen_uri(noun, notes);
  const markup::Element& where = uri != nullptr ? *uri : noun;
  const std::string text = own_text(where);
  if (const std::string fault = fault_of(text); !fault.empty()) {
    notes.warn(where, code::schema, fmt::format("'{}' in <Sip> {}; it is not dialled", text.substr(0, 64), fault));
    return std::nullopt;
  }
  const size_t question = text.find('?');
  const markup::Element& holder = attribute_text(where, "username").empty() ? noun : where;
  SipAddress address{.uri = text.substr(0, question),
                     .username = attribute_text(holder, "username"),
                     .password = attribute_text(holder, "password"),
                     .headers = {}};
  if (question != std::string::npos)
    take_uri_headers(address, std::string_view(text).substr(question + 1), where, notes);
  take_children(address, noun, notes);
  return address;
}

}  // namespace nearend::script
