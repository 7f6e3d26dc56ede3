#pragma once

#include <array>
#include <optional>

#include "io/loop.hpp"
#include "media/film_file.hpp"
#include "rtp/packet.hpp"

namespace nearend::media {

/// What a sender report said last: how a stream's timestamps lie in the far end's own time (RFC 3550 6.4.1).
struct SenderClock {
  uint64_t ntp = 0;  ///< 0: none came yet.
  uint32_t timestamp = 0;
  uint32_t ssrc = 0;
};

/// Keeps a fifth of a second of the packets of one or two legs for a film. Pictures are set beside the sound that
/// belongs to them by both streams' sender reports; without these by when they came. Media thread; add_… take no
/// memory.
class FilmTap {
 public:
  /// A picture is asked for this often at most.
  static constexpr std::chrono::seconds ask_interval{1};
  static constexpr size_t bytes_max = 512 << 10, packets_max = 1024;

  FilmTap();

  /// Where a stream's packet lies on the line.
  struct Heard {
    rtp::Packet packet;
    uint32_t clock_rate = 8000;
    SenderClock clock;
  };
  /// The sound of a leg at `at_us`.
  void note_sound(size_t leg, const Heard& heard, int64_t at_us);
  /// It is Opus, and goes into the file as it is.
  void keep_sound(rtp::Bytes payload, int64_t at_us);
  /// A packet of the leg's m-line `stream`; `here_us`: the present moment on the line.
  void add_picture(size_t leg, uint8_t stream, codec::PictureKind kind, const Heard& heard, int64_t here_us,
                   io::Instant now);
  /// What comes from now on has nothing to do with what came.
  void begin_anew();
  /// All that was kept.
  FilmPiece take(io::Instant now);

  struct Wish {
    size_t leg = 0;
    uint8_t stream = 0;
    uint32_t ssrc = 0;
  };
  /// Whose far end is to be asked for a key frame now, if any.
  std::optional<Wish> next_wish(const FilmFile& file, io::Instant now);

 private:
  struct Line {
    size_t leg = 0;
    uint8_t stream = 0;
    uint32_t ssrc = 0;
    io::Instant came{}, asked{};
    bool has_position = false;
    uint32_t timestamp = 0;
    int64_t position_us = 0;
    FilmPiece::Line kept;
  };
  struct Sound {
    Heard heard;
    int64_t at_us = 0;
  };
  Line* find_line(size_t leg, uint8_t stream);
  void place(Line& line, const Heard& heard, int64_t here_us) const;
  std::optional<int64_t> by_reports(const Line& line, const Heard& heard, int64_t here_us) const;

  std::array<Line, FilmFile::lines_max> lines_;
  size_t line_count_ = 0;
  std::array<std::optional<Sound>, 2> last_sound_;
  std::vector<FilmPiece::Sound> sounds_;
  std::vector<uint8_t> sound_bytes_;
};

}  // namespace nearend::media
