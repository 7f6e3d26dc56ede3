#pragma once

#include "moves/talk.hpp"

namespace nearend::media::test {

/// What one listener suffered from one move.
struct Harm {
  uint32_t lost = 0, doubled = 0;  ///< Frames, without those that the network lost.
  uint32_t beyond = 0;             ///< Both, beyond what the paths' difference explains.
  double gap_ms = 0;               ///< Longest pause beyond a frame, without lost frames' time.
};

/// What the listeners of a talk, or of many, have suffered.
struct Verdict {
  std::vector<Harm> harms;
  std::vector<double> calm_gaps_ms;  ///< The same in stretches without a move.
  std::vector<event::Moved> reports;
  uint64_t frames = 0;
  uint32_t moves = 0, from_kernel = 0;
  uint32_t ssrc_breaks = 0, sequence_breaks = 0, timestamp_breaks = 0, marker_breaks = 0;
  uint32_t refused = 0;
  double margin_ms = 0;

  uint32_t breaks() const { return ssrc_breaks + sequence_breaks + timestamp_breaks + marker_breaks; }
  uint32_t beyond(double share) const;
  double gap_ms(double share) const;
  std::string line(std::string_view what) const;
  /// Empty, or which bound does not hold.
  std::string fault() const;
};

/// Judges both listeners of a talk that has ended at `end`; its first `calm` is without moves.
Verdict judge(Talk& talk, io::Instant begin, io::Instant end);

}  // namespace nearend::media::test
