#include <doctest/doctest.h>

#include <map>

#include "codec/comfort_noise.hpp"
#include "codec/resampler.hpp"
#include "codec/stream_decoder.hpp"
#include "codec/stream_encoder.hpp"
#include "sound.hpp"

using namespace nearend;
using namespace nearend::codec;
using namespace nearend::codec_test;

namespace {

Settings of(const std::string& name, uint32_t rate = 0) {
  auto settings = *find_settings(name, name == "opus" ? 48000 : 8000, 1, "useinbandfec=1");
  if (rate) settings.sample_rate = rate;
  return settings;
}
StreamEncoder encoder_for(const Settings& settings, uint32_t ptime = 20) {
  return StreamEncoder(*make_encoder(settings), settings.clock_rate, ptime);
}
StreamDecoder decoder_for(const Settings& settings) {
  return StreamDecoder(*make_decoder(settings), settings.clock_rate);
}

struct Kept {
  uint16_t sequence;
  uint32_t timestamp;
  bool marker;
  std::vector<uint8_t> payload;
  rtp::Packet packet() const {
    return {.marker = marker, .sequence = sequence, .timestamp = timestamp, .payload = payload};
  }
};

std::vector<Kept> packets_of(StreamEncoder& encoder, const Samples& samples, uint32_t rate, size_t step) {
  std::vector<Kept> packets;
  for (size_t at = 0; at + step <= samples.size(); at += step) {
    encoder.put(std::span(samples).subspan(at, step), rate, 0);
    while (auto packet = encoder.next())
      packets.push_back(
          {packet->sequence, packet->timestamp, packet->marker, {packet->payload.begin(), packet->payload.end()}});
  }
  return packets;
}

}  // namespace

TEST_CASE("a resampler keeps level and pitch, adds 2 ms at most and lets no mirror image through") {
  const std::vector<std::pair<uint32_t, uint32_t>> ways{{8000, 16000},  {16000, 8000},  {8000, 48000}, {48000, 8000},
                                                        {16000, 48000}, {48000, 16000}, {44100, 8000}, {8000, 44100}};
  for (const auto& [from, to] : ways) {
    CAPTURE(from);
    CAPTURE(to);
    Resampler resampler(from, to);
    const Samples in = tone(1000, from, 1);
    Samples out;
    std::vector<int16_t> room(resampler.room_for(from / 100));
    for (size_t at = 0; at + from / 100 <= in.size(); at += from / 100) {
      const size_t made = resampler.process(std::span(in).subspan(at, from / 100), room);
      CHECK(made == to / 100);
      out.insert(out.end(), room.begin(), room.begin() + static_cast<ptrdiff_t>(made));
    }
    const auto steady = std::span(out).subspan(to / 4, to / 2);
    CHECK(amount(steady, 1000, to) == doctest::Approx(8000).epsilon(0.02));
    const double rest =
        std::sqrt(std::max(0.0, std::pow(level(steady), 2) - std::pow(amount(steady, 1000, to), 2) / 2));
    CHECK(rest < 16);  // 54 dB below the tone
    // 100 ms of silence, then a step: it arrives 2 ms later.
    Resampler other(from, to);
    Samples step(from / 5, 0);
    std::fill(step.begin() + from / 10, step.end(), int16_t{10000});
    std::vector<int16_t> answer(other.room_for(step.size()));
    answer.resize(other.process(step, answer));
    const auto reached = std::find_if(answer.begin(), answer.end(), [](int16_t sample) { return sample > 5000; });
    const double ms = 1000.0 * static_cast<double>(reached - answer.begin()) / to - 100;
    CHECK(ms >= 0);
    CHECK(ms <= 2.2);
  }
  Resampler down(48000, 8000);
  const Samples high = tone(5000, 48000, 0.5);
  std::vector<int16_t> room(down.room_for(high.size()));
  room.resize(down.process(high, room));
  CHECK(level(std::span<const int16_t>(room).subspan(400)) < 20);
}

TEST_CASE("packets of one length become packets of another on one line of time") {
  for (uint32_t ptime : {10u, 20u, 30u, 40u, 60u}) {
    CAPTURE(ptime);
    auto encoder = encoder_for(of("PCMU"), ptime);
    const auto packets = packets_of(encoder, tone(500, 8000, 1.2), 8000, 240);
    REQUIRE(packets.size() >= 19);
    for (size_t i = 0; i < packets.size(); ++i) {
      CHECK(packets[i].sequence == i);
      CHECK(packets[i].timestamp == i * ptime * 8);
      CHECK(packets[i].payload.size() == ptime * 8);
    }
  }
}

