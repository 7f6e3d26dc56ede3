#include "config/section.hpp"

#include <algorithm>
#include <numeric>

namespace nearend::config {
namespace {

/// Levenshtein's distance, for "did you mean".
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t above = row[j + 1];
      row[j + 1] = std::min({above + 1, row[j] + 1, diagonal + (a[i] != b[j])});
      diagonal = above;
    }
  }
  return row.back();
}

std::string joined(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

}  // namespace

const Node* FileReader::find(std::string_view key) {
  Level& level = at_.back();
  level.known.emplace_back(key);
  auto found = level.node->members.find(key);
  return found == level.node->members.end() ? nullptr : &found->second;
}

void FileReader::wrong(const Node& node, std::string_view key, std::string_view text) {
  if (!first_)
    first_ = Error{Error::Kind::invalid, fmt::format("{}: {}: {}", node.place(), joined(at_.back().path, key), text)};
}

void FileReader::value(std::string_view key, std::string_view, std::string, std::string_view, const Reader& read) {
  const Node* node = find(key);
  if (!node) return;
  auto outcome = read(*node);
  if (!outcome) wrong(*node, key, outcome.error().text);
}

void FileReader::enter(const Node& node, std::string_view key, const std::function<void()>& inside) {
  if (node.kind != Node::Kind::table) {
    wrong(node, key, fmt::format("must be a table, found {}", to_string(node.kind)));
    return;
  }
  at_.push_back({&node, {}, joined(at_.back().path, key)});
  inside();
  leave();
}

void FileReader::table(std::string_view key, std::string_view, const std::function<void()>& inside) {
  if (const Node* node = find(key)) enter(*node, key, inside);
}

void FileReader::list(std::string_view key, std::string_view, const std::function<void(size_t)>& resize,
                      const std::function<void(size_t)>& inside, size_t) {
  const Node* node = find(key);
  if (!node) return;
  if (node->kind != Node::Kind::array) {
    wrong(*node, key, fmt::format("must be an array of tables, [[{}]], found {}", key, to_string(node->kind)));
    return;
  }
  resize(node->elements.size());
  for (size_t i = 0; i < node->elements.size(); ++i)
    enter(node->elements[i], fmt::format("{}[{}]", key, i), [&] { inside(i); });
}

void FileReader::leave() {
  const Level level = std::move(at_.back());
  at_.pop_back();
  for (const auto& [key, node] : level.node->members) {
    if (first_ || std::find(level.known.begin(), level.known.end(), key) != level.known.end()) continue;
    auto nearest = std::min_element(level.known.begin(), level.known.end(),
                                    [&](const auto& a, const auto& b) { return distance(a, key) < distance(b, key); });
    const std::string hint = nearest == level.known.end() ? "" : fmt::format("; did you mean '{}'?", *nearest);
    first_ =
        Error{Error::Kind::invalid, fmt::format("{}: {}: no such key{}", node.place(), joined(level.path, key), hint)};
  }
}

Result<void> FileReader::outcome() {
  if (!at_.empty()) leave();
  if (first_) return std::unexpected(*first_);
  return {};
}

void SampleWriter::value(std::string_view key, std::string_view type, std::string written, std::string_view meaning,
                         const Reader&) {
  at_.back().keys +=
      fmt::format("# {} ({})\n# {} = {}\n", meaning, type, key, written.empty() ? std::string("...") : written);
}

void SampleWriter::enter(std::string_view key, std::string_view meaning, std::string_view brackets,
                         const std::function<void()>& inside) {
  at_.push_back({.path = joined(at_.back().path, key), .keys = {}, .tables = {}});
  inside();
  const Level level = std::move(at_.back());
  at_.pop_back();
  const std::string_view sign = lists_ > 0 ? "# " : "";
  const size_t half = brackets.size() / 2;
  at_.back().tables += fmt::format("\n# {}\n{}{}{}{}\n{}{}", meaning, sign, brackets.substr(0, half), level.path,
                                   brackets.substr(half), level.keys, level.tables);
}

void SampleWriter::table(std::string_view key, std::string_view meaning, const std::function<void()>& inside) {
  enter(key, meaning, "[]", inside);
}

void SampleWriter::list(std::string_view key, std::string_view meaning, const std::function<void(size_t)>&,
                        const std::function<void(size_t)>& inside, size_t) {
  ++lists_;
  enter(key, meaning, "[[]]", [&] { inside(SIZE_MAX); });
  --lists_;
}

void ManualWriter::value(std::string_view key, std::string_view type, std::string written, std::string_view meaning,
                         const Reader&) {
  rows_ += fmt::format(
      "| `{}` | {} | {} | {} |\n", joined(path_, key), type,
      written.empty() || written == "\"\"" || written == "[]" ? std::string() : fmt::format("`{}`", written), meaning);
}

void ManualWriter::table(std::string_view key, std::string_view meaning, const std::function<void()>& inside) {
  const std::string outer = path_;
  path_ = joined(path_, key);
  rows_ += fmt::format("| `[{}]` | table | | {} |\n", path_, meaning);
  inside();
  path_ = outer;
}

void ManualWriter::list(std::string_view key, std::string_view meaning, const std::function<void(size_t)>&,
                        const std::function<void(size_t)>& inside, size_t) {
  const std::string outer = path_;
  path_ = joined(path_, key);
  rows_ += fmt::format("| `[[{}]]` | array of tables | | {} |\n", path_, meaning);
  inside(SIZE_MAX);
  path_ = outer;
}

}  // namespace nearend::config
