#pragma once

#include <boost/json/fwd.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace nearend {

namespace json = boost::json;

/// Parses one JSON document of at most `depth` levels; the error says at which byte it stops making sense.
Result<json::value> parse_json(std::string_view text, unsigned depth = 16);
std::string to_json(const json::value& value);

/// Typed members of an object; a missing or ill-typed member is an error that names it.
Result<std::string> json_string(const json::object& object, std::string_view key);
Result<int64_t> json_integer(const json::object& object, std::string_view key);
/// The member if it is there and has the right type, otherwise `fallback`.
std::string json_string_or(const json::object& object, std::string_view key, std::string_view fallback);
int64_t json_integer_or(const json::object& object, std::string_view key, int64_t fallback);
double json_number_or(const json::object& object, std::string_view key, double fallback);
bool json_bool_or(const json::object& object, std::string_view key, bool fallback);

}  // namespace nearend
