// links: media codec
#include <benchmark/benchmark.h>

#include <array>
#include <cmath>
#include <vector>

#include "codec/jitter_buffer.hpp"
#include "codec/stream_decoder.hpp"
#include "codec/stream_encoder.hpp"
#include "media/engine.hpp"
#include "media/mixer.hpp"
#include "rtp/g711.hpp"

namespace {

using namespace nearend;

std::vector<int16_t> voice(uint32_t rate) {
  std::vector<int16_t> samples(rate * 4);
  double phase = 0;
  for (size_t i = 0; i < samples.size(); ++i) {
    const double t = static_cast<double>(i) / rate;
    phase += 6.2831853 * (120 + 20 * std::sin(4.4 * t)) / rate;
    double value = 0;
    for (int k = 1; k <= 12; ++k) value += std::sin(k * phase) / k;
    samples[i] = static_cast<int16_t>(4000 * std::max(0.2, std::sin(13 * t)) * value);
  }
  return samples;
}

struct Sink final : media::EngineOutput {
  void send(media::Socket, const Endpoint&, std::span<const uint8_t> datagram) override { bytes += datagram.size(); }
  void tell(media::AnchorId, media::Event) override {}
  uint64_t bytes = 0;
};
struct NoWorker final : media::Worker {
  void submit(uint64_t, Work) override {}
};

/// 200 packets of Opus and of G.711 each, as both sides of a call say them.
struct Material {
  std::vector<std::vector<uint8_t>> opus, ulaw;
  Material() {
    const auto settings = *codec::find_settings("opus", 48000, 2, "useinbandfec=1");
    auto encoder = *codec::make_encoder(settings);
    const auto samples = voice(8000);
    for (size_t at = 0; at + 160 <= samples.size(); at += 160) {
      std::array<uint8_t, codec::payload_bytes_max> payload;
      const auto size = encoder->encode(std::span(samples).subspan(at, 160), payload);
      opus.emplace_back(payload.begin(), payload.begin() + static_cast<ptrdiff_t>(*size));
      ulaw.emplace_back();
      for (size_t i = 0; i < 160; ++i) ulaw.back().push_back(rtp::encode_ulaw(samples[at + i]));
    }
  }
};
const Material& material() {
  static const Material made;
  return made;
}

/// Both directions of 20 ms of a call: the codec's work alone.
void opus_alone(benchmark::State& state) {
  const auto settings = *codec::find_settings("opus", 48000, 2, "useinbandfec=1");
  auto encoder = *codec::make_encoder(settings);
  auto decoder = *codec::make_decoder(settings);
  const auto samples = voice(8000);
  std::array<int16_t, 960> heard;
  std::array<uint8_t, codec::payload_bytes_max> payload;
  size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(decoder->decode(material().opus[i % material().opus.size()], heard));
    benchmark::DoNotOptimize(encoder->encode(std::span(samples).subspan(i % 200 * 160, 160), payload));
    ++i;
  }
}
BENCHMARK(opus_alone);

/// The same through the engine: from a packet of each side to the packet that the other gets.
void opus_call(benchmark::State& state) {
  Sink sink;
  NoWorker worker;
  io::Instant now{std::chrono::seconds(1)};
  media::Engine engine{{.now = now, .wall = {}, .seed = 1}, sink, worker};
  const media::Engine::StreamSockets sockets[] = {{}};
  const media::AnchorId legs[] = {media::AnchorId{uint64_t{1} << 32}, media::AnchorId{uint64_t{1} << 32 | 1}};
  const Endpoint phones[] = {{IpAddress::v4(0x0a000001), 4000}, {IpAddress::v4(0x0a000002), 4000}};
  const media::Format formats[] = {
      {.payload_type = 111, .name = "opus", .clock_rate = 48000, .channels = 2, .fmtp = "useinbandfec=1"},
      {.payload_type = 0, .name = "PCMU"}};
  for (int i = 0; i < 2; ++i) {
    engine.add(legs[i], sockets, false, now);
    media::Remote remote{.rtp = phones[i]};
    remote.formats = {formats[i]};
    engine.set_remote(legs[i], media::Side::outer, remote, now);
  }
  engine.connect(legs[0], {.kind = media::Path::Kind::bridge, .peer = legs[1]}, now);
  uint32_t frame = 0;
  for (auto _ : state) {
    now += std::chrono::milliseconds(20);
    for (int i = 0; i < 2; ++i) {
      const auto& payloads = i == 0 ? material().opus : material().ulaw;
      std::array<uint8_t, 1600> packet;
      const size_t size = rtp::write_packet(packet, {.payload_type = formats[i].payload_type,
                                                     .sequence = static_cast<uint16_t>(frame),
                                                     .timestamp = frame * (i == 0 ? 960 : 160),
                                                     .ssrc = 5,
                                                     .payload = payloads[frame % payloads.size()]});
      engine.input({.anchor = legs[i]}, phones[i], std::span(packet).first(size), now);
    }
    ++frame;
  }
  if (sink.bytes < frame * 150) state.SkipWithError("nothing was transcoded");
}
BENCHMARK(opus_call);

