#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "base/result.hpp"

namespace nearend::lab {

/// Sound as the lab handles it: one channel of 16-bit samples, 8000 a second.
using Samples = std::vector<int16_t>;
constexpr int sample_rate = 8000;
constexpr size_t frame_samples = 160;  ///< 20 ms

/// Writes a RIFF file of 16-bit PCM, one channel, 8000 Hz.
Result<void> write_wav(const std::filesystem::path& file, std::span<const int16_t> samples);
/// Reads 16-bit PCM at 8000 Hz; of several channels only `channel`. A length that was never filled in (a recorder that
/// was killed) means: to the end of the file.
Result<Samples> read_wav(const std::filesystem::path& file, size_t channel = 0);
std::string wav_bytes(std::span<const int16_t> samples);

}  // namespace nearend::lab