TEST_CASE("wide sound goes out at the codec's own rate and clock") {
  auto encoder = encoder_for(of("opus", 48000));
  const auto packets = packets_of(encoder, tone(500, 16000, 1), 16000, 320);
  REQUIRE(packets.size() >= 49);
  CHECK(packets[10].timestamp == 9600);
  auto decoder = decoder_for(of("opus", 8000));
  Samples out;
  for (const Kept& kept : packets) {
    const auto heard = decoder.take(kept.packet());
    CHECK(heard.samples.size() == 160);
    out.insert(out.end(), heard.samples.begin(), heard.samples.end());
  }
  CHECK(amount(std::span(out).subspan(4000, 3200), 500, 8000) == doctest::Approx(8000).epsilon(0.2));
}

TEST_CASE("a pause of the sender stays a pause, with a marker behind it") {
  auto encoder = encoder_for(of("PCMA"), 20);
  const Samples in = tone(500, 8000, 0.05);
  encoder.put(std::span(in).first(240), 8000, 0);
  auto first = encoder.next();
  REQUIRE(first);
  CHECK(first->timestamp == 0);
  CHECK_FALSE(encoder.next());
  encoder.put(std::span(in).first(160), 8000, 800);  // 80 samples waited: they go with silence, out of the gap
  auto rest = encoder.next();
  REQUIRE(rest);
  CHECK(rest->sequence == 1);
  auto after = encoder.next();
  REQUIRE(after);
  CHECK(after->sequence == 2);
  CHECK(after->timestamp == 240 + 800);
  CHECK((rest->marker || after->marker));
}

TEST_CASE("short losses are concealed, long ones only at their beginning, pauses not at all") {
  for (const std::string name : {"PCMU", "G722", "opus", "AMR", "G729"}) {
    CAPTURE(name);
    const Settings settings = of(name);
    auto encoder = encoder_for(settings);
    auto decoder = decoder_for(settings);
    const uint32_t rate = settings.sample_rate;
    const auto packets = packets_of(encoder, speech(rate, 2), rate, rate / 50);
    uint32_t expected = 0;
    for (size_t i = 0; i < 20; ++i) {
      const auto heard = decoder.take(packets[i].packet());
      CHECK(heard.at == expected);
      expected += rate / 50;
    }
    auto heard = decoder.take(packets[22].packet());  // two are missing
    CHECK(heard.concealed == 2 * rate / 50);
    CHECK(heard.samples.size() == 3 * rate / 50);
    CHECK(heard.at == expected);
    expected += 3 * rate / 50;
    CHECK(decoder.take(packets[21].packet()).samples.empty());  // late
    CHECK(decoder.take(packets[22].packet()).samples.empty());  // doubled
    CHECK(decoder.figures().late == 2);
    heard = decoder.take(packets[33].packet());  // ten are missing
    CHECK(heard.concealed == 3 * rate / 50);
    CHECK(heard.gap == 7 * rate / 50);
    CHECK(heard.at == expected + 7 * rate / 50);
    expected += 11 * rate / 50;
    Kept paused = packets[34];
    paused.timestamp += settings.clock_rate;  // a second of silence that the sender did not send
    heard = decoder.take(paused.packet());
    CHECK(heard.concealed == 0);
    CHECK(heard.gap == rate);
    CHECK(heard.at == expected + rate);
  }
}

TEST_CASE("other packets of the stream are no loss, and another source begins where the last one ended") {
  auto encoder = encoder_for(of("PCMU"));
  auto decoder = decoder_for(of("PCMU"));
  const auto packets = packets_of(encoder, tone(500, 8000, 1), 8000, 160);
  (void)decoder.take(packets[0].packet());
  decoder.skip(packets[1].packet());
  auto heard = decoder.take(packets[2].packet());
  CHECK(heard.concealed == 0);
  CHECK(heard.gap == 160);
  Kept other = packets[3];
  other.sequence += 20000;
  other.timestamp += 0x70000000;
  heard = decoder.take(other.packet());
  CHECK(heard.is_restarted);
  CHECK(heard.at == 480);
  CHECK(decoder.take({.sequence = 3, .payload = {}}).samples.empty());
  CHECK(decoder.figures().broken == 1);
}

TEST_CASE("comfort noise has the level that was said, whatever its colour, and never runs away") {
  ComfortNoise noise;
  std::vector<int16_t> out(8000);
  noise.set_level(40);
  noise.fill(out);
  CHECK(noise_level_of(out) == doctest::Approx(40).epsilon(0.05));
  const std::vector<uint8_t> coloured{50, 200, 90, 127, 140};
  CHECK(noise.update(coloured));
  noise.fill(out);
  CHECK(noise_level_of(out) == doctest::Approx(50).epsilon(0.06));
  std::vector<uint8_t> extreme(40, 255);
  extreme[0] = 0;
  CHECK(noise.update(extreme));
  noise.fill(out);
  CHECK(noise.update(std::vector<uint8_t>{60}));
  noise.fill(out);
  CHECK(level(std::span<const int16_t>(out).subspan(4000)) < 100);
  CHECK_FALSE(noise.update({}));
}
