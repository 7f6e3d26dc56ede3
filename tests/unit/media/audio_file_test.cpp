#include "media/audio_file.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <numbers>

#include "media/clip_cache.hpp"
#include "rtp/g711.hpp"

using namespace nearend;
using namespace nearend::media;

namespace {

void put(std::string& out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
}

std::string wav(uint16_t format, uint16_t channels, uint32_t rate, uint16_t bits, const std::string& data,
                uint32_t said) {
  std::string out = "RIFF";
  put(out, 36 + data.size(), 4);
  out += "WAVEfmt ";
  put(out, 16, 4);
  put(out, format, 2);
  put(out, channels, 2);
  put(out, rate, 4);
  put(out, uint64_t{rate} * channels * bits / 8, 4);
  put(out, channels * bits / 8u, 2);
  put(out, bits, 2);
  out += "data";
  put(out, said, 4);
  return out + data;
}

std::string sine(uint32_t rate, uint16_t channels, double hz, double seconds) {
  std::string data;
  for (size_t i = 0; i < static_cast<size_t>(rate * seconds); ++i)
    for (uint16_t c = 0; c < channels; ++c)
      put(data,
          static_cast<uint16_t>(
              static_cast<int16_t>(10000 * std::sin(2 * std::numbers::pi * hz * static_cast<double>(i) / rate))),
          2);
  return data;
}

double level(const std::vector<int16_t>& samples) {
  double sum = 0;
  for (size_t i = 200; i + 200 < samples.size(); ++i) sum += static_cast<double>(samples[i]) * samples[i];
  return std::sqrt(sum / static_cast<double>(samples.size() - 400));
}

}  // namespace

TEST_CASE("WAV files of the usual rates come out at 8 kHz with their level, tones above the band do not") {
  for (uint32_t rate : {8000u, 16000u, 22050u, 44100u, 48000u}) {
    CAPTURE(rate);
    const std::string data = sine(rate, 2, 1000, 1);
    const auto clip = decode_audio(wav(1, 2, rate, 16, data, static_cast<uint32_t>(data.size())));
    REQUIRE(clip);
    CHECK(clip->samples.size() == doctest::Approx(8000).epsilon(0.01));
    CHECK(level(clip->samples) == doctest::Approx(7071).epsilon(0.03));
    if (rate < 16000) continue;
    const std::string high = sine(rate, 1, 6000, 1);
    const auto filtered = decode_audio(wav(1, 1, rate, 16, high, static_cast<uint32_t>(high.size())));
    REQUIRE(filtered);
    CHECK(level(filtered->samples) < 200);
  }
}

TEST_CASE("WAV in A-law and mu-law is read, and a length that says too much is taken for what is there") {
  std::string ulaw(8000, '\0'), alaw(8000, '\0');
  for (size_t i = 0; i < 8000; ++i) {
    ulaw[i] = static_cast<char>(rtp::encode_ulaw(i % 2 ? 4000 : -4000));
    alaw[i] = static_cast<char>(rtp::encode_alaw(i % 2 ? 4000 : -4000));
  }
  for (const auto& [format, data] : {std::pair<uint16_t, std::string>{7, ulaw}, {6, alaw}}) {
    const auto clip = decode_audio(wav(format, 1, 8000, 8, data, 0xffffffff));
    REQUIRE(clip);
    CHECK(clip->samples.size() == 8000);
    CHECK(std::abs(clip->samples[1]) == doctest::Approx(4000).epsilon(0.05));
  }
}

TEST_CASE("what is no sound that we read is refused with the reason") {
  CHECK(!decode_audio(""));
  CHECK(!decode_audio("<html>"));
  CHECK(!decode_audio("RIFF....WAVE"));
  CHECK(!decode_audio(wav(2, 1, 8000, 4, std::string(64, 'x'), 64)));
  CHECK(!decode_audio(wav(1, 0, 8000, 16, "", 0)));
  CHECK(!decode_audio(wav(1, 1, 1, 16, std::string(64, 'x'), 64)));
  CHECK(!decode_audio("ID3 no frames follow"));
}

TEST_CASE("MP3 is decoded from memory") {
  std::string frame("\xff\xfb\x90\xc4", 4);  // MPEG 1 layer 3, 128 kbit/s, 44.1 kHz, mono: a frame of silence
  frame.resize(417);
  std::string file;
  for (int i = 0; i < 100; ++i) file += frame;
  const auto clip = decode_audio(file);
  REQUIRE(clip);
  CHECK(clip->samples.size() == doctest::Approx(100 * 1152 * 8000 / 44100).epsilon(0.05));
}

TEST_CASE("caching headers decide how long a sound is fresh and whether it is kept") {
  const io::Instant now{std::chrono::seconds(100)};
  auto freshness = read_freshness({{"Cache-Control", "public, max-age=60"}, {"Age", "10"}, {"ETag", "\"x\""}}, now);
  CHECK(freshness.may_store);
  CHECK(freshness.fresh_until == now + std::chrono::seconds(50));
  CHECK(freshness.etag == "\"x\"");
  freshness = read_freshness({{"Cache-Control", "no-cache, max-age=60"}}, now);
  CHECK(!freshness.fresh_until);
  CHECK(!read_freshness({{"Cache-Control", "no-store"}}, now).may_store);
  freshness = read_freshness({{"Cache-Control", "max-age=99999999999999999999"}}, now);
  CHECK(!freshness.fresh_until);
}

TEST_CASE("the cache forgets what was not used longest") {
  ClipCache cache(4000);
  const auto clip = std::make_shared<const Clip>(Clip{std::vector<int16_t>(600)});
  cache.put("a", clip, {});
  cache.put("b", clip, {});
  CHECK(cache.find("a"));
  cache.put("c", clip, {});
  CHECK(cache.find("a"));
  CHECK(!cache.find("b"));
  CHECK(cache.bytes() <= 4000);
}
