#pragma once

#include <cstdint>

#include "media/control.hpp"
#include "media/quality.hpp"

namespace nearend::gateway {

/// What a leg's endpoint was heard like, over the whole of the leg. Gateway's loop only.
class LegTally {
 public:
  void add(const media::LegSecond& second);
  uint32_t packets() const { return packets_; }  ///< That should have come,
  uint32_t lost() const { return lost_; }        ///< and of them those that did not,
  uint32_t late() const { return late_; }        ///< or after one that was sent later.
  double jitter_ms() const { return seconds_ == 0 ? 0 : jitter_ms_ / seconds_; }
  double rtt_ms() const { return trips_ == 0 ? 0 : rtt_ms_ / trips_; }
  /// By ITU-T G.107; 0 when less than two seconds were heard.
  double score() const;

 private:
  uint32_t packets_ = 0, lost_ = 0, late_ = 0, seconds_ = 0, trips_ = 0;
  float jitter_ms_ = 0, rtt_ms_ = 0;  // sums
};

}  // namespace nearend::gateway
