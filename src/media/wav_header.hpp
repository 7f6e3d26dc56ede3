#pragma once

#include <cstddef>
#include <cstdint>

namespace nearend::media {

inline constexpr size_t wav_header_size = 44;

/// Writes the header of a WAV file of linear 16 bits at 8 kHz with `data_bytes` of samples to the beginning of `file`.
bool write_wav_header(int file, uint8_t channels, uint64_t data_bytes);

}  // namespace nearend::media
