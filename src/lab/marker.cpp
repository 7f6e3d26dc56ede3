#include "lab/marker.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace nearend::lab {
namespace {

// A comb of 32 tones 100 Hz apart for the caller (300 Hz up) and, shifted by 50 Hz, for the callee. The prompt uses the
// caller's comb and counts down. 16 low tones carry the low digit, 16 high tones the high digit: a pair never looks
// like DTMF, whose two tones both lie in the low half.
constexpr int tone_count = 32;
constexpr double step_hz = 100;
constexpr double first_hz = 300;
constexpr double shift_hz = 50;
constexpr double tone_amplitude = 7000;
constexpr size_t hop = 20;            // samples between two looks at a recording: 2.5 ms
constexpr double clear_ratio = 0.75;  // share of a frame's energy in two tones that makes it a marker

double tone_hz(bool is_odd_comb, int tone) {
  return first_hz + (is_odd_comb ? shift_hz : 0) + step_hz * tone;
}

double energy_at(std::span<const int16_t> samples, double hz) {
  const double w = 2 * std::cos(2 * std::numbers::pi * hz / sample_rate);
  double before = 0, last = 0;
  for (const int16_t sample : samples) {
    const double next = sample + w * last - before;
    before = last;
    last = next;
  }
  return last * last + before * before - w * last * before;
}

struct Look {
  int number = -1;
  bool is_odd_comb = false;
  double clarity = 0;
};

int strongest(const std::array<double, tone_count>& energy, int begin) {
  const auto first = energy.begin() + begin;
  return static_cast<int>(std::max_element(first, first + tone_count / 2) - first);
}

Look look_at(std::span<const int16_t> frame) {
  double total = 0;
  for (const int16_t sample : frame) total += double{static_cast<double>(sample)} * sample;
  if (total < 160.0 * 200 * 200) return {};
  Look best;
  for (const bool is_odd : {false, true}) {
    std::array<double, tone_count> energy;
    for (int tone = 0; tone < tone_count; ++tone)
      energy[static_cast<size_t>(tone)] = energy_at(frame, tone_hz(is_odd, tone));
    const int low = strongest(energy, 0);
    const int high = strongest(energy, tone_count / 2);
    // A tone of amplitude A over N samples has the energy (A N / 2)^2 here and A^2 N / 2 in `total`.
    const double found = (energy[static_cast<size_t>(low)] + energy[static_cast<size_t>(high + tone_count / 2)]) * 2 /
                         static_cast<double>(frame.size());
    if (found / total > best.clarity) best = {high * 16 + low, is_odd, found / total};
  }
  return best;
}

int step(int from, int to) {
  return (to - from + marker_cycle) % marker_cycle;
}

// Which voice a frame of the even comb belongs to shows in its neighbours: the prompt counts down.
Voice voice_of(const std::vector<HeardFrame>& frames, size_t i) {
  if (frames[i].is_odd_comb) return Voice::callee;
  int up = 0, down = 0;
  const size_t begin = i < 3 ? 0 : i - 3;
  for (size_t k = begin; k + 1 < frames.size() && k < i + 3; ++k) {
    if (frames[k].is_odd_comb || frames[k + 1].is_odd_comb) continue;
    const int by = step(frames[k].number, frames[k + 1].number);
    if (by > 0 && by < marker_cycle / 2) ++up;
    if (by > marker_cycle / 2) ++down;
  }
  return down > up ? Voice::prompt : Voice::caller;
}

void add(Hearing& hearing, const HeardFrame& frame, int& last_number) {
  const double at_ms = static_cast<double>(frame.at) * 1000 / sample_rate;
  const int number = hearing.voice == Voice::prompt ? marker_cycle - 1 - frame.number : frame.number;
  if (hearing.frames++ == 0) {
    hearing.first_ms = at_ms;
  } else if (at_ms - hearing.last_ms < 20.0 * marker_cycle) {
    const int by = step(last_number, number);
    if (by == 0) hearing.repeated_ms += 20;
    if (by > 1 && by < marker_cycle / 2) hearing.lost_ms += 20 * (by - 1);
    if (by >= marker_cycle / 2) hearing.repeated_ms += 20 * (marker_cycle - by + 1);
  }
  hearing.last_ms = at_ms;
  last_number = number;
}

}  // namespace

