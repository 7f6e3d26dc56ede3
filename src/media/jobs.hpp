#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/loop.hpp"
#include "media/dtmf_detector.hpp"
#include "media/player.hpp"
#include "media/recorder.hpp"

namespace nearend::media {

/// Digits being gathered. The clock starts when the prompt has ended, and again at each digit.
struct Collector {
  JobId job;
  std::string digits;
  uint32_t digits_max = 0;
  std::string finish_on_digits;
  milliseconds timeout{5000};
  std::optional<io::Instant> deadline;
};

/// What works on an anchor; exists only while something does.
struct AnchorJobs {
  struct Tap {
    Recorder* recorder = nullptr;
    uint8_t leg = 0;
  };
  std::unique_ptr<Player> player;
  bool is_player_prompt = false;  ///< Plays for the collector; its end is not told.
  std::unique_ptr<Collector> collector;
  std::vector<Tap> taps;
  std::unique_ptr<DtmfDetector> in_band;

  bool is_empty() const { return !player && !collector && taps.empty() && !in_band; }
};

}  // namespace nearend::media
