#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "media/control.hpp"

namespace nearend::media {

/// A WAV file under way: linear 16 bits, 8 kHz. The header is valid after each write, so that what a crash or a full
/// disk leaves behind can be played. Used by one worker lane at a time.
class RecordingFile {
 public:
  struct Settings {
    std::string path;
    uint8_t channels = 1;
    bool is_silence_trimmed = false;
  };
  explicit RecordingFile(Settings settings) : settings_(std::move(settings)) {}
  ~RecordingFile();
  RecordingFile(const RecordingFile&) = delete;

  /// Interleaved samples. After the first failure further ones are dropped. Errors: unavailable (disk full), internal.
  Result<void> write(std::span<const int16_t> samples);
  /// Trims, closes; the length that can be heard.
  milliseconds close();

 private:
  Result<void> open();
  Result<void> append(std::span<const int16_t> samples);
  bool write_header();
  std::span<const int16_t> without_leading_silence(std::span<const int16_t> samples);

  Settings settings_;
  int file_ = -1;
  bool has_failed_ = false;
  bool has_sound_ = false;
  uint64_t data_bytes_ = 0;
  uint64_t loud_bytes_ = 0;  // up to the last sample that is no silence
};

}  // namespace nearend::media
