#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/result.hpp"
#include "media/control.hpp"

namespace nearend::media {

/// Turns 8 kHz samples into the bytes of a compressed sound file, piece by piece. What it has given out so far is a
/// file that plays, whatever happens to the rest. Worker thread; one lane at a time.
class AudioEncoder {
 public:
  virtual ~AudioEncoder() = default;
  /// Takes interleaved samples; what is ready is appended to `out`. Errors: internal (the library's words).
  virtual Result<void> encode(std::span<const int16_t> samples, std::string& out) = 0;
  /// Appends what is still inside and what ends the file.
  virtual Result<void> finish(std::string& out) = 0;
  /// Samples a channel that go in before their sound comes out.
  virtual uint32_t delay() const = 0;
};

/// MPEG-2.5 layer 3 by LAME, constant bit rate, every frame by itself. One or two channels, kept apart.
Result<std::unique_ptr<AudioEncoder>> make_mp3_encoder(uint8_t channels);
/// Ogg Opus (RFC 7845), a page each 400 ms. Two channels are two streams that share nothing. `seed` names the stream.
Result<std::unique_ptr<AudioEncoder>> make_ogg_opus_encoder(uint8_t channels, uint32_t seed);

/// "wav", "mp3", "ogg": the end of a file's name.
std::string_view file_ending(FileFormat format);

}  // namespace nearend::media