/// A room's frame with G.711 both ways for every member; time per member is real_time / members.
void mix(benchmark::State& state) {
  const auto members = static_cast<size_t>(state.range(0));
  media::Mixer mixer;
  for (size_t i = 0; i < members; ++i) mixer.enter();
  std::vector<std::array<uint8_t, 160>> in(members), out(members);
  for (size_t i = 0; i < members; ++i)
    for (size_t k = 0; k < 160; ++k) in[i][k] = static_cast<uint8_t>(i * 31 + k * 7);
  for (auto _ : state) {
    for (size_t i = 0; i < members; ++i) {
      media::Mixer::Frame said;
      for (size_t k = 0; k < 160; ++k) said[k] = rtp::decode_ulaw(in[i][k]);
      mixer.speak(static_cast<media::Mixer::Seat>(i), said);
    }
    mixer.mix();
    for (size_t i = 0; i < members; ++i) {
      media::Mixer::Frame heard;
      mixer.hear(static_cast<media::Mixer::Seat>(i), heard);
      for (size_t k = 0; k < 160; ++k) out[i][k] = rtp::encode_ulaw(heard[k]);
    }
    mixer.end_frame();
    benchmark::DoNotOptimize(out.data());
  }
  state.counters["ns_per_member"] = benchmark::Counter(
      static_cast<double>(members) * 1e-9, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK(mix)->Arg(3)->Arg(20)->Arg(100)->Arg(200);

/// 20 ms of a room of G.711 in the engine: everybody's packet in, the mix, everybody's packet out.
void room(benchmark::State& state) {
  const auto members = static_cast<uint32_t>(state.range(0));
  Sink sink;
  NoWorker worker;
  io::Instant now{std::chrono::seconds(1)};
  media::Engine engine{{.now = now, .wall = {}, .seed = 1}, sink, worker};
  const media::Engine::StreamSockets sockets[] = {{}};
  const auto leg = [](uint32_t number) { return media::AnchorId{uint64_t{1} << 32 | number}; };
  const auto phone = [](uint32_t number) { return Endpoint{IpAddress::v4(0x0a000001 + number), 4000}; };
  for (uint32_t i = 0; i < members; ++i) {
    engine.add(leg(i), sockets, false, now);
    media::Remote remote{.rtp = phone(i)};
    remote.formats = {{.payload_type = 0, .name = "PCMU"}, {.payload_type = 101, .name = "telephone-event"}};
    engine.set_remote(leg(i), media::Side::outer, remote, now);
    engine.seat(leg(i), {.room = "bench"}, now);
  }
  uint32_t frame = 0;
  for (auto _ : state) {
    now += std::chrono::milliseconds(20);
    for (uint32_t i = 0; i < members; ++i) {
      std::array<uint8_t, 200> packet;
      const size_t size = rtp::write_packet(packet, {.payload_type = 0,
                                                     .sequence = static_cast<uint16_t>(frame),
                                                     .timestamp = frame * 160,
                                                     .ssrc = 5,
                                                     .payload = material().ulaw[(frame + i * 17) % 200]});
      engine.input({.anchor = leg(i)}, phone(i), std::span(packet).first(size), now);
    }
    engine.tick(now);
    ++frame;
  }
  if (frame > 10 && sink.bytes < uint64_t{frame - 5} * members * 160) state.SkipWithError("nothing was mixed");
}
BENCHMARK(room)->Arg(3)->Arg(100);

/// A packet into the jitter buffer and its 20 ms out again; `type` 0: G.711, whose decoding is nearly free.
void jitter_buffer(benchmark::State& state) {
  codec::JitterBuffer buffer(*codec::make_decoder({}), 8000, 8000, {});
  std::array<int16_t, 160> frame;
  rtp::Instant now{std::chrono::seconds(1)};
  uint32_t number = 0;
  for (auto _ : state) {
    now += std::chrono::milliseconds(20);
    buffer.put({.sequence = static_cast<uint16_t>(number),
                .timestamp = number * 160,
                .payload = material().ulaw[number % material().ulaw.size()]},
               now + std::chrono::milliseconds(number * 7 % 15));
    ++number;
    benchmark::DoNotOptimize(buffer.take(frame, now));
  }
}
BENCHMARK(jitter_buffer);

void resample(benchmark::State& state) {
  codec::Resampler resampler(static_cast<uint32_t>(state.range(0)), static_cast<uint32_t>(state.range(1)));
  const auto samples = voice(static_cast<uint32_t>(state.range(0)));
  std::vector<int16_t> out(resampler.room_for(960));
  for (auto _ : state)
    benchmark::DoNotOptimize(
        resampler.process(std::span(samples).first(static_cast<size_t>(state.range(0)) / 50), out));
}
BENCHMARK(resample)->Args({8000, 16000})->Args({16000, 8000})->Args({8000, 48000})->Args({48000, 8000});

}  // namespace
