#pragma once

#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace nearend::test {

/// What stands behind `--name` on a test program's command line, by name.
using Arguments = std::map<std::string, std::string, std::less<>>;

inline double number_of(const Arguments& arguments, std::string_view name, double otherwise) {
  const auto found = arguments.find(name);
  return found == arguments.end() ? otherwise : std::atof(found->second.c_str());
}

/// The parts between commas.
inline std::vector<std::string> list_of(const Arguments& arguments, std::string_view name, std::string otherwise) {
  const auto found = arguments.find(name);
  const std::string text = (found == arguments.end() ? std::move(otherwise) : found->second) + ",";
  std::vector<std::string> all;
  for (size_t at = 0, end; (end = text.find(',', at)) != std::string::npos; at = end + 1)
    all.push_back(text.substr(at, end - at));
  return all;
}

}  // namespace nearend::test
