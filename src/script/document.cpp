#include "script/document.hpp"

#include "base/text.hpp"
#include "script/notes.hpp"

namespace nearend::script {
namespace {

Document one_verb(std::string_view url, std::string_view verb, std::string_view text) {
  markup::Element inside{.text = std::string(text), .line = 1, .column = 1};
  markup::Element only{.name = std::string(verb), .line = 1, .column = 1};
  only.children.push_back(std::move(inside));
  markup::Element root{.name = "Response", .line = 1, .column = 1};
  root.children.push_back(std::move(only));
  return {std::string(url), markup::to_xml(root), std::move(root)};
}

constexpr size_t spoken_max = 4096;

/// Text that can be read aloud: control characters become blanks, and so does all that is not ASCII when it is not
/// UTF-8.
std::string speakable(std::string_view body) {
  std::string text(body.substr(0, spoken_max));
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  if (markup::parse_document(one_verb("", "Say", text).text)) return text;
  for (char& c : text)
    if (static_cast<unsigned char>(c) >= 0x80) c = ' ';
  return text;
}

bool is_twiml(std::string_view type) {
  return type.empty() || type == "text/xml" || type == "application/xml" || type == "text/html";
}

}  // namespace

const markup::Element* Document::verb(size_t index) const {
  for (const markup::Element& child : root.children)
    if (!child.is_text() && index-- == 0) return &child;
  return nullptr;
}

std::expected<Document, Failure> read_twiml(std::string_view url, std::string_view body) {
  auto root = markup::parse_document(body);
  if (!root) return std::unexpected(Failure{code::parse_failed, std::move(root.error().text)});
  if (root->name != "Response")
    return std::unexpected(
        Failure{code::parse_failed, fmt::format("line {}, column {}: the root is <{}> but must be <Response>",
                                                root->line, root->column, root->name.substr(0, 64))});
  return Document{std::string(url), std::string(body), std::move(*root)};
}

std::expected<Document, Failure> read_document(std::string_view url, std::string_view content_type,
                                               std::string_view body) {
  const std::string type = to_lower(trim(content_type.substr(0, content_type.find(';'))));
  if (is_twiml(type)) return read_twiml(url, body);
  if (type.starts_with("audio/")) return one_verb(url, "Play", url);
  if (type == "text/plain") {
    auto document = read_twiml(url, body);
    if (document) return document;
    return one_verb(url, "Say", speakable(body));
  }
  return std::unexpected(
      Failure{code::content_type,
              fmt::format("the answer is {}, but must be text/xml, audio/* or text/plain", type.substr(0, 64))});
}

Document apology() {
  return one_verb("", "Say", "We are sorry. An application error has occurred. Goodbye.");
}

}  // namespace nearend::script
