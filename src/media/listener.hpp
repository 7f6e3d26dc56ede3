#pragma once

#include <array>
#include <optional>

#include "io/loop.hpp"
#include "media/control.hpp"
#include "media/voice_activity.hpp"

namespace nearend::media {

/// Keeps the time line of what an endpoint says: stretches of speech, pauses, beeps. Media thread; takes no memory.
class Listener {
 public:
  struct Found {
    enum class Kind : uint8_t { speech_started, speech_ended, beep };
    Kind kind = Kind::speech_started;
    milliseconds at{0};      ///< Since the beginning: of the stretch, of its end, of the beep.
    milliseconds length{0};  ///< Of the stretch or the beep.
    uint32_t hz = 0;
  };
  struct Summary {
    milliseconds length{0};           ///< Of the watch.
    milliseconds initial_silence{0};  ///< All of it where nothing was said.
    milliseconds greeting{0};         ///< From the first word to the last.
    milliseconds silence_after{0};    ///< Since the last word.
    uint32_t stretches = 0, beeps = 0;
  };

  /// `pause`: silence that ends a stretch.
  Listener(milliseconds pause, io::Instant begin) : begin_(begin), pause_(pause) {}
  /// What the endpoint said, as it comes in.
  void feed(std::span<const int16_t> samples, io::Instant now);
  /// Once a tick: where nothing comes in there is silence.
  void on_time(io::Instant now);
  std::optional<Found> next();
  Summary summary() const;
  bool is_speaking() const { return is_speaking_; }
  /// A tone is heard that may become a beep.
  bool is_in_tone() const { return beep_.is_open(); }
  /// When the last word ended; nothing where none was said.
  std::optional<milliseconds> speech_end() const;
  /// A key's tone was taken for speech.
  void forget_speech();

 private:
  using Frame = std::span<const int16_t, frame_samples>;
  void take_frame(Frame frame);
  void on_voice(bool is_voice);
  void add(const Found& found);
  static milliseconds time_of(uint64_t frames) { return milliseconds(frames * 20); }
  uint64_t frames_at(io::Instant now) const;

  io::Instant begin_;
  milliseconds pause_;
  std::array<int16_t, frame_samples> part_{};  // of a frame
  size_t part_size_ = 0;
  uint64_t frames_ = 0;  // of the line so far
  FrameMeter meter_;
  VoiceDetector voice_;
  BeepDetector beep_;
  uint32_t voiced_run_ = 0;                   // frames of voice before a stretch is one
  uint64_t voice_begin_ = 0, voice_end_ = 0;  // frame numbers of the stretch, of its last voice
  uint64_t first_begin_ = 0, last_end_ = 0;
  bool is_speaking_ = false;
  uint32_t stretches_ = 0, beeps_ = 0;
  std::array<Found, 8> found_{};
  size_t found_first_ = 0, found_count_ = 0;
};

}  // namespace nearend::media
