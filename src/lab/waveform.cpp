#include <algorithm>

#include "lab/marker.hpp"
#include "lab/pictures.hpp"
#include "lab/svg.hpp"

namespace nearend::lab {
namespace {

constexpr double width = 1000, height = 120;

// For each sample block: which voice, or -1.
std::vector<int> voices_along(const Samples& samples, size_t block) {
  std::vector<int> out(samples.size() / block + 1, -1);
  const auto frames = find_frames(samples);
  for (const HeardFrame& frame : frames) {
    for (size_t at = frame.at; at < frame.at + frame_samples; at += block / 2 + 1) {
      if (at / block < out.size()) out[at / block] = frame.is_odd_comb ? 1 : 0;
    }
  }
  return out;
}

std::string_view css_of(int voice) {
  if (voice == 0) return "voice-caller";
  if (voice == 1) return "voice-callee";
  return "voice-prompt";
}

}  // namespace

std::string draw_waveform(const std::vector<RtpSeen>& heard, const std::vector<Mark>& marks, int64_t begin_ns,
                          int64_t end_ns) {
  Svg svg(width, height + 18);
  const double per_ns = width / static_cast<double>(std::max<int64_t>(end_ns - begin_ns, 1));
  const auto x_of = [&](int64_t at_ns) { return static_cast<double>(at_ns - begin_ns) * per_ns; };
  svg.rect({0, 0}, width, height, "panel");
  const Ear ear = listen(heard);
  const double seconds_per_pixel = static_cast<double>(end_ns - begin_ns) / 1e9 / width;
  const size_t block = std::max<size_t>(static_cast<size_t>(seconds_per_pixel * sample_rate), 1);
  const std::vector<int> voices = voices_along(ear.samples, block);
  for (size_t i = 0; i * block < ear.samples.size(); ++i) {
    const auto first = ear.samples.begin() + static_cast<std::ptrdiff_t>(i * block);
    const auto last = ear.samples.begin() + static_cast<std::ptrdiff_t>(std::min((i + 1) * block, ear.samples.size()));
    const auto [low, high] = std::minmax_element(first, last);
    const double x = x_of(ear.start_ns + static_cast<int64_t>(i * block) * 1'000'000'000 / sample_rate);
    const auto y_of = [](int16_t sample) {
      return height / 2 - static_cast<double>(sample) / 32768 * (height / 2 - 4);
    };
    svg.line({x, y_of(*high)}, {x, y_of(*low) + 0.5}, css_of(voices[i]));
  }
  for (const Mark& mark : marks) {
    const double x = x_of(mark.at_ns);
    svg.line({x, 0}, {x, height}, "mark");
    svg.text({x + 3, 11}, mark.words, "mark-label");
  }
  for (int second = 0; static_cast<double>(second) * 1e9 * per_ns < width; second += 2) {
    svg.text({static_cast<double>(second) * 1e9 * per_ns, height + 14}, fmt::format("{} s", second), "time");
  }
  return svg.str();
}

}  // namespace nearend::lab
