#pragma once

#include <string_view>

#include "base/result.hpp"
#include "media/clip.hpp"

namespace nearend::media {

/// Speaks a text with the embedded engines: flite's voice slt for English, whatever voice is named, espeak-ng for the
/// rest. Blocks; worker threads only. Errors: unsupported (no engine for the language), unavailable (espeak-ng is not
/// installed).
Result<Clip> speak(std::string_view text, std::string_view voice, std::string_view language);

/// What a text may have at most, as in TwiML.
inline constexpr size_t speech_text_max = 4096;

}  // namespace nearend::media
