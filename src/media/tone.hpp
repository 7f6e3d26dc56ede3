#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/result.hpp"

namespace nearend::media {

/// Up to two frequencies for a time; frequency 0 is silence.
struct ToneStep {
  uint16_t first_hz = 0;
  uint16_t second_hz = 0;
  uint16_t length_ms = 0;
};

/// A cadence of call progress tones (ITU-T E.180 supplement 2).
struct Tone {
  std::array<ToneStep, 6> steps{};
  uint8_t count = 0;
  bool is_repeated = true;
  uint32_t length_ms() const;
};

/// "ringback/us", "busy/gb", "congestion/de", "dial/fr", "beep"; without a country the American one.
Result<Tone> find_tone(std::string_view name);
std::optional<Tone> dtmf_tone(char digit);

/// Makes a tone's samples, 8 kHz. No allocation.
class ToneGenerator {
 public:
  ToneGenerator() = default;
  explicit ToneGenerator(const Tone& tone) : tone_(tone) {}
  /// Fills `out`; false once a tone that is not repeated has ended (the rest is silence).
  bool fill(std::span<int16_t> out);

 private:
  Tone tone_;
  uint8_t step_ = 0;
  uint32_t in_step_ = 0;
};

}  // namespace nearend::media
