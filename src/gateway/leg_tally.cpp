#include "gateway/leg_tally.hpp"

#include <algorithm>

namespace nearend::gateway {
namespace {

constexpr uint32_t packets_min = 100;

}  // namespace

void LegTally::add(const media::LegSecond& second) {
  const uint32_t lost = std::min(second.lost, second.packets);
  packets_ += second.packets;
  lost_ += lost;
  late_ += std::min(second.late, second.packets - lost);
  if (second.packets > 0) {
    ++seconds_;
    jitter_ms_ += second.jitter_ms;
  }
  if (second.rtt_ms > 0) {
    ++trips_;
    rtt_ms_ += second.rtt_ms;
  }
}

double LegTally::score() const {
  if (packets_ - lost_ < packets_min) return 0;
  media::StreamStats stats{.packets_in = packets_ - lost_, .lost = lost_, .late = late_};
  stats.jitter_ms = jitter_ms();
  if (trips_ > 0) stats.rtt_ms = rtt_ms();
  const auto quality = media::quality_of(stats);
  return quality ? quality->score : 0;
}

}  // namespace nearend::gateway
