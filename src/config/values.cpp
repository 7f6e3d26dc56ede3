#include "config/values.hpp"

#include <charconv>

#include "base/text.hpp"

namespace nearend::config {
namespace {

std::unexpected<Error> wrong_kind(const Node& node, std::string_view expected) {
  return fail(Error::Kind::invalid, "must be {}, found {}", expected, to_string(node.kind));
}

}  // namespace

Result<void> Value<std::string>::read(const Node& node, std::string& value) {
  if (node.kind != Node::Kind::text) return wrong_kind(node, "a string");
  value = node.text;
  return {};
}

std::string Value<std::string>::write(const std::string& value) {
  std::string text = "\"";
  for (char c : value) {
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text + "\"";
}

Result<void> Value<bool>::read(const Node& node, bool& value) {
  if (node.kind != Node::Kind::boolean) return wrong_kind(node, "true or false");
  value = node.boolean;
  return {};
}

Result<void> Value<double>::read(const Node& node, double& value) {
  if (node.kind != Node::Kind::number && node.kind != Node::Kind::integer) return wrong_kind(node, "a number");
  value = node.number;
  return {};
}

std::string Value<double>::write(double value) {
  return fmt::format("{}", value);
}

Result<int64_t> read_integer(const Node& node, int64_t least, uint64_t most) {
  if (node.kind != Node::Kind::integer) return wrong_kind(node, "a whole number");
  if (node.integer < least || (node.integer > 0 && static_cast<uint64_t>(node.integer) > most))
    return fail(Error::Kind::invalid, "{} is out of range, {} to {} is allowed", node.integer, least, most);
  return node.integer;
}

Result<std::chrono::milliseconds> read_duration(const Node& node) {
  if (node.kind != Node::Kind::text) return wrong_kind(node, "a duration such as \"500ms\", \"20s\", \"5m\" or \"2h\"");
  const std::string_view text = node.text;
  int64_t count = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), count);
  const std::string_view unit(end, text.data() + text.size());
  if (code == std::errc{} && count >= 0) {
    if (unit == "ms") return std::chrono::milliseconds(count);
    if (unit == "s") return std::chrono::seconds(count);
    if (unit == "m") return std::chrono::minutes(count);
    if (unit == "h") return std::chrono::hours(count);
  }
  return fail(Error::Kind::invalid, "'{}' is no duration; write for example \"500ms\", \"20s\", \"5m\" or \"2h\"",
              text);
}

std::string write_duration(std::chrono::milliseconds value) {
  const int64_t ms = value.count();
  if (ms % 3'600'000 == 0 && ms != 0) return fmt::format("\"{}h\"", ms / 3'600'000);
  if (ms % 60'000 == 0 && ms != 0) return fmt::format("\"{}m\"", ms / 60'000);
  if (ms % 1'000 == 0) return fmt::format("\"{}s\"", ms / 1'000);
  return fmt::format("\"{}ms\"", ms);
}

Result<void> Value<IpAddress>::read(const Node& node, IpAddress& value) {
  if (node.kind != Node::Kind::text) return wrong_kind(node, "an address such as \"192.0.2.1\"");
  auto parsed = parse_ip(node.text);
  if (!parsed) return pass(parsed);
  value = *parsed;
  return {};
}

Result<void> Value<Endpoint>::read(const Node& node, Endpoint& value) {
  if (node.kind != Node::Kind::text) return wrong_kind(node, "an address and port such as \"192.0.2.1:5060\"");
  auto parsed = parse_endpoint(node.text);
  if (!parsed) return pass(parsed);
  value = *parsed;
  return {};
}

Result<void> Value<Cidr>::read(const Node& node, Cidr& value) {
  if (node.kind != Node::Kind::text) return wrong_kind(node, "a network such as \"192.0.2.0/24\"");
  auto parsed = parse_cidr(node.text);
  if (!parsed) return pass(parsed);
  value = *parsed;
  return {};
}

}  // namespace nearend::config
