#include <expat.h>

#include <memory>

#include "markup/element.hpp"

namespace nearend::markup {
namespace {

/// True for a character that no value of a document may hold: C0 without blank space, DEL, and C1 (as UTF-8).
bool has_control_character(std::string_view text, bool may_have_line_ends) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == '\t' || (may_have_line_ends && (c == '\n' || c == '\r'))) continue;
    if (c < 0x20 || c == 0x7f) return true;
    const bool is_c1 = c == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (is_c1) return true;
  }
  return false;
}

/// Builds the tree from expat's events; the first thing refused stops the parser.
class Builder {
 public:
  explicit Builder(const Limits& limits) : limits_(limits), parser_(XML_ParserCreate(nullptr), XML_ParserFree) {
    XML_SetUserData(parser_.get(), this);
    XML_SetStartDoctypeDeclHandler(parser_.get(), [](void* self, const char*, const char*, const char*, int) {
      static_cast<Builder*>(self)->refuse("a DOCTYPE is not allowed");
    });
    XML_SetElementHandler(
        parser_.get(),
        [](void* self, const char* name, const char** pairs) { static_cast<Builder*>(self)->open(name, pairs); },
        [](void* self, const char*) { static_cast<Builder*>(self)->close(); });
    XML_SetCharacterDataHandler(parser_.get(), [](void* self, const char* data, int size) {
      static_cast<Builder*>(self)->add_text({data, static_cast<size_t>(size)});
    });
  }

  Result<Element> build(std::string_view text) {
    const auto status = XML_Parse(parser_.get(), text.data(), static_cast<int>(text.size()), XML_TRUE);
    if (!refused_.empty()) return std::unexpected(Error{Error::Kind::malformed, std::move(refused_)});
    if (status == XML_STATUS_OK) return std::move(root_);
    refuse(XML_ErrorString(XML_GetErrorCode(parser_.get())));
    return std::unexpected(Error{Error::Kind::malformed, std::move(refused_)});
  }

 private:
  uint32_t line() const { return static_cast<uint32_t>(XML_GetCurrentLineNumber(parser_.get())); }
  uint32_t column() const { return static_cast<uint32_t>(XML_GetCurrentColumnNumber(parser_.get())) + 1; }

  void refuse(std::string_view why) {
    if (!refused_.empty()) return;
    refused_ = fmt::format("line {}, column {}: {}", line(), column(), why);
    XML_StopParser(parser_.get(), XML_FALSE);
  }

  void open(std::string_view name, const char** pairs) {
    if (!refused_.empty()) return;
    Element element{.name = std::string(name), .line = line(), .column = column()};
    for (; *pairs; pairs += 2) {
      if (element.attributes.size() == limits_.attributes)
        return refuse(fmt::format("<{}> has more than {} attributes", name, limits_.attributes));
      if (has_control_character(pairs[1], false))
        return refuse(fmt::format("attribute {} of <{}> holds a control character", pairs[0], name));
      element.attributes.push_back({pairs[0], pairs[1]});
    }
    if (open_.size() == limits_.depth) return refuse(fmt::format("elements are nested deeper than {}", limits_.depth));
    if (open_.size() == 1 && ++verbs_ > limits_.verbs) return refuse(fmt::format("more than {} verbs", limits_.verbs));
    place(std::move(element));
  }

  void place(Element element) {
    if (open_.empty()) {
      root_ = std::move(element);
      return open_.push_back(&root_);
    }
    // Earlier pointers into `children` point at closed elements only: the open ones are the last of their lists.
    Element& parent = *open_.back();
    parent.children.push_back(std::move(element));
    open_.push_back(&parent.children.back());
  }

  void close() {
    if (refused_.empty()) open_.pop_back();
  }

  void add_text(std::string_view data) {
    if (!refused_.empty() || open_.empty()) return;
    if (has_control_character(data, true)) return refuse("the text holds a control character");
    std::vector<Element>& siblings = open_.back()->children;
    if (siblings.empty() || !siblings.back().is_text()) siblings.push_back(Element{.line = line(), .column = column()});
    siblings.back().text += data;
  }

  Limits limits_;
  std::unique_ptr<XML_ParserStruct, void (*)(XML_Parser)> parser_;
  Element root_;
  std::vector<Element*> open_;
  size_t verbs_ = 0;
  std::string refused_;
};

}  // namespace

Result<Element> parse_document(std::string_view text, const Limits& limits) {
  if (text.size() > limits.bytes)
    return fail(Error::Kind::malformed, "line 1, column 1: the document has {} bytes, at most {} are allowed",
                text.size(), limits.bytes);
  return Builder(limits).build(text);
}

}  // namespace nearend::markup
