#include "lab/svg.hpp"

#include <fmt/format.h>

#include <cmath>

namespace nearend::lab {

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

void Svg::line(Point from, Point to, std::string_view css) {
  body_ += fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" class=\"{}\"/>\n", from.x, from.y,
                       to.x, to.y, css);
}

void Svg::arrow(Point from, Point to, std::string_view css) {
  constexpr double svg_head = 6;
  line(from, to, css);
  const double angle = std::atan2(to.y - from.y, to.x - from.x);
  const auto barb = [&](double by) {
    return Point{to.x - svg_head * std::cos(angle + by), to.y - svg_head * std::sin(angle + by)};
  };
  polygon({to, barb(0.4), barb(-0.4)}, fmt::format("{} head", css));
}

void Svg::shape(std::string_view kind, const std::vector<Point>& points, std::string_view css) {
  body_ += fmt::format("<{} class=\"{}\" points=\"", kind, css);
  for (const Point& point : points) body_ += fmt::format("{:.1f},{:.1f} ", point.x, point.y);
  body_ += "\"/>\n";
}

void Svg::polyline(const std::vector<Point>& points, std::string_view css) {
  shape("polyline", points, css);
}
void Svg::polygon(const std::vector<Point>& points, std::string_view css) {
  shape("polygon", points, css);
}

void Svg::rect(Point corner, double width, double height, std::string_view css) {
  body_ += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" class=\"{}\"/>\n", corner.x,
                       corner.y, width, height, css);
}

void Svg::circle(Point centre, double radius, std::string_view css) {
  body_ +=
      fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\" class=\"{}\"/>\n", centre.x, centre.y, radius, css);
}

void Svg::text(Point at, std::string_view words, std::string_view css, std::string_view anchor) {
  body_ += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" class=\"{}\" text-anchor=\"{}\">{}</text>\n", at.x, at.y, css,
                       anchor, escaped(words));
}

std::string Svg::str() const {
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" "
      "height=\"{1:.0f}\">\n{2}</svg>\n",
      width_, height_, body_);
}

}  // namespace nearend::lab
