#pragma once

#include <span>
#include <string_view>

#include "base/result.hpp"
#include "media/clip.hpp"

namespace nearend::media {

/// What a sound file may be at most, decoded: an hour. Hostile files say more.
inline constexpr size_t clip_samples_max = size_t{3600} * sample_rate;

/// Decodes a WAV (linear 8 to 32 bits, float, A-law, mu-law, to 8 channels, 4 to 192 kHz), MP3, Ogg Opus, Matroska
/// or WebM file to 8 kHz mono. Worker thread. Errors: malformed, unsupported (another format, by name), invalid (too long).
Result<Clip> decode_audio(std::string_view bytes);
Result<Clip> decode_wav(std::string_view bytes);
Result<Clip> decode_mp3(std::string_view bytes);
Result<Clip> decode_ogg_opus(std::string_view bytes);
/// Matroska and WebM: Opus or linear sound, and pictures in VP8, VP9 or H.264.
Result<Clip> decode_film(std::string_view bytes);

/// To 8 kHz by a windowed sinc; `samples` are mono at `rate`.
std::vector<int16_t> resample(std::span<const int16_t> samples, uint32_t rate);

}  // namespace nearend::media
