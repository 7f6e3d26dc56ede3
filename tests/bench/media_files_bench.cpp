// links: media
// What recording and listening cost: 20 ms of a line each time.
#include <benchmark/benchmark.h>

#include <array>
#include <random>

#include "media/audio_encoder.hpp"
#include "media/listener.hpp"

using namespace nearend::media;

namespace {

/// Something like speech: filtered noise in syllables.
std::vector<int16_t> speech() {
  std::vector<int16_t> samples(sample_rate * 10);
  std::mt19937 random(1);
  double value = 0;
  for (size_t i = 0; i < samples.size(); ++i) {
    value = 0.9 * value + static_cast<double>(random() % 2000) - 1000;
    samples[i] = static_cast<int16_t>(value * (i / 1600 % 2 ? 2.0 : 0.1));
  }
  return samples;
}

void encode(benchmark::State& state, std::unique_ptr<AudioEncoder> encoder) {
  const auto samples = speech();
  std::string out;
  size_t at = 0;
  for (auto _ : state) {
    (void)encoder->encode(std::span(samples).subspan(at, frame_samples), out);
    at = (at + frame_samples) % samples.size();
    if (out.size() > 1 << 20) out.clear();
  }
}

void record_mp3(benchmark::State& state) {
  encode(state, std::move(*make_mp3_encoder(1)));
}
BENCHMARK(record_mp3);

void record_ogg_opus(benchmark::State& state) {
  encode(state, std::move(*make_ogg_opus_encoder(1, 1)));
}
BENCHMARK(record_ogg_opus);

void listen(benchmark::State& state) {
  const auto samples = speech();
  nearend::io::Instant now{};
  Listener listener(milliseconds(700), now);
  size_t at = 0;
  for (auto _ : state) {
    now += std::chrono::milliseconds(20);
    listener.feed(std::span(samples).subspan(at, frame_samples), now);
    while (listener.next()) continue;
    at = (at + frame_samples) % samples.size();
  }
}
BENCHMARK(listen);

}  // namespace
