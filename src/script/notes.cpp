#include "script/notes.hpp"

#include <algorithm>
#include <vector>

#include "base/text.hpp"

namespace nearend::script {
namespace {

constexpr size_t name_length_max = 64;  // of names compared; longer ones are nobody's slip of the pen
constexpr size_t distance_max = 2;

/// Levenshtein distance, without regard to case.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (ascii_lower(a[i - 1]) == ascii_lower(b[j - 1]) ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

void Notes::warn(const markup::Element& at, int code, std::string_view text) {
  if (sink_) sink_(code, fmt::format("line {}, column {}: {}", at.line, at.column, text));
}

void Notes::warn_once(std::string_view key, const markup::Element& at, int code, std::string_view text) {
  if (sink_ && told_.emplace(key).second) warn(at, code, text);
}

std::string_view nearest_name(std::string_view given, std::span<const std::string_view> known) {
  if (given.size() > name_length_max) return {};
  std::string_view nearest;
  size_t least = std::min(distance_max, given.size() / 2) + 1;
  for (std::string_view name : known) {
    const size_t distance = edit_distance(given, name);
    if (distance < least) {
      least = distance;
      nearest = name;
    }
  }
  return nearest;
}

std::string joined(std::span<const std::string_view> names) {
  std::string text;
  for (std::string_view name : names) {
    if (!text.empty()) text += ", ";
    text += name;
  }
  return text;
}

}  // namespace nearend::script
