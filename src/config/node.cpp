#include "config/node.hpp"

#include <fstream>
#include <sstream>
#include <toml.hpp>

#include "base/text.hpp"

namespace nearend::config {
namespace {

Node node_from(const toml::value& value, const std::string& file) {
  Node node{.file = file, .line = static_cast<uint32_t>(value.location().line())};
  switch (value.type()) {
    case toml::value_t::table:
      node.kind = Node::Kind::table;
      for (const auto& [key, member] : value.as_table()) node.members.emplace(key, node_from(member, file));
      break;
    case toml::value_t::array:
      node.kind = Node::Kind::array;
      for (const auto& element : value.as_array()) node.elements.push_back(node_from(element, file));
      break;
    case toml::value_t::integer:
      node.kind = Node::Kind::integer;
      node.integer = value.as_integer();
      node.number = static_cast<double>(node.integer);
      break;
    case toml::value_t::floating:
      node.kind = Node::Kind::number;
      node.number = value.as_floating();
      break;
    case toml::value_t::boolean:
      node.kind = Node::Kind::boolean;
      node.boolean = value.as_boolean();
      break;
    default:
      node.kind = Node::Kind::text;
      node.text = value.is_string() ? value.as_string().str : toml::format(value);
  }
  return node;
}

}  // namespace

std::string Node::place() const {
  return fmt::format("{}:{}", file, line);
}

std::string place_of(const Node& root, std::string_view path) {
  const Node* node = &root;
  for (std::string_view step : split(path, '.')) {
    const size_t bracket = step.find('[');
    const auto member = node->members.find(step.substr(0, bracket));
    if (member == node->members.end()) break;
    node = &member->second;
    if (bracket == std::string_view::npos) continue;
    const auto index = parse_unsigned(step.substr(bracket + 1, step.size() - bracket - 2));
    if (!index || *index >= node->elements.size()) break;
    node = &node->elements[*index];
  }
  return node->place();
}

std::string_view to_string(Node::Kind kind) {
  switch (kind) {
    case Node::Kind::table:
      return "a table";
    case Node::Kind::array:
      return "an array";
    case Node::Kind::text:
      return "a string";
    case Node::Kind::integer:
      return "a whole number";
    case Node::Kind::number:
      return "a number";
    case Node::Kind::boolean:
      return "true or false";
  }
  return "a value";
}

Result<Node> parse_toml(std::string_view text, const std::string& name) {
  try {
    std::istringstream stream{std::string(text)};
    return node_from(toml::parse(stream, name), name);
  } catch (const std::exception& broken) {
    return fail(Error::Kind::malformed, "{}", broken.what());
  }
}

Result<Node> read_toml_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(Error::Kind::not_found, "{}: the configuration file cannot be read", path);
  std::ostringstream text;
  text << file.rdbuf();
  return parse_toml(text.str(), path);
}

}  // namespace nearend::config
