#pragma once

#include <span>
#include <string_view>

#include "base/result.hpp"
#include "media/clip.hpp"

namespace nearend::media {

/// What a sound file may be at most, decoded: an hour. Hostile files say more.
inline constexpr size_t clip_samples_max = size_t{3600} * sample_rate;

/// Decodes a WAV (PCM 8 and 16 bits, A-law, mu-law, any channels, 8 to 48 kHz) or MP3 file to 8 kHz mono. Worker
/// thread. Errors: malformed, unsupported (another format), invalid (too long).
Result<Clip> decode_audio(std::string_view bytes);
Result<Clip> decode_wav(std::string_view bytes);
Result<Clip> decode_mp3(std::string_view bytes);

/// To 8 kHz by a windowed sinc; `samples` are mono at `rate`.
std::vector<int16_t> resample(std::span<const int16_t> samples, uint32_t rate);

}  // namespace nearend::media
