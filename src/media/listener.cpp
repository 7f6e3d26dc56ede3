#include "media/listener.hpp"

#include <algorithm>

namespace nearend::media {
namespace {
constexpr uint32_t voiced_frames_min = 4;  // shorter is a click, a breath
constexpr uint64_t frames_behind = 6;      // what has not come after 120 ms is silence
constexpr uint64_t frames_ahead = 10;      // what came at once after a stall is not heard twice as long
}  // namespace

uint64_t Listener::frames_at(io::Instant now) const {
  return now <= begin_
             ? 0
             : static_cast<uint64_t>(std::chrono::duration_cast<milliseconds>(now - begin_) / milliseconds(20));
}

void Listener::feed(std::span<const int16_t> samples, io::Instant now) {
  const uint64_t until = frames_at(now) + frames_ahead;
  while (!samples.empty() && frames_ < until) {
    const size_t count = std::min(samples.size(), frame_samples - part_size_);
    std::copy_n(samples.begin(), count, part_.begin() + static_cast<ptrdiff_t>(part_size_));
    part_size_ += count;
    samples = samples.subspan(count);
    if (part_size_ < frame_samples) break;
    part_size_ = 0;
    take_frame(part_);
  }
}

void Listener::on_time(io::Instant now) {
  static constexpr std::array<int16_t, frame_samples> silence{};
  const uint64_t due = frames_at(now);
  while (frames_ + frames_behind < due) {
    part_size_ = 0;
    take_frame(silence);
  }
}

void Listener::take_frame(Frame frame) {
  const FrameFacts facts = meter_.measure(frame);
  on_voice(voice_.feed(facts));
  if (const auto beep = beep_.feed(facts)) {
    ++beeps_;
    add({.kind = Found::Kind::beep,
         .at = time_of(frames_ - beep->frames),
         .length = time_of(beep->frames),
         .hz = static_cast<uint32_t>(beep->hz + 0.5)});
  }
  ++frames_;
}

void Listener::on_voice(bool is_voice) {
  if (is_voice) {
    if (voiced_run_ == 0 && !is_speaking_) voice_begin_ = frames_;
    voice_end_ = frames_ + 1;
    if (++voiced_run_ < voiced_frames_min || is_speaking_) return;
    is_speaking_ = true;
    if (stretches_++ == 0) first_begin_ = voice_begin_;
    add({.kind = Found::Kind::speech_started, .at = time_of(voice_begin_)});
    return;
  }
  const uint64_t silent = frames_ + 1 - std::min(voice_end_, frames_ + 1);
  // Within a word there are frames without voice; a run goes on over two of them.
  if (!is_speaking_ && silent > 2) voiced_run_ = 0;
  if (!is_speaking_ || time_of(silent) < pause_) return;
  is_speaking_ = false;
  voiced_run_ = 0;
  last_end_ = voice_end_;
  add({.kind = Found::Kind::speech_ended, .at = time_of(voice_end_), .length = time_of(voice_end_ - voice_begin_)});
}

void Listener::add(const Found& found) {
  if (found_count_ == found_.size()) return;  // somebody does not ask
  found_[(found_first_ + found_count_++) % found_.size()] = found;
}

std::optional<Listener::Found> Listener::next() {
  if (found_count_ == 0) return std::nullopt;
  const Found found = found_[found_first_];
  found_first_ = (found_first_ + 1) % found_.size();
  --found_count_;
  return found;
}

std::optional<milliseconds> Listener::speech_end() const {
  if (stretches_ == 0) return std::nullopt;
  return time_of(is_speaking_ ? voice_end_ : last_end_);
}

void Listener::forget_speech() {
  if (is_speaking_ && stretches_ > 0) --stretches_;
  is_speaking_ = false;
  voiced_run_ = 0;
}

Listener::Summary Listener::summary() const {
  Summary all{.length = time_of(frames_), .stretches = stretches_, .beeps = beeps_};
  all.initial_silence = all.length;
  if (const auto end = speech_end()) {
    all.initial_silence = time_of(first_begin_);
    all.greeting = *end - all.initial_silence;
    all.silence_after = all.length - *end;
  }
  return all;
}

}  // namespace nearend::media
