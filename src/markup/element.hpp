#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace nearend::markup {

struct Attribute {
  std::string name, value;
};

/// One node of a document: an element, or (with an empty name) a run of text between elements. A plain value, so that a
/// document can be kept, compared and written again. Where it stood is kept for warnings.
struct Element {
  std::string name;
  std::vector<Attribute> attributes;
  std::vector<Element> children;
  std::string text;  ///< Of a text node only.
  uint32_t line = 0, column = 0;

  bool is_text() const { return name.empty(); }
  const std::string* find_attribute(std::string_view wanted) const;
};

/// What a document may not exceed (threat TH20).
struct Limits {
  size_t bytes = 64 * 1024;
  size_t depth = 16;
  size_t verbs = 500;      ///< Children of the root.
  size_t attributes = 32;  ///< Of one element.
};

/// Reads one XML document. Every error names line and column. Refused besides broken XML: a DOCTYPE (no entities are
/// ever defined), what exceeds the limits, and control characters, which could break out of a header or a log line
/// (TH18). Pure, any thread.
Result<Element> parse_document(std::string_view text, const Limits& limits = {});

/// Writes the tree as XML that parse_document reads back to the same tree.
std::string to_xml(const Element& element);

/// All text inside the element, of its descendants too, with blanks at both ends removed.
std::string inner_text(const Element& element);

}  // namespace nearend::markup
