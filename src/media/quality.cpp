#include "media/quality.hpp"

#include <algorithm>

#include "rtp/e_model.hpp"

namespace nearend::media {
namespace {

constexpr double packet_ms = 20;
constexpr double buffer_per_jitter = 2;  // what an adaptive buffer settles at

}  // namespace

std::optional<Quality> quality_of(const StreamStats& stats) {
  if (stats.kind != StreamKind::audio || stats.packets_in == 0) return std::nullopt;
  const auto lost = static_cast<double>(stats.lost);
  // What a buffer of ours threw away is as good as lost; what FEC brought back is as good as heard.
  const double recovered = std::min(lost, static_cast<double>(stats.recovered_ms) / packet_ms);
  const auto late = static_cast<double>(stats.late + stats.discarded) - recovered;
  Quality quality;
  quality.loss_percent = 100 * (lost + late) / (static_cast<double>(stats.packets_in) + lost);
  const double buffer_ms = stats.buffer_ms.value_or(buffer_per_jitter * stats.jitter_ms);
  quality.delay_ms = stats.rtt_ms.value_or(0) / 2 + packet_ms + buffer_ms;
  quality.rating = rtp::rating({.delay_ms = quality.delay_ms, .loss_percent = quality.loss_percent});
  quality.score = rtp::opinion_score(quality.rating);
  return quality;
}

}  // namespace nearend::media
