#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "codec/picture.hpp"

namespace nearend::media {

struct Clip;

/// The pictures of a clip, as they are sent.
struct Film {
  struct Frame {
    uint32_t at_ms = 0;
    bool is_key = false;
    uint32_t begin = 0, size = 0;  ///< In bytes.
  };
  codec::PictureKind kind = codec::PictureKind::none;
  codec::PictureSize size;
  std::vector<Frame> frames;   ///< The first is a key frame.
  std::vector<uint8_t> bytes;  ///< As codec::Picture has them.

  std::span<const uint8_t> bytes_of(const Frame& frame) const { return {bytes.data() + frame.begin, frame.size}; }
  /// The last key frame that is not later; where there is none, the first.
  size_t key_before(uint32_t at_ms) const;
  /// The first frame that is not earlier; their number where there is none.
  size_t first_from(uint32_t at_ms) const;
};

/// What a Matroska or WebM file holds. Blocks view into its bytes.
struct FilmContents {
  struct Track {
    uint64_t number = 0;
    bool has_pictures = false, has_sound = false;
    std::string codec;  ///< "V_VP8", "A_OPUS"
    std::vector<uint8_t> configuration;
    codec::PictureSize size;
    uint64_t delay_ns = 0;
    uint32_t rate = 0, channels = 0, bits = 0;
  };
  struct Block {
    uint64_t track = 0;
    int64_t at_ms = 0;
    bool is_key = false;
    std::string_view bytes;
  };
  std::vector<Track> tracks;
  std::vector<Block> blocks;
  double duration_ms = 0;
  size_t cues = 0;
};
/// A file that ends early has what is there. Errors: malformed, unsupported (encrypted or compressed tracks).
Result<FilmContents> read_film(std::string_view bytes);

}  // namespace nearend::media
