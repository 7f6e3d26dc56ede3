#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "codec/picture.hpp"

namespace nearend::media {

/// The little of Matroska (RFC 9559) that a recording needs, as bytes.
namespace matroska {

inline constexpr uint32_t ebml = 0x1a45dfa3, segment = 0x18538067, seek_head = 0x114d9b74, info = 0x1549a966,
                          duration = 0x4489, tracks = 0x1654ae6b, cluster = 0x1f43b675, timestamp = 0xe7,
                          simple_block = 0xa3, cues = 0x1c53bb6b, void_element = 0xec;
inline constexpr uint64_t unknown_size = ~uint64_t{0};
/// All before the first cluster: may be written anew at any time.
inline constexpr size_t head_size = 4096;
/// Where the segment's body begins, in every file of ours: positions in seek heads and cues count from there.
inline constexpr size_t segment_body_at = 52;

struct Track {
  uint8_t number = 1;
  codec::PictureKind pictures = codec::PictureKind::none;  ///< none: sound, Opus.
  uint8_t channels = 1;                                    ///< Of sound.
  bool is_uncoupled = false;                               ///< Two channels that are two streams.
  uint32_t delay_ticks = 0;                                ///< Of sound: 48 kHz samples before the first that counts.
  codec::PictureSize size;
  std::vector<uint8_t> configuration;  ///< H.264: the parameter sets.
  uint64_t id = 1;
};

/// What is known only at the end.
struct Ending {
  double duration_ms = 0;
  uint64_t cues_at = 0;  ///< Offset in the file.
  uint64_t size = 0;     ///< Of the file.
};

/// The first head_size bytes of a file; `ending` null while it is being written. Errors: invalid (the tracks do not
/// fit).
Result<std::string> make_head(const std::vector<Track>& tracks, const Ending* ending);
/// What a cluster begins with: its size stands in the eight bytes from cluster_size_at on.
std::string begin_cluster(uint64_t time_ms);
inline constexpr size_t cluster_size_at = 4, cluster_body_at = 12;
/// Eight bytes, as where a size is patched in.
std::string wide_size(uint64_t size);
/// `offset_ms` is to the cluster's time.
void put_block(std::string& out, uint8_t track, int16_t offset_ms, bool is_key, std::string_view frame);

/// Stands first in the head's info, or a void element as long as it.
std::string duration_element(double length_ms);

struct Cue {
  uint64_t time_ms = 0, cluster_at = 0;
  uint8_t track = 1;
};
/// `cluster_at` of the cues is an offset in the file.
std::string make_cues(const std::vector<Cue>& cues);

}  // namespace matroska
}  // namespace nearend::media
