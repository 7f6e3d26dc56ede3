#include "media/film_show.hpp"

#include <cstdlib>

namespace nearend::media {
namespace {
constexpr uint32_t ticks_a_ms = FilmShow::clock_rate / 1000;
constexpr uint32_t tick_ms = 20;
// The line follows the clock only where it has been left: a tick that is late is no step in time.
constexpr int32_t astray_ticks = 60 * static_cast<int32_t>(ticks_a_ms);
}  // namespace

void FilmShow::advance(const ClipPtr& clip, uint64_t round, uint32_t position_ms, uint32_t clock) {
  const Film& film = *clip->film;
  const uint32_t begin_ms = position_ms > tick_ms ? position_ms - tick_ms : 0;
  const bool is_new = clip_ != clip || round_ != round || position_ms < until_ms_;
  if (is_new) {
    clip_ = clip;
    round_ = round;
    next_ = film.key_before(begin_ms);
  }
  until_ms_ = position_ms;
  const uint32_t line = clock - begin_ms * ticks_a_ms;
  if (is_new || std::abs(static_cast<int32_t>(line - line_)) > astray_ticks) line_ = line;
}

std::optional<FilmShow::Due> FilmShow::next() {
  if (!clip_ || next_ >= clip_->film->frames.size()) return std::nullopt;
  const Film& film = *clip_->film;
  const Film::Frame& frame = film.frames[next_];
  if (frame.at_ms >= until_ms_) return std::nullopt;
  ++next_;
  ++frames_;
  uint32_t timestamp = line_ + frame.at_ms * ticks_a_ms;
  // Forward always, also where a film begins anew within the same moment.
  if (has_sent_ && static_cast<int32_t>(timestamp - last_timestamp_) <= 0) timestamp = last_timestamp_ + 1;
  has_sent_ = true;
  last_timestamp_ = timestamp;
  return Due{film.bytes_of(frame), film.kind, frame.is_key, timestamp};
}

}  // namespace nearend::media
