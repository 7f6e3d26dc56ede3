#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/loop.hpp"
#include "media/answer_judge.hpp"
#include "media/dtmf_detector.hpp"
#include "media/listener.hpp"
#include "media/player.hpp"
#include "media/recorder.hpp"
#include "media/sound_pipe.hpp"

namespace nearend::media {

/// Digits being gathered. The clock starts when the prompt has ended, and again at each digit.
struct Collector {
  JobId job;
  std::string digits;
  uint32_t digits_max = 0;
  std::string finish_on_digits;
  milliseconds timeout{5000}, first_timeout{5000};
  std::unique_ptr<Listener> listener;  ///< Where speech may answer.
  std::optional<io::Instant> deadline;
  bool has_speech = false;  ///< Speech has answered.
};

/// A watch of what the endpoint says.
struct Listening {
  JobId job;
  Listener listener;
  io::Instant end_at;
  std::unique_ptr<AnswerJudge> judge;  ///< Where it is asked who answered.
  std::string_view verdict = "unknown";
};

/// What works on an anchor; exists only while something does.
struct AnchorJobs {
  struct Tap {
    Recorder* recorder = nullptr;
    uint8_t leg = 0;
  };
  std::unique_ptr<Player> player;
  std::deque<std::unique_ptr<Player>> queued;  ///< Begin one after another when the player has ended.
  std::unique_ptr<Collector> collector;
  std::unique_ptr<Listening> listening;
  std::vector<std::pair<JobId, std::shared_ptr<SoundPipe>>>
      pipes;  ///< Of streams; they hear, or are heard by a player.
  std::vector<Tap> taps;
  uint64_t keyed_source = 0;  ///< Of the telephone-event that was last turned into a tone for the leg.
  uint32_t keyed_timestamp = 0;
  std::unique_ptr<DtmfDetector> in_band;

  /// What plays is part of something else: a prompt, a beep, a key's tone.
  bool is_prompting() const { return player && !player->is_told(); }
  /// Something wants to hear what the endpoint says.
  bool is_hearing() const {
    return !taps.empty() || in_band || listening || !pipes.empty() || (collector && collector->listener);
  }
  bool is_empty() const {
    return !player && queued.empty() && !collector && !listening && pipes.empty() && taps.empty() && !in_band;
  }
};

}  // namespace nearend::media
