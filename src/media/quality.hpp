#pragma once

#include "media/control.hpp"

namespace nearend::media {

/// What a stream's figures mean for who listens to it, by the E-model (ITU-T G.107).
struct Quality {
  double loss_percent = 0;  ///< Lost on the way or come too late, of all that was sent to us.
  double delay_ms = 0;  ///< From that party's mouth to here: half the round trip, its packetisation, a jitter buffer.
  double rating = 0;    ///< R, 93.2 at best.
  double score = 0;     ///< Mean opinion score, 1 to 4.5.
};

/// Nothing for a stream that has brought nothing, and for those that are no speech. Every codec counts as G.711 with
/// concealment: far ends conceal, and the other codecs have no narrowband figures in G.113.
std::optional<Quality> quality_of(const StreamStats& stats);

}  // namespace nearend::media
