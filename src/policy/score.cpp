#include "policy/score.hpp"

#include <algorithm>
#include <cmath>

namespace nearend::policy {
namespace {

/// Points that a percent of loss and a millisecond cost where no E-model rates the medium. Text is sent again when it
/// is lost; a screen's picture stands still; a moving picture breaks.
struct Price {
  double per_percent, per_ms;
};
constexpr Price generic_price{4, 0.06}, video_price{6, 0.06}, screen_price{2, 0.03}, text_price{0.2, 0.01};

double priced(const Price& price, const Worth& worth, double loss) {
  return 100 - price.per_percent * 100 * loss - price.per_ms * worth.m2e_ms;
}

}  // namespace

MediaKind media_kind(std::string_view name) {
  if (name == "video") return MediaKind::video;
  if (name == "screen") return MediaKind::screen;
  if (name == "text") return MediaKind::text;
  return MediaKind::audio;
}

std::string_view to_string(MediaKind kind) {
  constexpr std::string_view names[] = {"audio", "video", "screen", "text"};
  return names[static_cast<size_t>(kind)];
}

std::string_view to_string(Mode mode) {
  constexpr std::string_view names[] = {"static", "generic", "quality"};
  return names[static_cast<size_t>(mode)];
}

double units_of(MediaKind kind) {
  constexpr double units[] = {1, 8, 4, 0.1};
  return units[static_cast<size_t>(kind)];
}

Scale::Scale() : by_delay_{} {
  for (size_t i = 0; i < by_delay_.size(); ++i)
    by_delay_[i] = static_cast<float>(rtp::rating({.delay_ms = static_cast<double>(i) * step_ms}));
}

double Scale::rating(double m2e_ms, double loss, const rtp::Impairment& codec) const {
  const double at = std::clamp(m2e_ms / step_ms, 0.0, static_cast<double>(by_delay_.size() - 1));
  const auto below = std::min(static_cast<size_t>(at), by_delay_.size() - 2);
  const double part = at - static_cast<double>(below);
  const double undisturbed = by_delay_[below] * (1 - part) + by_delay_[below + 1] * part;
  return std::max(0.0, undisturbed - rtp::equipment_impairment(codec, loss * 100));
}

Worth Scale::worth(const Estimate& path, MediaKind media, const rtp::Impairment& codec, Mode mode) const {
  Worth worth;
  worth.m2e_ms = terminals_ms + path.delay_ms + buffer_per_jitter * path.jitter_ms;
  worth.rating = rating(worth.m2e_ms, path.loss, codec);
  if (mode != Mode::quality)
    worth.points = priced(generic_price, worth, path.loss);
  else if (media == MediaKind::audio)
    worth.points = worth.rating - points_per_ms * worth.m2e_ms;
  else
    worth.points = priced(media == MediaKind::video    ? video_price
                          : media == MediaKind::screen ? screen_price
                                                       : text_price,
                          worth, path.loss);
  return worth;
}

Estimate operator+(const Estimate& a, const Estimate& b) {
  return {a.delay_ms + b.delay_ms, std::sqrt(a.jitter_ms * a.jitter_ms + b.jitter_ms * b.jitter_ms),
          1 - (1 - a.loss) * (1 - b.loss), std::min(a.confidence, b.confidence)};
}

}  // namespace nearend::policy
