#include "media/voice_activity.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <numbers>
#include <utility>

namespace nearend::media {
namespace {

constexpr double pi = std::numbers::pi;
constexpr double quiet_db = -50;  // softer is never speech
constexpr double above_floor_db = 8;
constexpr double rise_db = 0.05;  // of the floor, a frame: 2.5 dB a second
constexpr double rise_in_speech_db = 0.01;
constexpr double quietest_floor_db = -75, loudest_floor_db = -30;
constexpr double steady_range_db = 5;
constexpr double tone_least_db = -42;
constexpr double tone_purity = 0.9;
constexpr double tone_from_hz = 380, tone_to_hz = 2800;
constexpr double steady_hz = 15;
constexpr uint32_t beep_frames_min = 5, beep_frames_max = 125;

using Samples = std::span<const double, frame_samples>;

/// Frequency of the one tone that the samples would be made of: x[n] + x[n-2] = 2 cos(w) x[n-1].
double coarse_frequency(Samples x) {
  double cross = 0, power = 0;
  for (size_t i = 2; i < x.size(); ++i) {
    cross += x[i - 1] * (x[i] + x[i - 2]);
    power += x[i - 1] * x[i - 1];
  }
  if (power <= 0) return 0;
  return std::acos(std::clamp(cross / (2 * power), -1.0, 1.0)) * sample_rate / (2 * pi);
}

std::complex<double> project(Samples x, double hz, size_t from, size_t count) {
  const std::complex<double> step = std::polar(1.0, -2 * pi * hz / sample_rate);
  std::complex<double> turn = std::polar(1.0, -2 * pi * hz / sample_rate * static_cast<double>(from)), sum = 0;
  for (size_t i = from; i < from + count; ++i) {
    sum += x[i] * turn;
    turn *= step;
  }
  return sum;
}

/// The frequency of the frame's tone; 0 where it is not one tone.
double tone_of(Samples x) {
  const double coarse = coarse_frequency(x);
  if (coarse < tone_from_hz - 50 || coarse > tone_to_hz + 50) return 0;
  // Noise pulls the first guess; how the phase turns between the halves says it exactly.
  constexpr size_t half = frame_samples / 2;
  const auto turned = project(x, coarse, half, half) * std::conj(project(x, coarse, 0, half));
  const double hz = coarse + std::arg(turned) * sample_rate / (2 * pi * half);
  if (hz < tone_from_hz || hz > tone_to_hz) return 0;
  double power = 0;
  for (double value : x) power += value * value;
  const double in_tone = 2 * std::norm(project(x, hz, 0, frame_samples)) / frame_samples;
  return in_tone >= tone_purity * power ? hz : 0;
}

}  // namespace

FrameFacts FrameMeter::measure(std::span<const int16_t, frame_samples> frame) {
  std::array<double, frame_samples> x;
  double power = 0;
  for (size_t i = 0; i < frame.size(); ++i) {
    // A high pass at about 200 Hz: hum and what sets no level.
    last_out_ = frame[i] - last_in_ + 0.855 * last_out_;
    last_in_ = frame[i];
    x[i] = last_out_;
    power += last_out_ * last_out_;
  }
  FrameFacts facts;
  facts.level_db = 10 * std::log10(power / frame_samples / (32768.0 * 32768.0) + 1e-10);
  if (facts.level_db >= tone_least_db) facts.tone_hz = tone_of(x);
  return facts;
}

bool VoiceDetector::is_steady(double level_db) {
  recent_[count_++ % recent_.size()] = level_db;
  if (count_ < recent_.size()) return false;
  const auto [least, most] = std::ranges::minmax(recent_);
  return most - least < steady_range_db;
}

bool VoiceDetector::feed(const FrameFacts& frame) {
  if (count_ == 0) floor_db_ = std::min(frame.level_db, loudest_floor_db);
  if (is_steady(frame.level_db)) {
    floor_db_ = std::clamp(std::max(floor_db_, frame.level_db), quietest_floor_db, loudest_floor_db);
    return false;
  }
  const bool is_voice = frame.tone_hz == 0 && frame.level_db > quiet_db && frame.level_db > floor_db_ + above_floor_db;
  if (frame.tone_hz > 0) return false;
  if (frame.level_db < floor_db_)
    floor_db_ += 0.3 * (frame.level_db - floor_db_);
  else
    floor_db_ += is_voice ? rise_in_speech_db : rise_db;
  floor_db_ = std::clamp(floor_db_, quietest_floor_db, loudest_floor_db);
  return is_voice;
}

std::optional<BeepDetector::Beep> BeepDetector::feed(const FrameFacts& frame) {
  if (frame.tone_hz > 0 && (open_.frames == 0 || std::abs(frame.tone_hz - open_.hz) < steady_hz)) {
    // A mean over what was heard; the first frame holds the beginning and counts least.
    open_.hz = open_.frames < 2 ? frame.tone_hz : open_.hz + (frame.tone_hz - open_.hz) / 8;
    ++open_.frames;
    return std::nullopt;
  }
  const Beep ended = std::exchange(open_, Beep{});
  if (frame.tone_hz > 0) open_ = {.frames = 1, .hz = frame.tone_hz};
  if (ended.frames < beep_frames_min || ended.frames > beep_frames_max) return std::nullopt;
  return ended;
}

}  // namespace nearend::media
