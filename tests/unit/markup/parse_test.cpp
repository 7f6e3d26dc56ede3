#include <doctest/doctest.h>

#include "markup/element.hpp"

using namespace nearend;
using markup::Element;
using markup::parse_document;

namespace {

std::string repeated(std::string_view piece, size_t times) {
  std::string text;
  for (size_t i = 0; i < times; ++i) text += piece;
  return text;
}

bool same_tree(const Element& a, const Element& b) {
  if (a.name != b.name || a.text != b.text) return false;
  if (a.attributes.size() != b.attributes.size() || a.children.size() != b.children.size()) return false;
  for (size_t i = 0; i < a.attributes.size(); ++i)
    if (a.attributes[i].name != b.attributes[i].name || a.attributes[i].value != b.attributes[i].value) return false;
  for (size_t i = 0; i < a.children.size(); ++i)
    if (!same_tree(a.children[i], b.children[i])) return false;
  return true;
}

}  // namespace

TEST_CASE("a document becomes a tree that knows where each element stood") {
  const auto root =
      parse_document("<?xml version=\"1.0\"?>\n<!-- hi --><Response>\n  <Say voice=\"man\">Hello</Say>\n</Response>");
  REQUIRE(root);
  CHECK(root->name == "Response");
  CHECK(root->line == 2);
  REQUIRE(root->children.size() == 3);
  const Element& say = root->children[1];
  CHECK(say.name == "Say");
  CHECK(say.line == 3);
  CHECK(say.column == 3);
  CHECK(*say.find_attribute("voice") == "man");
  CHECK(say.find_attribute("Voice") == nullptr);
  CHECK(markup::inner_text(say) == "Hello");
}

TEST_CASE("text between elements keeps its place") {
  const auto root = parse_document("<Say>one <break time='1s'/> two &amp; three</Say>");
  REQUIRE(root);
  REQUIRE(root->children.size() == 3);
  CHECK(root->children[0].text == "one ");
  CHECK(root->children[2].text == " two & three");
  CHECK(markup::inner_text(*root) == "one  two & three");
}

TEST_CASE("what is broken or dangerous is refused, with line and column") {
  struct Row {
    const char* name;
    std::string text;
    const char* says;
  };
  const Row rows[] = {
      {"nothing", "", "line 1, column 1"},
      {"no end", "<Response>\n<Say>hi</Response>", "line 2, column 10: mismatched tag"},
      {"two roots", "<Response/><Response/>", "line 1, column 12"},
      {"bad attribute", "<Response a=1/>", "line 1"},
      {"repeated attribute", "<Response a='1' a='2'/>", "duplicate attribute"},
      {"bare ampersand", "<Response><Say>a & b</Say></Response>", "line 1, column 19"},
      {"undefined entity", "<Response>&lol;</Response>", "undefined entity"},
      {"doctype", "<!DOCTYPE Response><Response/>", "a DOCTYPE is not allowed"},
      {"billion laughs", "<!DOCTYPE a [<!ENTITY b 'bb'>]><a>&b;</a>", "a DOCTYPE is not allowed"},
      {"outside file", "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>", "a DOCTYPE is not allowed"},
      {"null", std::string("<Response>\0</Response>", 22), "line 1"},
      {"line end in an attribute", "<Response><Redirect method='a&#13;b'/></Response>",
       "line 1, column 11: attribute method"},
      {"DEL in text", "<Response><Say>a\x7f</Say></Response>", "control character"},
      {"C1 in text", "<Response><Say>a\xc2\x85z</Say></Response>", "control character"},
      {"broken UTF-8", "<Response><Say>\xff\xfe</Say></Response>", "line 1, column 16"},
      {"too deep", repeated("<a>", 17) + repeated("</a>", 17), "nested deeper than 16"},
      {"too many verbs", "<Response>" + repeated("<a/>", 501) + "</Response>", "more than 500 verbs"},
      {"too long", "<Response>" + repeated(" ", 65536) + "</Response>", "at most 65536"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto root = parse_document(row.text);
    REQUIRE_FALSE(root);
    CAPTURE(root.error().text);
    CHECK(root.error().kind == Error::Kind::malformed);
    CHECK(root.error().text.find(row.says) != std::string::npos);
    CHECK(root.error().text.starts_with("line "));
  }
}

TEST_CASE("more attributes than allowed are refused") {
  std::string text = "<a";
  for (int i = 0; i < 33; ++i) text += fmt::format(" a{}='1'", i);
  const auto root = parse_document(text + "/>");
  REQUIRE_FALSE(root);
  CHECK(root.error().text.find("more than 32 attributes") != std::string::npos);
}

TEST_CASE("limits themselves are accepted") {
  CHECK(parse_document(repeated("<a>", 16) + repeated("</a>", 16)));
  CHECK(parse_document("<Response>" + repeated("<a/>", 500) + "</Response>"));
}

TEST_CASE("what is written is read back the same") {
  const auto root =
      parse_document("<Response><Say a='&lt;&quot;&apos;&amp;'>x &lt; y<b/>z</Say>\n<Play/> &gt;</Response>");
  REQUIRE(root);
  const auto again = parse_document(markup::to_xml(*root));
  REQUIRE(again);
  CHECK(same_tree(*root, *again));
}
