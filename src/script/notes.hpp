#pragma once

#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "markup/element.hpp"

namespace nearend::script {

/// Codes of what the interpreter tells the customer; the numbers are the ones their tools already know.
namespace code {
inline constexpr int invalid_url = 11100;
inline constexpr int retrieval_failed = 11200;
inline constexpr int connection_failed = 11205;
inline constexpr int too_many_redirects = 11215;
inline constexpr int parse_failed = 12100;
inline constexpr int schema = 12200;
inline constexpr int content_type = 12300;
inline constexpr int play_failed = 13400;
}  // namespace code

/// Takes the warnings about a document. Each says where (line and column), what was found, and what would be right.
/// A silent one drops them: verbs are read once to warn, when the document arrives, and again without words when they
/// run.
class Notes {
 public:
  using Sink = std::move_only_function<void(int code, std::string text)>;

  Notes() = default;
  explicit Notes(Sink sink) : sink_(std::move(sink)) {}

  void warn(const markup::Element& at, int code, std::string_view text);
  /// Warns only the first time for this key.
  void warn_once(std::string_view key, const markup::Element& at, int code, std::string_view text);

 private:
  Sink sink_;
  std::set<std::string, std::less<>> told_;
};

/// The known name that `given` was probably meant to be (at most two letters off, or only the case), or empty.
std::string_view nearest_name(std::string_view given, std::span<const std::string_view> known);
/// "a, b, c"
std::string joined(std::span<const std::string_view> names);

}  // namespace nearend::script
