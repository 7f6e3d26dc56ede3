#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/result.hpp"

namespace nearend::media {

/// Up to two frequencies for a time; frequency 0 is silence. The second is added to the first, or modulates it.
struct ToneStep {
  uint16_t first_hz = 0;
  uint16_t second_hz = 0;
  uint16_t length_ms = 0;
  bool is_modulated = false;
};

/// A cadence of call progress tones.
struct Tone {
  std::array<ToneStep, 8> steps{};
  uint8_t count = 0;
  bool is_repeated = true;
  uint32_t length_ms() const;
};

/// "ringback/us", "busy/gb", "congestion/de", "dial/fr", "beep", or a cadence; without a country that of `country`.
/// Errors: not_found (no such tone or country), invalid (a cadence that cannot be).
Result<Tone> find_tone(std::string_view name, std::string_view country = "us");
/// Frequencies and milliseconds, repeated: "425/1000,0/4000"; "440+480" are both at once, "400*25" is 400 Hz that 25 Hz
/// modulate; without a length a second. At most 8 steps of a minute.
Result<Tone> parse_cadence(std::string_view text);
/// The cadence of "ringback", "busy", "congestion" or "dial" in a country (ISO 3166, lower case; also "uk", "us-old");
/// empty when there is none.
std::string_view country_cadence(std::string_view kind, std::string_view code);
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
