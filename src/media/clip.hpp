#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace nearend::media {

struct Film;

/// Sound that is ready to play: 8 kHz, mono, linear; and the pictures that belong to it.
struct Clip {
  std::vector<int16_t> samples;
  std::shared_ptr<const Film> film;  ///< Null for mere sound.
};
/// Shared between the cache, the players on the media thread and whoever loads: the last one frees it.
using ClipPtr = std::shared_ptr<const Clip>;

inline constexpr uint32_t sample_rate = 8000;
inline constexpr size_t frame_samples = 160;  ///< 20 ms

}  // namespace nearend::media
