#include "base/json.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/stream_parser.hpp>

namespace nearend {

Result<json::value> parse_json(std::string_view text, unsigned depth) {
  boost::system::error_code code;
  json::parse_options options;
  options.max_depth = depth;
  json::stream_parser parser({}, options);
  const size_t used = parser.write_some(text.data(), text.size(), code);
  if (!code && !parser.done()) parser.finish(code);
  if (code) return fail(Error::Kind::malformed, "not JSON at byte {}: {}", used, code.message());
  for (char rest : text.substr(used))
    if (rest != ' ' && rest != '\n' && rest != '\r' && rest != '\t')
      return fail(Error::Kind::malformed, "not JSON at byte {}: text after the document", used);
  return parser.release();
}

std::string to_json(const json::value& value) {
  return json::serialize(value);
}

Result<std::string> json_string(const json::object& object, std::string_view key) {
  const json::value* member = object.if_contains(key);
  if (!member || !member->is_string()) return fail(Error::Kind::invalid, "'{}' must be a string", key);
  return std::string(member->get_string());
}

Result<int64_t> json_integer(const json::object& object, std::string_view key) {
  const json::value* member = object.if_contains(key);
  boost::system::error_code code;
  if (member && member->is_number()) {
    const int64_t value = member->to_number<int64_t>(code);
    if (!code) return value;
  }
  return fail(Error::Kind::invalid, "'{}' must be a whole number", key);
}

std::string json_string_or(const json::object& object, std::string_view key, std::string_view fallback) {
  return json_string(object, key).value_or(std::string(fallback));
}

int64_t json_integer_or(const json::object& object, std::string_view key, int64_t fallback) {
  return json_integer(object, key).value_or(fallback);
}

double json_number_or(const json::object& object, std::string_view key, double fallback) {
  const json::value* member = object.if_contains(key);
  if (!member || !member->is_number()) return fallback;
  boost::system::error_code code;
  const double value = member->to_number<double>(code);
  return code ? fallback : value;
}

bool json_bool_or(const json::object& object, std::string_view key, bool fallback) {
  const json::value* member = object.if_contains(key);
  return member && member->is_bool() ? member->get_bool() : fallback;
}

}  // namespace nearend
