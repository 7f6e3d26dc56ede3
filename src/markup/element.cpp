#include "markup/element.hpp"

#include "base/text.hpp"

namespace nearend::markup {
namespace {

void append_escaped(std::string& out, std::string_view text) {
  for (char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
}

void append_xml(std::string& out, const Element& element) {
  if (element.is_text()) return append_escaped(out, element.text);
  out += '<' + element.name;
  for (const Attribute& attribute : element.attributes) {
    out += ' ' + attribute.name + "=\"";
    append_escaped(out, attribute.value);
    out += '"';
  }
  if (element.children.empty()) {
    out += "/>";
    return;
  }
  out += '>';
  for (const Element& child : element.children) append_xml(out, child);
  out += "</" + element.name + '>';
}

void append_text(std::string& out, const Element& element) {
  out += element.text;
  for (const Element& child : element.children) append_text(out, child);
}

}  // namespace

const std::string* Element::find_attribute(std::string_view wanted) const {
  for (const Attribute& attribute : attributes)
    if (attribute.name == wanted) return &attribute.value;
  return nullptr;
}

std::string to_xml(const Element& element) {
  std::string out;
  append_xml(out, element);
  return out;
}

std::string inner_text(const Element& element) {
  std::string text;
  append_text(text, element);
  return std::string(trim(text));
}

}  // namespace nearend::markup
