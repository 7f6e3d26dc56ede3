#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "io/loop.hpp"
#include "media/clip.hpp"
#include "media/control.hpp"
#include "media/film_tap.hpp"
#include "media/recording_file.hpp"
#include "media/worker.hpp"

namespace nearend::media {

/// Puts what one or two legs say on one time line and hands it to the worker in pieces. Lives only while a recording
/// runs. Media thread; add() takes no memory, flush() does, five times a second.
class Recorder {
 public:
  struct Leg {
    AnchorId anchor = AnchorId::none;
    uint64_t source = 0;  // whose numbering `offset` is for
    int64_t offset = 0;   // sample on the line = timestamp + offset
    uint32_t last_timestamp = 0;
    int64_t last_position = 0;
    std::vector<int16_t> ring = std::vector<int16_t>(ring_samples);
  };
  /// How long packets may be late, and how much is handed over at once.
  static constexpr milliseconds patience{200};
  static constexpr size_t ring_samples = 8192;
  /// Pieces on their way to the disk; with more the recording ends (a disk that stalls).
  static constexpr uint32_t pending_max = 64;

  /// `seed` names the stream in the file.
  Recorder(JobId job, const RecordRequest& request, std::string path, uint32_t seed, io::Instant begin);

  JobId job() const { return job_; }
  AnchorId owner() const { return owner_; }
  const std::string& path() const { return path_; }
  uint8_t channels() const { return channels_; }
  std::vector<Leg>& legs() { return legs_; }
  io::Instant begin() const { return begin_; }
  const std::string& digits() const { return digits_; }

  /// Samples of `leg` (its index) that arrived now.
  void add(size_t leg, uint64_t source, uint32_t timestamp, std::span<const int16_t> samples, io::Instant now);
  /// Pictures are kept as well.
  bool has_pictures() const { return film_ != nullptr; }
  /// After add(), of the same packet: how its line lies in time, for the pictures beside it. `ahead`: samples that
  /// add() was given before the packet's own. With `is_opus` a recording of one leg keeps the packet as it is.
  void add_sound(size_t leg, const FilmTap::Heard& heard, uint32_t ahead, bool is_opus, io::Instant now);
  void add_picture(size_t leg, uint8_t stream, codec::PictureKind kind, const FilmTap::Heard& heard, io::Instant now);
  /// Whose far end is to be asked for a key frame now.
  std::optional<FilmTap::Wish> next_wish(io::Instant now);
  /// What is said from now on is not kept. `is_gap_silent`: the line goes on meanwhile; else it stands still.
  void pause(bool is_gap_silent, io::Instant now);
  void resume(io::Instant now);
  /// True when the digit ends the recording.
  bool on_digit(char digit);
  /// Hands what is old enough to the worker; all of it when `is_last`.
  void flush(Worker& worker, bool is_last, io::Instant now);
  /// Why it must end now, or empty.
  std::string_view reason_to_end(io::Instant now) const;
  /// Closes the file; `done` runs on the media thread with its length and why not all was written, or nothing.
  void close(Worker& worker, std::move_only_function<void(milliseconds, std::string_view failure)> done);

  bool is_ending = false;

 private:
  int64_t position_at(io::Instant now) const;
  void note_level(std::span<const int16_t> samples);
  std::vector<int16_t> take(int64_t until);
  std::vector<FilmPiece::Run> take_runs(int64_t until);
  void submit(Worker& worker, std::move_only_function<Result<void>()> write);

  /// What the worker tells back; shared with work on its way, which may outlive the recorder and comes back to the
  /// media thread that sent it, also when the recorder has gone to another.
  struct Written {
    std::atomic<uint32_t> pending = 0;
    std::atomic<bool> is_disk_full = false;
    std::atomic<bool> has_failed = false;
    std::string_view failure() const { return is_disk_full ? "disk-full" : has_failed ? "error" : ""; }
  };

  JobId job_;
  AnchorId owner_;
  std::string path_;
  std::string finish_on_digits_;
  std::string digits_;
  uint8_t channels_;
  io::Instant begin_;  // later by each pause that is left out
  std::optional<io::Instant> standing_since_;
  bool is_paused_ = false;
  std::chrono::seconds length_max_;
  std::optional<std::chrono::seconds> silence_timeout_;
  int64_t silent_samples_ = 0;
  int64_t flushed_ = 0;  // samples of the line that have left the rings
  std::vector<Leg> legs_;
  std::shared_ptr<RecordingFile> file_;  // one of the two
  std::shared_ptr<FilmFile> film_;
  std::unique_ptr<FilmTap> film_tap_;
  // Samples of the line from the first to before the second are in the film as the packets that they came in.
  int64_t passed_from_ = INT64_MAX, passed_until_ = INT64_MAX;
  bool is_passing_ = false;
  std::shared_ptr<Written> written_ = std::make_shared<Written>();
};

}  // namespace nearend::media