Samples marker_frame(Voice voice, size_t number) {
  const int count = static_cast<int>(number % marker_cycle);
  const int code = voice == Voice::prompt ? marker_cycle - 1 - count : count;
  const double low = tone_hz(voice == Voice::callee, code % 16);
  const double high = tone_hz(voice == Voice::callee, 16 + code / 16);
  Samples out(frame_samples);
  for (size_t i = 0; i < frame_samples; ++i) {
    const double t = static_cast<double>(i) / sample_rate;
    // Whole periods fit into the frame and sines begin at 0: frames join without clicks.
    const double value = std::sin(2 * std::numbers::pi * low * t) + std::sin(2 * std::numbers::pi * high * t);
    out[i] = static_cast<int16_t>(std::lround(tone_amplitude * value));
  }
  return out;
}

Samples marker(Voice voice, size_t frames) {
  Samples out;
  out.reserve(frames * frame_samples);
  for (size_t i = 0; i < frames; ++i) {
    const Samples frame = marker_frame(voice, i);
    out.insert(out.end(), frame.begin(), frame.end());
  }
  return out;
}

std::vector<HeardFrame> find_frames(std::span<const int16_t> samples) {
  std::vector<HeardFrame> out;
  for (size_t at = 0; at + frame_samples <= samples.size();) {
    const Look look = look_at(samples.subspan(at, frame_samples));
    if (look.clarity < clear_ratio) {
      at += hop;
      continue;
    }
    // The clearest of the places around is where the frame begins.
    size_t best_at = at;
    Look best = look;
    for (size_t near = at + hop; near < at + frame_samples && near + frame_samples <= samples.size(); near += hop) {
      const Look other = look_at(samples.subspan(near, frame_samples));
      if (other.clarity <= best.clarity) break;
      best = other;
      best_at = near;
    }
    out.push_back({best_at, best.number, best.is_odd_comb});
    at = best_at + frame_samples - hop;
    // Skip what still shows the tail of the frame just found.
    while (at + frame_samples <= samples.size() && at < best_at + frame_samples) {
      const Look tail = look_at(samples.subspan(at, frame_samples));
      if (tail.number != best.number) break;
      at += hop;
    }
  }
  return out;
}

std::vector<Hearing> hear(std::span<const int16_t> samples) {
  const std::vector<HeardFrame> frames = find_frames(samples);
  std::vector<Hearing> out = {{Voice::caller}, {Voice::callee}, {Voice::prompt}};
  std::array<int, 3> last_number{};
  for (size_t i = 0; i < frames.size(); ++i) {
    const auto voice = static_cast<size_t>(voice_of(frames, i));
    add(out[voice], frames[i], last_number[voice]);
  }
  return out;
}

int longest_silence_ms(std::span<const int16_t> samples) {
  constexpr int floor = 33;  // -60 dBFS
  size_t longest = 0, current = 0;
  for (const int16_t sample : samples) {
    current = sample > -floor && sample < floor ? current + 1 : 0;
    longest = std::max(longest, current);
  }
  return static_cast<int>(longest * 1000 / sample_rate);
}

int count_clicks(std::span<const int16_t> samples) {
  constexpr size_t neighbour_count = 80;
  std::vector<int> steps;
  int clicks = 0;
  for (size_t at = 1; at + neighbour_count < samples.size(); at += neighbour_count) {
    steps.clear();
    for (size_t i = at; i < at + neighbour_count; ++i) steps.push_back(std::abs(samples[i] - samples[i - 1]));
    std::vector<int> sorted = steps;
    std::nth_element(sorted.begin(), sorted.begin() + neighbour_count / 2, sorted.end());
    const int median = std::max(sorted[neighbour_count / 2], 100);
    clicks += static_cast<int>(std::ranges::count_if(steps, [median](int by) { return by > 10 * median; }));
  }
  return clicks;
}

}  // namespace nearend::lab
