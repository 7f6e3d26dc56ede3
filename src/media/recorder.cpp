#include "media/recorder.hpp"

#include <algorithm>
#include <cstdlib>

namespace nearend::media {
namespace {
constexpr int voice_level = 300;  // mean of a frame, about -40 dBFS
}

Recorder::Recorder(JobId job, const RecordRequest& request, std::string path, uint32_t seed, io::Instant begin)
    : job_(job),
      owner_(request.legs.front()),
      path_(std::move(path)),
      finish_on_digits_(request.finish_on_digits),
      channels_(request.is_dual && request.legs.size() > 1 ? 2 : 1),
      begin_(begin),
      length_max_(request.length_max),
      silence_timeout_(request.silence_timeout) {
  if (request.format == FileFormat::matroska) {
    film_ = std::make_shared<FilmFile>(FilmFile::Settings{.path = path_, .channels = channels_, .seed = seed});
    film_tap_ = std::make_unique<FilmTap>();
  } else {
    file_ = std::make_shared<RecordingFile>(RecordingFile::Settings{.path = path_,
                                                                    .format = request.format,
                                                                    .channels = channels_,
                                                                    .is_silence_trimmed = request.is_silence_trimmed,
                                                                    .seed = seed});
  }
  legs_.resize(std::min<size_t>(request.legs.size(), 2));
  for (size_t i = 0; i < legs_.size(); ++i) legs_[i].anchor = request.legs[i];
}

int64_t Recorder::position_at(io::Instant now) const {
  const io::Instant here = standing_since_ ? std::min(now, *standing_since_) : now;
  return std::chrono::duration_cast<std::chrono::microseconds>(here - begin_).count() * sample_rate / 1'000'000;
}

void Recorder::note_level(std::span<const int16_t> samples) {
  int64_t sum = 0;
  for (int16_t sample : samples) sum += std::abs(int{sample});
  if (sum > voice_level * static_cast<int64_t>(samples.size()))
    silent_samples_ = 0;
  else
    silent_samples_ += static_cast<int64_t>(samples.size() / legs_.size());
}

void Recorder::add(size_t index, uint64_t source, uint32_t timestamp, std::span<const int16_t> samples,
                   io::Instant now) {
  if (now < begin_ || is_ending || is_paused_ || samples.empty()) return;
  note_level(samples);
  Leg& leg = legs_[index];
  const int64_t here = position_at(now);
  int64_t position = leg.last_position + static_cast<int32_t>(timestamp - leg.last_timestamp);
  const int64_t patience_samples = patience.count() * (sample_rate / 1000);
  // A new source, or one whose clock has left ours by more than the line can bear, is set down at the time of arrival.
  if (leg.source != source || position < here - patience_samples || position > here + patience_samples) {
    position = here;
    leg.source = source;
  }
  leg.last_position = position;
  leg.last_timestamp = timestamp;
  for (size_t i = 0; i < samples.size(); ++i) {
    const int64_t at = position + static_cast<int64_t>(i);
    if (at < flushed_ || at >= flushed_ + static_cast<int64_t>(ring_samples)) continue;
    leg.ring[static_cast<size_t>(at) % ring_samples] = samples[i];
  }
}

void Recorder::add_sound(size_t index, const FilmTap::Heard& heard, uint32_t ahead, bool is_opus, io::Instant now) {
  if (now < begin_ || is_ending || is_paused_) return;
  const int64_t position = legs_[index].last_position + ahead;
  const int64_t at_us = position * 1'000'000 / int64_t{sample_rate};
  film_tap_->note_sound(index, heard, at_us);
  const bool is_passed = is_opus && legs_.size() == 1;
  if (is_passed && !is_passing_) {
    passed_from_ = position;
    passed_until_ = INT64_MAX;
  }
  if (!is_passed && is_passing_) passed_until_ = position;
  is_passing_ = is_passed;
  if (is_passed) film_tap_->keep_sound(heard.packet.payload, at_us);
}

void Recorder::add_picture(size_t index, uint8_t stream, codec::PictureKind kind, const FilmTap::Heard& heard,
                           io::Instant now) {
  if (now < begin_ || is_ending || is_paused_) return;
  const auto here = std::chrono::duration_cast<std::chrono::microseconds>(now - begin_).count();
  film_tap_->add_picture(index, stream, kind, heard, here, now);
}

std::optional<FilmTap::Wish> Recorder::next_wish(io::Instant now) {
  if (!film_ || is_ending || is_paused_) return std::nullopt;
  return film_tap_->next_wish(*film_, now);
}

void Recorder::pause(bool is_gap_silent, io::Instant now) {
  if (std::exchange(is_paused_, true)) return;
  silent_samples_ = 0;
  if (!is_gap_silent) standing_since_ = now;
}

void Recorder::resume(io::Instant now) {
  if (!std::exchange(is_paused_, false)) return;
  if (const auto since = std::exchange(standing_since_, std::nullopt)) begin_ += now - *since;
  for (Leg& leg : legs_) leg.source = 0;  // what comes is set down at its time of arrival
  if (film_tap_) film_tap_->begin_anew();
}

bool Recorder::on_digit(char digit) {
  if (finish_on_digits_.find(digit) == std::string::npos) return false;
  digits_ = digit;
  return true;
}

std::vector<int16_t> Recorder::take(int64_t until) {
  std::vector<int16_t> piece;
  piece.reserve(static_cast<size_t>(until - flushed_) * channels_);
  for (; flushed_ < until; ++flushed_) {
    const size_t at = static_cast<size_t>(flushed_) % ring_samples;
    int mixed = 0;
    for (Leg& leg : legs_) {
      const int16_t sample = std::exchange(leg.ring[at], int16_t{0});
      if (channels_ == 2)
        piece.push_back(sample);
      else
        mixed += sample;
    }
    if (channels_ == 1) piece.push_back(static_cast<int16_t>(std::clamp(mixed, -32768, 32767)));
  }
  return piece;
}

/// Of the line up to there, what is not in the film already.
std::vector<FilmPiece::Run> Recorder::take_runs(int64_t until) {
  std::vector<FilmPiece::Run> runs;
  const int64_t from = flushed_;
  const std::vector<int16_t> all = take(until);
  const auto add = [&](int64_t first, int64_t end) {
    if (first >= end) return;
    const auto begin = all.begin() + (first - from) * channels_;
    runs.push_back({.first = first, .samples = {begin, begin + (end - first) * channels_}});
  };
  add(from, std::min(until, passed_from_));
  if (passed_from_ < until) add(std::max({from, passed_from_, passed_until_}), until);
  return runs;
}

void Recorder::submit(Worker& worker, std::move_only_function<Result<void>()> write) {
  ++written_->pending;
  worker.submit(static_cast<uint64_t>(job_),
                [written = written_, write = std::move(write)]() mutable -> Worker::Completion {
                  const auto done = write();
                  const bool is_full = !done && done.error().kind == Error::Kind::unavailable;
                  return [written, is_whole = done.has_value(), is_full] {
                    --written->pending;
                    if (!is_whole && !written->has_failed.exchange(true)) written->is_disk_full = is_full;
                  };
                });
}

void Recorder::flush(Worker& worker, bool is_last, io::Instant now) {
  const int64_t latest = std::chrono::duration_cast<milliseconds>(length_max_).count() * (sample_rate / 1000);
  const int64_t until = std::min(latest, position_at(is_last ? now : now - patience));
  if (until <= flushed_ || (!is_last && until - flushed_ < static_cast<int64_t>(sample_rate / 5))) return;
  const int64_t first = std::min(until, flushed_ + static_cast<int64_t>(ring_samples));
  if (film_) {
    FilmPiece piece = film_tap_->take(now);
    piece.runs = take_runs(first);
    piece.until_ms = until * 1000 / int64_t{sample_rate};
    piece.is_last = is_last;
    submit(worker, [film = film_, piece = std::move(piece)] { return film->write(piece); });
  } else {
    submit(worker, [file = file_, piece = take(first)] { return file->write(piece); });
  }
  flushed_ = std::max(flushed_, first);
}

std::string_view Recorder::reason_to_end(io::Instant now) const {
  if (written_->has_failed) return written_->failure();
  if (written_->pending > pending_max) return "disk-full";
  if ((standing_since_ ? *standing_since_ : now) - begin_ >= length_max_) return "length";
  if (silence_timeout_ && silent_samples_ >= silence_timeout_->count() * int64_t{sample_rate}) return "silence";
  return {};
}

void Recorder::close(Worker& worker, std::move_only_function<void(milliseconds, std::string_view)> done) {
  worker.submit(
      static_cast<uint64_t>(job_),
      [file = file_, film = film_, written = written_, done = std::move(done)]() mutable -> Worker::Completion {
        const milliseconds length = film ? film->close() : file->close();
        return [length, written, done = std::move(done)]() mutable { done(length, written->failure()); };
      });
}

}  // namespace nearend::media
