#include "media/stream_report.hpp"

#include <cmath>

#include "media/control_json.hpp"
#include "media/quality.hpp"

namespace nearend::media {
namespace {

double rounded(double value) {
  return std::round(value * 100) / 100;
}

}  // namespace

json::array report_of(const std::vector<StreamStats>& stats) {
  json::object figures = std::move(to_value(stats).as_object());
  json::array streams = std::move(figures["streams"].as_array());
  for (size_t i = 0; i < stats.size(); ++i) {
    const auto quality = quality_of(stats[i]);
    if (!quality) continue;
    streams[i].as_object()["quality"] = json::object{{"loss_percent", rounded(quality->loss_percent)},
                                                     {"delay_ms", rounded(quality->delay_ms)},
                                                     {"rating", rounded(quality->rating)},
                                                     {"score", rounded(quality->score)}};
  }
  return streams;
}

}  // namespace nearend::media
