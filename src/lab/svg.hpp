#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace nearend::lab {

struct Point {
  double x = 0;
  double y = 0;
};

/// Text for HTML and SVG, with its special characters escaped.
std::string escaped(std::string_view text);

/// A picture, drawn top down; the CSS classes are defined by the page it stands in.
class Svg {
 public:
  Svg(double width, double height) : width_(width), height_(height) {}

  void line(Point from, Point to, std::string_view css);
  /// A line with an arrow head at its end.
  void arrow(Point from, Point to, std::string_view css);
  void polyline(const std::vector<Point>& points, std::string_view css);
  void polygon(const std::vector<Point>& points, std::string_view css);
  void rect(Point corner, double width, double height, std::string_view css);
  void circle(Point centre, double radius, std::string_view css);
  /// `anchor`: start, middle or end.
  void text(Point at, std::string_view words, std::string_view css = "label", std::string_view anchor = "start");
  std::string str() const;

 private:
  void shape(std::string_view kind, const std::vector<Point>& points, std::string_view css);

  double width_;
  double height_;
  std::string body_;
};

}  // namespace nearend::lab
