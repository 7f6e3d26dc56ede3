#include "media/player.hpp"

#include <algorithm>
#include <cmath>

#include "media/film.hpp"

namespace nearend::media {
namespace {
constexpr uint16_t event_ticks = 1280;       // a digit is pressed for 160 ms
constexpr size_t after_digit_samples = 640;  // 80 ms between digits
}  // namespace

void Player::supply(size_t item, Result<ClipPtr> clip) {
  if (item >= items_.size()) return;
  if (clip)
    items_[item].clip = std::move(*clip);
  else
    items_[item].error = std::move(clip.error());
}

void Player::set_volume(double volume_db) {
  gain_ = static_cast<int32_t>(std::lround(unity_gain * std::pow(10.0, std::clamp(volume_db, -60.0, 20.0) / 20)));
}

milliseconds Player::position() const {
  if (item_ >= items_.size() || items_[item_].kind == Source::Kind::digits) return milliseconds(0);
  return milliseconds(position_ * 1000 / sample_rate);
}

void Player::amplify(OwnFrame& frame) const {
  if (gain_ == unity_gain || frame.kind != OwnFrame::Kind::audio) return;
  for (int16_t& sample : frame.samples)
    sample = static_cast<int16_t>(std::clamp(sample * gain_ / unity_gain, -32768, 32767));
}

void Player::begin_item() {
  round_ = 0;
  begin_round();
  if (item_ < items_.size() && items_[item_].needs_clip())
    position_ = static_cast<size_t>(items_[item_].offset.count()) * (sample_rate / 1000);
  is_offset_due_ = position_ > 0;
}

ClipPtr Player::clip() const {
  return item_ < items_.size() && !items_[item_].pipe ? items_[item_].clip : nullptr;
}

void Player::begin_round() {
  ++rounds_;
  position_ = 0;
  pause_samples_ = 0;
  event_.reset();
  is_tone_running_ = false;
  if (item_ < items_.size()) tone_ = ToneGenerator(items_[item_].tone);
}

void Player::next_item() {
  ++item_;
  begin_item();
}

/// Ends one round of the item; false when it was the last.
bool Player::end_round() {
  const uint32_t rounds = items_[item_].loop == 0 ? loop_max : std::min(items_[item_].loop, loop_max);
  if (++round_ >= rounds) return false;
  begin_round();
  return true;
}

bool Player::fill_clip(const PlayItem& item, OwnFrame& frame, size_t& filled) {
  const auto& samples = item.clip->samples;
  if (std::exchange(is_offset_due_, false) && has_screen_ && item.clip->film) {
    const Film& film = *item.clip->film;
    position_ =
        size_t{film.frames[film.key_before(static_cast<uint32_t>(item.offset.count()))].at_ms} * (sample_rate / 1000);
  }
  position_ = std::min(position_, samples.size());  // an offset behind the end
  const size_t count = std::min(frame_samples - filled, samples.size() - position_);
  std::copy_n(samples.begin() + static_cast<ptrdiff_t>(position_), count,
              frame.samples.begin() + static_cast<ptrdiff_t>(filled));
  position_ += count;
  filled += count;
  return position_ < samples.size();
}

Player::~Player() {
  for (const PlayItem& item : items_)
    if (item.pipe) item.pipe->is_cut_short = true;
}

/// A frame that the far end has not filled in time is silence, and time passes.
bool Player::fill_pipe(SoundPipe& pipe, OwnFrame& frame, size_t& filled) {
  const bool is_over = pipe.is_spoken_out;
  const size_t count = pipe.spoken.read(std::span(frame.samples).subspan(filled));
  filled += count;
  position_ += count;
  return !is_over || count > 0;
}

bool Player::fill_timed(const PlayItem& item, OwnFrame& frame, size_t& filled) {
  const size_t total = static_cast<size_t>(item.length.count()) * (sample_rate / 1000);
  const bool is_tone = item.kind == Source::Kind::tone;
  size_t count = frame_samples - filled;
  if (!is_tone || total > 0) count = std::min(count, total - std::min(total, position_));
  bool is_sounding = true;
  if (is_tone) is_sounding = tone_.fill(std::span(frame.samples).subspan(filled, count));
  position_ += count;
  filled += count;
  if (is_tone && total == 0) return is_sounding;
  return position_ < total;
}

bool Player::fill_digits(const PlayItem& item, OwnFrame& frame, size_t& filled, bool has_events) {
  for (;;) {
    if (event_) {
      frame.is_event_start = event_->is_new();
      if (auto payload = event_->next()) {
        frame.kind = OwnFrame::Kind::event;
        frame.event = *payload;
        filled = frame_samples;
        return true;
      }
      event_.reset();
      pause_samples_ = after_digit_samples;
    }
    if (is_tone_running_) {
      is_tone_running_ = tone_.fill(std::span(frame.samples).subspan(filled));
      filled = frame_samples;
      return true;
    }
    if (pause_samples_ > 0) {
      const size_t count = std::min(frame_samples - filled, pause_samples_);
      pause_samples_ -= count;
      filled += count;
      if (filled == frame_samples) return true;
    }
    if (position_ >= item.digits.size()) return false;
    const char digit = item.digits[position_++];
    if (digit == 'w') pause_samples_ = sample_rate / 2;
    if (digit == 'W') pause_samples_ = sample_rate;
    const auto event = rtp::event_of_digit(digit);
    if (!event) continue;
    if (has_events && filled == 0) {
      event_.emplace(*event, event_ticks);
    } else if (has_events) {
      --position_;  // an event has its packet to itself
      filled = frame_samples;
      return true;
    } else if (auto tone = dtmf_tone(digit)) {
      tone_ = ToneGenerator(*tone);
      is_tone_running_ = true;
    }
  }
}

Player::State Player::next(OwnFrame& frame, bool has_events) {
  frame.kind = OwnFrame::Kind::audio;
  frame.is_event_start = false;
  frame.samples.fill(0);
  if (is_paused_) return State::waiting;
  size_t filled = 0;
  for (size_t rounds = 0; filled < frame_samples; ++rounds) {
    if (item_ >= items_.size()) break;
    PlayItem& item = items_[item_];
    if (item.error) {
      error_ = item.error;
      return State::failed;
    }
    if (item.needs_clip() && !item.clip) {
      if (filled > 0) break;
      return State::waiting;
    }
    bool has_more = false;
    if (item.pipe) {
      has_more = fill_pipe(*item.pipe, frame, filled);
      if (has_more && filled < frame_samples) break;
    } else if (item.needs_clip())
      has_more = fill_clip(item, frame, filled);
    else if (item.kind == Source::Kind::digits)
      has_more = fill_digits(item, frame, filled, has_events);
    else
      has_more = fill_timed(item, frame, filled);
    // A source without any length must not keep the media thread in here.
    if (!has_more && (rounds > frame_samples || !end_round())) next_item();
  }
  if (filled == 0) return item_ < items_.size() ? State::waiting : State::ended;
  amplify(frame);
  ++frames_;
  return State::playing;
}

}  // namespace nearend::media
