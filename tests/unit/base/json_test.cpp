#include "base/json.hpp"

#include <doctest/doctest.h>

using namespace nearend;

TEST_CASE("a document is read whole, or the error says where it stops making sense") {
  const auto value = parse_json(R"( {"name": "Grüße", "count": 3, "share": 0.5, "on": true} )");
  REQUIRE(value);
  const json::object& object = value->as_object();
  CHECK(json_string(object, "name") == "Grüße");
  CHECK(json_integer(object, "count") == 3);
  CHECK(json_number_or(object, "share", 0) == 0.5);
  CHECK(json_number_or(object, "count", 0) == 3);
  CHECK(json_bool_or(object, "on", false));
  CHECK(parse_json(to_json(*value)) == *value);
  for (const char* text : {"", "{", "{\"a\":1}x", "{} {}", "{'a':1}", "[1,]", "nul", "\"\n\"", "01"}) {
    CAPTURE(text);
    const auto broken = parse_json(text);
    REQUIRE_FALSE(broken);
    CHECK(broken.error().kind == Error::Kind::malformed);
    CHECK(broken.error().text.find("byte") != std::string::npos);
  }
}

TEST_CASE("documents deeper than asked for are refused") {
  CHECK(parse_json(std::string(16, '[') + std::string(16, ']')));
  CHECK_FALSE(parse_json(std::string(17, '[') + std::string(17, ']')));
  CHECK_FALSE(parse_json(std::string(3, '[') + std::string(3, ']'), 2));
}

TEST_CASE("a member that is missing or of another type is named") {
  const auto value = parse_json(R"({"text": "x", "number": 1.5, "large": 18446744073709551615, "none": null})");
  const json::object& object = value->as_object();
  CHECK(json_string(object, "number").error().text.find("'number'") != std::string::npos);
  CHECK_FALSE(json_string(object, "missing"));
  CHECK_FALSE(json_integer(object, "number"));
  CHECK_FALSE(json_integer(object, "large"));
  CHECK_FALSE(json_integer(object, "text"));
  CHECK(json_string_or(object, "none", "fallback") == "fallback");
  CHECK(json_integer_or(object, "text", 7) == 7);
  CHECK(json_number_or(object, "text", 7) == 7);
  CHECK_FALSE(json_bool_or(object, "text", false));
}
