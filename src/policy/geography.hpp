#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace nearend::policy {

/// In degrees, north and east positive.
struct Position {
  double latitude = 0, longitude = 0;
  bool operator==(const Position&) const = default;
};
/// On the earth's surface.
double kilometres(const Position& a, const Position& b);
/// Nothing for what is on no globe.
std::optional<Position> position_of(double latitude, double longitude);

/// Where countries and numbers are, roughly, by the table that the program carries (world.csv): enough to know the
/// nearest region before anything is measured. Immutable; any thread.
class Atlas {
 public:
  static const Atlas& carried();

  /// By ISO 3166 code, "DE".
  std::optional<Position> country(std::string_view code) const;
  struct Numbers {
    size_t length = 0;  ///< Of the prefix, with the plus: digits after it say nothing more about the place.
    Position at;
  };
  /// Of an E.164 number with its plus; nothing for numbers of no country: free phone, satellites.
  std::optional<Numbers> number(std::string_view number) const;
  size_t countries() const { return countries_.size(); }
  size_t prefixes() const { return prefixes_.size(); }

 private:
  explicit Atlas(std::string_view table);
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view name) const { return std::hash<std::string_view>{}(name); }
  };
  using Positions = std::unordered_map<std::string, Position, Hash, std::equal_to<>>;
  Positions countries_, prefixes_;
  size_t prefix_max_ = 0;
};

}  // namespace nearend::policy
