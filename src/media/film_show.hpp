#pragma once

#include <optional>

#include "io/loop.hpp"
#include "media/clip.hpp"
#include "media/film.hpp"

namespace nearend::media {

/// A film being shown to a leg: which frames are due, and when by the clock of RTP. Its SSRC is the port's own, its
/// line of numbers goes on from one film to the next. Media thread; takes no memory.
class FilmShow {
 public:
  static constexpr uint32_t clock_rate = 90'000;
  FilmShow(uint8_t stream, uint16_t sequence) : stream_(stream), sequence_(sequence) {}

  /// The m-line on which it is seen.
  uint8_t stream() const { return stream_; }
  bool is_on() const { return clip_ != nullptr; }
  /// The sound of `clip` up to `position_ms` is sent with this tick. `round` differs wherever it began anew.
  void advance(const ClipPtr& clip, uint64_t round, uint32_t position_ms, uint32_t clock);
  void end() { clip_ = nullptr; }

  struct Due {
    std::span<const uint8_t> frame;
    codec::PictureKind kind = codec::PictureKind::none;
    bool is_key = false;
    uint32_t timestamp = 0;
  };
  /// The next frame whose time has come.
  std::optional<Due> next();
  uint16_t next_sequence() { return sequence_++; }
  uint32_t frames() const { return frames_; }

  io::Instant next_report{};
  uint32_t packets = 0, octets = 0;

 private:
  uint8_t stream_;
  uint16_t sequence_;
  ClipPtr clip_;
  uint64_t round_ = 0;
  size_t next_ = 0;
  uint32_t until_ms_ = 0;
  uint32_t line_ = 0;  // timestamp of the film's beginning
  uint32_t last_timestamp_ = 0;
  bool has_sent_ = false;
  uint32_t frames_ = 0;
};

}  // namespace nearend::media
