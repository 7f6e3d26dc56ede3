#include "policy/geography.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numbers>

#include "policy_world.hpp"

namespace nearend::policy {

double kilometres(const Position& a, const Position& b) {
  constexpr double earth_km = 6371, degree = std::numbers::pi / 180;
  const double half_lat = std::sin((a.latitude - b.latitude) * degree / 2);
  const double half_lon = std::sin((a.longitude - b.longitude) * degree / 2);
  const double h =
      half_lat * half_lat + std::cos(a.latitude * degree) * std::cos(b.latitude * degree) * half_lon * half_lon;
  return 2 * earth_km * std::asin(std::sqrt(std::min(h, 1.0)));
}

std::optional<Position> position_of(double latitude, double longitude) {
  if (!(std::abs(latitude) <= 90) || !(std::abs(longitude) <= 180)) return std::nullopt;
  return Position{latitude, longitude};
}

/// Rows of country, prefix, latitude, longitude; the table is ours, so its rows are as they should be.
Atlas::Atlas(std::string_view table) {
  while (!table.empty()) {
    const size_t end = std::min(table.find('\n'), table.size());
    std::string_view row = table.substr(0, end);
    table.remove_prefix(std::min(end + 1, table.size()));
    if (row.empty() || row[0] == '#' || row.starts_with("country")) continue;
    std::array<std::string_view, 4> cells;
    for (std::string_view& cell : cells) {
      cell = row.substr(0, row.find(','));
      row.remove_prefix(std::min(cell.size() + 1, row.size()));
    }
    const auto& [code, prefix, latitude, longitude] = cells;
    Position at;
    std::from_chars(latitude.data(), latitude.data() + latitude.size(), at.latitude);
    std::from_chars(longitude.data(), longitude.data() + longitude.size(), at.longitude);
    if (latitude.empty()) at = countries_.find(code)->second;
    (prefix.empty() ? countries_ : prefixes_).emplace(prefix.empty() ? code : prefix, at);
    prefix_max_ = std::max(prefix_max_, prefix.size());
  }
}

const Atlas& Atlas::carried() {
  static const Atlas atlas(world_csv);
  return atlas;
}

std::optional<Position> Atlas::country(std::string_view code) const {
  const auto found = countries_.find(code);
  return found == countries_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<Atlas::Numbers> Atlas::number(std::string_view number) const {
  if (!number.starts_with('+')) return std::nullopt;
  for (size_t length = std::min(number.size(), prefix_max_); length > 1; --length)
    if (const auto found = prefixes_.find(number.substr(0, length)); found != prefixes_.end())
      return Numbers{length, found->second};
  return std::nullopt;
}

}  // namespace nearend::policy
