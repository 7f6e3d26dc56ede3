#include "media/tone.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <numbers>
#include <vector>

using namespace nearend;
using namespace nearend::media;

namespace {

std::vector<int16_t> make(const Tone& tone, size_t samples) {
  std::vector<int16_t> out(samples);
  ToneGenerator generator(tone);
  for (size_t at = 0; at < samples; at += 160)
    (void)generator.fill(std::span(out).subspan(at, std::min<size_t>(160, samples - at)));
  return out;
}

double strength(std::span<const int16_t> samples, double hz) {
  double re = 0, im = 0;
  for (size_t i = 0; i < samples.size(); ++i) {
    re += samples[i] * std::cos(2 * std::numbers::pi * hz * static_cast<double>(i) / 8000);
    im += samples[i] * std::sin(2 * std::numbers::pi * hz * static_cast<double>(i) / 8000);
  }
  return 2 * std::hypot(re, im) / static_cast<double>(samples.size());
}

}  // namespace

TEST_CASE("forty-six countries have ring-back, busy, congestion and dial tones that can be played") {
  constexpr std::string_view codes[] = {"ar", "at", "au", "be", "bg", "br", "ca", "ch",     "cl", "cn", "cz", "de",
                                        "dk", "ee", "es", "fi", "fr", "gb", "gr", "hk",     "hu", "ie", "il", "in",
                                        "it", "jp", "kr", "lt", "mx", "my", "nl", "no",     "nz", "ph", "pl", "pt",
                                        "ru", "se", "sg", "th", "tr", "tw", "us", "us-old", "ve", "za"};
  for (std::string_view code : codes) {
    for (const char* kind : {"ringback", "busy", "congestion", "dial"}) {
      CAPTURE(code);
      CAPTURE(kind);
      const auto tone = find_tone(std::string(kind) + "/" + std::string(code));
      REQUIRE(tone);
      CHECK(tone->is_repeated);
      const uint32_t length = tone->length_ms();
      CHECK(length >= 330);
      CHECK(length <= 6000);
      CHECK(tone->steps[0].first_hz >= 300);
      double loudest = 0;
      for (int16_t sample : make(*tone, 1600)) loudest = std::max(loudest, std::abs(static_cast<double>(sample)));
      CHECK(loudest > 3900);
      CHECK(loudest < 8100);
    }
  }
}

TEST_CASE("German ring-back is a second of 425 Hz in five, American two of 440 and 480 in six") {
  const auto german = make(*find_tone("ringback/de"), 48000);
  CHECK(strength(std::span(german).first(8000), 425) == doctest::Approx(4000).epsilon(0.01));
  for (size_t i = 8000; i < 40000; ++i) REQUIRE(german[i] == 0);
  CHECK(strength(std::span(german).subspan(40000, 8000), 425) == doctest::Approx(4000).epsilon(0.01));
  const auto american = make(*find_tone("ringback"), 48000);
  CHECK(strength(std::span(american).first(16000), 440) == doctest::Approx(4000).epsilon(0.01));
  CHECK(strength(std::span(american).first(16000), 480) == doctest::Approx(4000).epsilon(0.01));
  for (size_t i = 16000; i < 48000; ++i) REQUIRE(american[i] == 0);
  CHECK(find_tone("ringback", "de")->steps[0].first_hz == 425);
  CHECK(find_tone("RINGBACK/de").has_value() == false);
  CHECK(find_tone("ringback/UK")->steps[0].second_hz == 450);
}

TEST_CASE("Indian ring-back is modulated: its power is at 400 Hz and 25 Hz beside it, not at 25 Hz") {
  const auto tone = make(*find_tone("ringback/in"), 3200);
  CHECK(strength(tone, 400) == doctest::Approx(4000).epsilon(0.02));
  CHECK(strength(tone, 375) == doctest::Approx(1700).epsilon(0.02));
  CHECK(strength(tone, 425) == doctest::Approx(1700).epsilon(0.02));
  CHECK(strength(tone, 25) < 20);
}

TEST_CASE("a cadence can be said instead of a country; one that cannot be is refused with what would be right") {
  const auto cadence = parse_cadence("425/200, 0/300, 440+480/1000,400*25");
  REQUIRE(cadence);
  CHECK(cadence->count == 4);
  CHECK(cadence->length_ms() == 2500);
  CHECK(cadence->steps[3].is_modulated);
  CHECK(find_tone("950/330,1400/330,1800/330,0/1000")->count == 4);  // the special information tone
  for (const char* wrong : {"", "x", "425/", "425/0", "4000/100", "425+", "425/70000", "1/1/1",
                            "1,1,1,1,1,1,1,1,1", "-425/100", "99999999999999999999"}) {
    CAPTURE(wrong);
    CHECK(!parse_cadence(wrong));
  }
  for (const char* wrong : {"song", "ringback/xx", "ringback/", "busy/de/x", ""}) CHECK(!find_tone(wrong));
}
