#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "media/clip.hpp"
#include "media/control.hpp"
#include "media/sound_pipe.hpp"
#include "media/tone.hpp"
#include "rtp/telephone_event.hpp"

namespace nearend::media {

/// One thing to play, on the media thread: what is known of it, and the clip as soon as it is there.
struct PlayItem {
  Source::Kind kind = Source::Kind::silence;
  ClipPtr clip;                ///< url, file, speech; null until loaded.
  std::optional<Error> error;  ///< Will not come.
  Tone tone;
  std::string digits;
  milliseconds length{0};
  milliseconds offset{0};
  uint32_t loop = 1;
  std::shared_ptr<SoundPipe> pipe;  ///< Instead of all else: what comes through it, until it has ended.
  bool needs_clip() const {
    if (pipe) return false;
    return kind == Source::Kind::url || kind == Source::Kind::file || kind == Source::Kind::speech;
  }
};

/// What ends it before its end.
struct PlayEnds {
  bool by_digit = false;
  bool by_media = false;  ///< The first packet of somebody on the leg's path.
  bool is_told = true;    ///< Its end is an event.
};

/// 20 ms of what we say ourselves.
struct OwnFrame {
  enum class Kind : uint8_t { audio, event, nothing };
  Kind kind = Kind::audio;
  bool is_event_start = false;
  rtp::EventPayload event;
  std::array<int16_t, frame_samples> samples{};
};

/// Plays items one after another without a gap. Media thread; next() takes no memory.
class Player {
 public:
  enum class State : uint8_t { playing, waiting, ended, failed };

  Player(JobId job, std::vector<PlayItem> items, PlayEnds ends, double volume_db = 0)
      : job_(job), items_(std::move(items)), ends_(ends) {
    set_volume(volume_db);
    begin_item();
  }
  void set_volume(double volume_db);
  /// Paused it is silent and stays where it is.
  void set_paused(bool is_paused) { is_paused_ = is_paused; }
  /// Makes the next 20 ms. `has_events`: digits go as RFC 4733 events, otherwise as tones.
  /// waiting: the clip has not come yet, the frame is silence. ended: there was nothing left.
  State next(OwnFrame& frame, bool has_events);
  /// Of a stream: ended here, whatever may still come.
  ~Player();

  JobId job() const { return job_; }
  bool is_stopped_by_digit() const { return ends_.by_digit; }
  bool is_stream() const { return !items_.empty() && items_.front().pipe; }
  bool is_told() const { return ends_.is_told; }
  bool is_yielding() const { return ends_.by_media; }
  milliseconds played() const { return milliseconds(frames_ * 20); }
  /// Index of the item that is being heard, their number when all were, and how far in it.
  uint32_t item() const { return static_cast<uint32_t>(item_); }
  milliseconds position() const;
  const std::optional<Error>& error() const { return error_; }
  /// What is being heard from a file; null where it is something else, or not there yet.
  ClipPtr clip() const;
  /// Differs wherever an item, or a round of it, begins.
  uint64_t rounds() const { return rounds_; }
  /// A leg that sees pictures begins a film at the key frame before the offset. Before the first next().
  void set_screen(bool has_screen) { has_screen_ = has_screen; }
  /// Whether the leg sees the pictures of what is heard now.
  void note_pictures(bool are_shown) { pictures_ = are_shown ? "shown" : "unseen"; }
  std::string_view pictures() const { return pictures_; }
  void supply(size_t item, Result<ClipPtr> clip);

 private:
  static constexpr uint32_t loop_max = 1000;
  static constexpr int32_t unity_gain = 4096;
  void amplify(OwnFrame& frame) const;
  void begin_item();
  void begin_round();
  void next_item();
  bool end_round();
  bool fill_clip(const PlayItem& item, OwnFrame& frame, size_t& filled);
  bool fill_pipe(SoundPipe& pipe, OwnFrame& frame, size_t& filled);
  bool fill_timed(const PlayItem& item, OwnFrame& frame, size_t& filled);
  bool fill_digits(const PlayItem& item, OwnFrame& frame, size_t& filled, bool has_events);

  JobId job_;
  std::vector<PlayItem> items_;
  PlayEnds ends_;
  size_t item_ = 0;
  uint32_t round_ = 0;
  size_t position_ = 0;  // samples into a clip or silence; digits: index
  ToneGenerator tone_;
  std::optional<rtp::EventSender> event_;
  int32_t gain_ = unity_gain;
  bool is_paused_ = false;
  size_t pause_samples_ = 0;  // left of a w, a W or the gap after a digit
  bool is_tone_running_ = false;
  uint64_t frames_ = 0;
  uint64_t rounds_ = 0;
  bool has_screen_ = false;
  bool is_offset_due_ = false;  // the clip has to come first
  std::string_view pictures_;
  std::optional<Error> error_;
};

}  // namespace nearend::media
