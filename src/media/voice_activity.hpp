#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "media/clip.hpp"

namespace nearend::media {

/// What a frame of 20 ms is.
struct FrameFacts {
  double level_db = -100;  ///< Without what lies below speech; 0 is the loudest square wave.
  double tone_hz = 0;      ///< Of the single tone it is; 0: it is none.
};

/// Measures frames of one stream. A frame is a single tone when nine tenths of its power are at one frequency from
/// 380 to 2800 Hz.
class FrameMeter {
 public:
  FrameFacts measure(std::span<const int16_t, frame_samples> frame);

 private:
  double last_in_ = 0, last_out_ = 0;  // of the high pass
};

/// Tells speech from what is steady, by level above a floor that follows the background: what a line begins with is
/// background, and what stays within 5 dB for half a second is. Single tones are no speech.
class VoiceDetector {
 public:
  /// Whether the frame belongs to speech.
  bool feed(const FrameFacts& frame);

 private:
  bool is_steady(double level_db);

  std::array<double, 25> recent_{};  // levels of half a second
  size_t count_ = 0;
  double floor_db_ = 0;
};

/// Finds the beep of an answering machine: one steady tone for 100 ms to 2.5 s, told when it ends. Steady tones that
/// last longer (fax) or come back (busy, ring-back) are told as they are, or not at all.
class BeepDetector {
 public:
  struct Beep {
    uint32_t frames = 0;
    double hz = 0;
  };
  std::optional<Beep> feed(const FrameFacts& frame);
  /// What is heard now may become one.
  bool is_open() const { return open_.frames >= 3 && open_.frames <= 125; }

 private:
  Beep open_;
};

}  // namespace nearend::media
