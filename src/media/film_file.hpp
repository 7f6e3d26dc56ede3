#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "codec/picture_frames.hpp"
#include "media/control.hpp"
#include "media/matroska.hpp"

namespace nearend::media {

class SoundCoder;

/// What a recorder of sound and pictures hands to the worker, a fifth of a second at a time. Times are on the
/// recording's line, in which 0 is its beginning.
struct FilmPiece {
  /// Samples to be coded, interleaved, from `first` (a sample a channel) on.
  struct Run {
    int64_t first = 0;
    std::vector<int16_t> samples;
  };
  /// A packet's Opus as it came.
  struct Sound {
    int64_t at_us = 0;
    uint32_t begin = 0, size = 0;  ///< In sound_bytes.
  };
  struct Packet {
    uint16_t sequence = 0;
    uint32_t timestamp = 0;
    bool marker = false;
    int64_t came_ms = 0, position_us = 0;
    uint32_t begin = 0, size = 0;  ///< In Line::bytes.
  };
  /// A stream of pictures.
  struct Line {
    codec::PictureKind kind = codec::PictureKind::none;
    bool begins_anew = false;  ///< What came before has nothing to do with it.
    std::vector<Packet> packets;
    std::vector<uint8_t> bytes;
  };
  int64_t now_ms = 0;    ///< On the clock of came_ms.
  int64_t until_ms = 0;  ///< Sound before it is all there.
  bool is_last = false;
  std::vector<Run> runs;
  std::vector<Sound> sounds;
  std::vector<uint8_t> sound_bytes;
  std::vector<Line> lines;
};

/// A recording with pictures under way: Matroska (WebM where there is no H.264), Opus for the sound, pictures as they
/// came. Beside its place, locked and recovered as RecordingFile's. One worker lane at a time.
class FilmFile {
 public:
  static constexpr size_t lines_max = 4;
  struct Settings {
    std::string path;
    uint8_t channels = 1;
    uint32_t seed = 1;  ///< Names the tracks.
  };
  explicit FilmFile(Settings settings);
  ~FilmFile();
  FilmFile(const FilmFile&) = delete;

  /// After the first failure further pieces are dropped. Errors: unavailable (disk full), internal.
  Result<void> write(const FilmPiece& piece);
  /// Closes, puts it in its place; the length.
  milliseconds close();
  /// The line's pictures cannot be kept before a key frame comes. Any thread.
  bool needs_key(size_t line) const { return needs_key_[line]; }

 private:
  struct Block {
    int64_t at_ms = 0;
    uint64_t order = 0;
    uint8_t track = 1;
    bool is_key = true;
    std::vector<uint8_t> bytes;
  };
  struct Pictures {
    codec::PictureFrames frames;
    uint8_t track = 0;  // 0: no key frame has come yet
  };

  Result<void> open();
  Result<void> write_head(const matroska::Ending* ending);
  Result<void> put_at(uint64_t at, std::string_view bytes);
  Result<void> take_sound(const FilmPiece& piece);
  Result<void> take_pictures(const FilmPiece& piece, size_t line);
  Result<void> add_picture(Pictures& pictures, codec::Picture picture);
  Result<void> put_blocks(int64_t until_ms);
  Result<void> put_block(const Block& block);
  Result<void> begin_cluster(int64_t at_ms);
  Result<void> end_cluster();
  Result<void> write_tail();
  Result<void> finish();

  Settings settings_;
  std::string path_;
  int file_ = -1;
  bool has_failed_ = false;
  std::vector<matroska::Track> tracks_;
  std::unique_ptr<SoundCoder> coder_;
  std::array<std::optional<Pictures>, lines_max> pictures_;
  std::array<std::atomic<bool>, lines_max> needs_key_{};
  std::vector<Block> waiting_;
  uint64_t blocks_ = 0;  // so far
  std::string tail_;     // not written yet
  uint64_t size_ = 0;    // of the file, without the tail
  uint64_t cluster_at_ = 0;
  int64_t cluster_ms_ = 0;
  bool has_cluster_ = false;
  std::vector<matroska::Cue> cues_;
  int64_t length_ms_ = 0;
};

}  // namespace nearend::media
