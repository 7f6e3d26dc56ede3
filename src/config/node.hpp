#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace nearend::config {

/// One value of a configuration file with the place it stands at. Plain data, any thread.
struct Node {
  enum class Kind { table, array, text, integer, number, boolean };
  Kind kind = Kind::table;
  std::string text;
  int64_t integer = 0;
  double number = 0;
  bool boolean = false;
  std::map<std::string, Node, std::less<>> members;
  std::vector<Node> elements;
  std::string file;
  uint32_t line = 0;

  /// "gateway.toml:12", for errors.
  std::string place() const;
};

std::string_view to_string(Node::Kind kind);

/// Where "gateway.provider[1].addresses" stands in a file, "gateway.toml:12"; for a key that was left out the nearest
/// table around it.
std::string place_of(const Node& root, std::string_view path);

/// Reads TOML; errors name file, line and show the line with a caret. `name` stands for the file in errors.
Result<Node> parse_toml(std::string_view text, const std::string& name);
Result<Node> read_toml_file(const std::string& path);

}  // namespace nearend::config
