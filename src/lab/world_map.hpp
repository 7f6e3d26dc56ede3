#pragma once

#include "lab/svg.hpp"

namespace nearend::lab {

/// A plate carrée of the inhabited world, drawn from coarse coordinates: enough to see which ocean is crossed.
inline constexpr double map_width = 760;
inline constexpr double map_height = 300;

/// Where a place is on the map, latitude and longitude in degrees.
Point on_map(double lat, double lon);
/// The land, as a first layer.
void draw_land(Svg& svg);
/// Points of a gently bent line between two places, so that several lines can be told apart.
std::vector<Point> bent(Point from, Point to, double bend);

}  // namespace nearend::lab
