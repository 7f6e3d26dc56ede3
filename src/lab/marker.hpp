#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "lab/wav.hpp"

namespace nearend::lab {

/// Whose voice it is. Each has marker sound of its own: two tones a frame of 20 ms, all of them multiples of 50 Hz,
/// which count the frames from 0 to 255 and begin again (5.12 s).
enum class Voice : uint8_t { caller, callee, prompt };

constexpr int marker_cycle = 256;

/// `frames` frames of a voice's marker. No frame's G.711 code repeats within a cycle, so packets can be matched too.
Samples marker(Voice voice, size_t frames);
Samples marker_frame(Voice voice, size_t number);

/// One frame found in a recording.
struct HeardFrame {
  size_t at = 0;             ///< First sample.
  int number = 0;            ///< 0 to 255.
  bool is_odd_comb = false;  ///< Callee's tones lie between those of caller and prompt.
};
/// The marker frames in a recording, in time order, wherever they begin.
std::vector<HeardFrame> find_frames(std::span<const int16_t> samples);

/// What one voice sounded like at an ear.
struct Hearing {
  Voice voice = Voice::caller;
  size_t frames = 0;    ///< Frames heard.
  double first_ms = 0;  ///< In the recording.
  double last_ms = 0;
  int lost_ms = 0;  ///< Skipped by the counter between frames heard less than a cycle apart.
  int repeated_ms = 0;
};
/// Everything heard of each voice, in the order of enum Voice; frames == 0: not heard.
std::vector<Hearing> hear(std::span<const int16_t> samples);

/// The longest stretch quieter than -60 dBFS, in ms.
int longest_silence_ms(std::span<const int16_t> samples);
/// Steps between samples more than ten times the local median: clicks.
int count_clicks(std::span<const int16_t> samples);

}  // namespace nearend::lab
