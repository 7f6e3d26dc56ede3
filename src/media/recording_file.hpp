#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "media/audio_encoder.hpp"
#include "media/control.hpp"

namespace nearend::media {

/// What the name of a recording that is being written ends with, after its own ending.
inline constexpr std::string_view unfinished_ending = ".part";

/// A recording of sound under way: WAV (linear 16 bits), MP3 or Ogg Opus, 8 kHz. It is written beside its place and comes there
/// when it is closed; what a crash leaves beside it plays up to its last second and is found again by
/// recover_recordings(). Locked as long as it is written. Used by one worker lane at a time.
class RecordingFile {
 public:
  struct Settings {
    std::string path;
    FileFormat format = FileFormat::wav;
    uint8_t channels = 1;
    bool is_silence_trimmed = false;
    uint32_t seed = 1;  ///< Names the stream in an Ogg file.
  };
  explicit RecordingFile(Settings settings);
  ~RecordingFile();
  RecordingFile(const RecordingFile&) = delete;

  /// Interleaved samples. After the first failure further ones are dropped. Errors: unavailable (disk full), internal.
  Result<void> write(std::span<const int16_t> samples);
  /// Trims, closes, puts it in its place; the length that can be heard.
  milliseconds close();

 private:
  Result<void> open();
  Result<void> append(std::span<const int16_t> samples);
  Result<void> append_linear(std::span<const int16_t> samples);
  Result<void> append_coded(std::span<const int16_t> samples);
  Result<void> write_bytes(std::string_view bytes);
  void note_loud(std::span<const int16_t> samples);
  milliseconds close_coded();
  milliseconds length_of(uint64_t frames) const;
  std::span<const int16_t> without_leading_silence(std::span<const int16_t> samples);

  Settings settings_;
  std::string path_;  // while it is written
  std::unique_ptr<AudioEncoder> encoder_;
  int file_ = -1;
  bool has_failed_ = false;
  bool has_sound_ = false;
  uint64_t bytes_ = 0;        // in the file, the WAV header apart
  uint64_t frames_ = 0;       // samples a channel that were written
  uint64_t loud_frames_ = 0;  // up to the last that is no silence
  uint64_t cut_bytes_ = 0;    // a coded file may end here and has all that was loud; 0: nowhere yet
  uint64_t cut_frames_ = 0;
};

/// Makes a file whole that was left half written: `file` is open for reading and writing. The length that can be heard.
/// Errors: malformed (nothing in it that can be).
Result<milliseconds> make_whole(int file, FileFormat format);

/// A recording that its writer did not live to end.
struct RecoveredRecording {
  std::string name;  ///< As path_hint was.
  std::string file;
  milliseconds length{0};
};
/// Ends what a crash has left in the directory and nobody writes any more, by name; what holds no sound is removed.
std::vector<RecoveredRecording> recover_recordings(const std::string& directory);

}  // namespace nearend::media
