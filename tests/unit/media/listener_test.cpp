#include "media/listener.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <random>
#include <vector>

#include "media/speech.hpp"
#include "rtp/g711.hpp"

using namespace nearend;
using namespace nearend::media;
using namespace std::chrono_literals;

namespace {

using Kind = Listener::Found::Kind;

/// A listener that hears a line over G.711, in real time.
struct Ear {
  io::Instant now{3600s};
  Listener listener;
  std::vector<Listener::Found> found;
  std::mt19937 random{7};
  double noise_db = -65;

  explicit Ear(milliseconds pause = 700ms) : listener(pause, io::Instant(3600s)) {}
  void hear(std::vector<int16_t> samples) {
    const double amplitude = 32768 * std::pow(10, noise_db / 20) * std::sqrt(3.0);
    std::uniform_real_distribution<double> noise(-amplitude, amplitude);
    for (int16_t& sample : samples) {
      const double sum = std::clamp(sample + noise(random), -32768.0, 32767.0);
      sample = rtp::decode_ulaw(rtp::encode_ulaw(static_cast<int16_t>(sum)));
    }
    for (size_t at = 0; at < samples.size(); at += 160) {
      now += 20ms;
      listener.feed(std::span(samples).subspan(at, std::min<size_t>(160, samples.size() - at)), now);
      tick();
    }
  }
  void tick() {
    listener.on_time(now);
    while (const auto one = listener.next()) found.push_back(*one);
  }
  void silence(milliseconds length) { hear(std::vector<int16_t>(static_cast<size_t>(length.count()) * 8)); }
  void tone(milliseconds length, double hz, double second_hz = 0, double amplitude = 6000) {
    std::vector<int16_t> samples(static_cast<size_t>(length.count()) * 8);
    for (size_t i = 0; i < samples.size(); ++i) {
      const double t = 2 * std::numbers::pi * static_cast<double>(i) / 8000;
      samples[i] = static_cast<int16_t>(amplitude * (std::sin(t * hz) + (second_hz > 0 ? std::sin(t * second_hz) : 0)));
    }
    hear(std::move(samples));
  }
  /// Buzzes as a voice does: a pulse train of 120 Hz through two formants, in syllables.
  void babble(milliseconds length) {
    std::vector<int16_t> samples(static_cast<size_t>(length.count()) * 8);
    double a1 = 0, a2 = 0, b1 = 0, b2 = 0;
    for (size_t i = 0; i < samples.size(); ++i) {
      const double syllable = std::pow(std::abs(std::sin(std::numbers::pi * static_cast<double>(i) / 1600)), 0.5);
      const double pulse = i % 67 == 0 ? 9000 * syllable : 0;
      const double a = pulse + 1.72 * a1 - 0.92 * a2;  // about 550 Hz
      a2 = std::exchange(a1, a);
      const double b = pulse + 0.9 * b1 - 0.88 * b2;  // about 1360 Hz
      b2 = std::exchange(b1, b);
      samples[i] = static_cast<int16_t>(std::clamp(a * 0.5 + b * 0.5, -30000.0, 30000.0));
    }
    hear(std::move(samples));
  }
  void say(std::string_view text) {
    const auto clip = speak(text, "man", "en-US");
    REQUIRE(clip);
    hear(clip->samples);
  }
  size_t count(Kind kind) const { return static_cast<size_t>(std::ranges::count(found, kind, &Listener::Found::kind)); }
  const Listener::Found& last(Kind kind) const {
    const auto at = std::find_if(found.rbegin(), found.rend(), [&](const auto& one) { return one.kind == kind; });
    REQUIRE(at != found.rend());
    return *at;
  }
};

}  // namespace

TEST_CASE("a stretch of voice is told when it begins and, after the pause, when it ended") {
  Ear ear;
  ear.silence(1000ms);
  ear.babble(2000ms);
  CHECK(ear.count(Kind::speech_started) == 1);
  CHECK(ear.count(Kind::speech_ended) == 0);
  ear.silence(1000ms);
  REQUIRE(ear.count(Kind::speech_ended) == 1);
  CHECK(ear.last(Kind::speech_started).at >= 980ms);
  CHECK(ear.last(Kind::speech_started).at <= 1060ms);
  CHECK(ear.last(Kind::speech_ended).at >= 2900ms);
  CHECK(ear.last(Kind::speech_ended).at <= 3040ms);
  const auto all = ear.listener.summary();
  CHECK(all.stretches == 1);
  CHECK(all.initial_silence == ear.last(Kind::speech_started).at);
  CHECK(all.greeting == ear.last(Kind::speech_ended).length);
  CHECK(all.silence_after >= 960ms);
  CHECK(all.length == 4000ms);
}

TEST_CASE("pauses shorter than asked for do not end a stretch, longer ones do") {
  Ear ear(500ms);
  ear.babble(600ms);
  ear.silence(300ms);
  ear.babble(600ms);
  CHECK(ear.count(Kind::speech_ended) == 0);
  ear.silence(700ms);
  ear.babble(600ms);
  ear.silence(700ms);
  CHECK(ear.count(Kind::speech_started) == 2);
  CHECK(ear.count(Kind::speech_ended) == 2);
  CHECK(ear.listener.summary().greeting >= 2700ms);
}

TEST_CASE("noise, clicks, ring-back and busy tones are no speech, and speech in noise still is") {
  Ear ear;
  ear.noise_db = -45;
  ear.silence(5000ms);
  CHECK(ear.found.empty());
  ear.noise_db = -38;  // it gets louder
  ear.silence(5000ms);
  CHECK(ear.found.empty());
  ear.babble(1000ms);
  CHECK(ear.count(Kind::speech_started) == 1);
  Ear other;
  for (int i = 0; i < 20; ++i) {
    std::vector<int16_t> click(1600);
    std::fill_n(click.begin() + 300, 40, int16_t{12000});
    other.hear(std::move(click));
  }
  CHECK(other.count(Kind::speech_started) == 0);
  for (int i = 0; i < 4; ++i) {
    other.tone(500ms, 425);
    other.silence(500ms);
  }
  CHECK(other.count(Kind::speech_started) == 0);
}

TEST_CASE("where no packets come there is silence, and a stall is not heard twice as long") {
  Ear ear(400ms);
  ear.babble(1000ms);
  for (int i = 0; i < 50; ++i) {
    ear.now += 20ms;
    ear.tick();
  }
  CHECK(ear.count(Kind::speech_ended) == 1);
  CHECK(ear.listener.summary().length >= 1860ms);
  CHECK(ear.listener.summary().length <= 2000ms);
  std::vector<int16_t> burst(8000, 100);
  ear.listener.feed(burst, ear.now);
  CHECK(ear.listener.summary().length <= 2220ms);
}

TEST_CASE("beeps of answering machines are found with their frequency and length; other tones are not beeps") {
  for (double hz : {440.0, 850.0, 1000.0, 1400.0, 2100.0, 2600.0}) {
    for (double noise : {-65.0, -40.0}) {
      CAPTURE(hz);
      CAPTURE(noise);
      Ear ear;
      ear.noise_db = noise;
      ear.silence(500ms);
      ear.tone(400ms, hz);
      ear.silence(200ms);
      REQUIRE(ear.count(Kind::beep) == 1);
      const auto& beep = ear.last(Kind::beep);
      CHECK(beep.hz == doctest::Approx(hz).epsilon(0.01));
      CHECK(beep.length >= 360ms);
      CHECK(beep.length <= 420ms);
      CHECK(beep.at >= 480ms);
      CHECK(beep.at <= 540ms);
      CHECK(ear.count(Kind::speech_started) == 0);
    }
  }
  Ear ear;
  ear.tone(60ms, 1000);  // too short
  ear.silence(300ms);
  ear.tone(3500ms, 2100);  // a fax machine
  ear.silence(300ms);
  ear.tone(300ms, 770, 1336);  // a key
  ear.silence(300ms);
  ear.tone(300ms, 200);  // hum
  ear.silence(300ms);
  ear.babble(2000ms);
  ear.silence(1000ms);
  CHECK(ear.count(Kind::beep) == 0);
}

TEST_CASE("a person's greeting is short and followed by silence, a machine's is long and ends with a beep") {
  Ear person;
  person.silence(600ms);
  person.say("Hello?");
  person.silence(2000ms);
  const auto short_one = person.listener.summary();
  CHECK(short_one.stretches == 1);
  CHECK(short_one.greeting > 150ms);
  CHECK(short_one.greeting < 1200ms);
  CHECK(short_one.beeps == 0);

  Ear machine;
  machine.silence(400ms);
  machine.say(
      "You have reached the Miller family. We are not at home right now. Please leave a message after the tone.");
  const auto spoken = machine.now - io::Instant(3600s) - 400ms;
  machine.silence(800ms);
  machine.tone(500ms, 1000);
  machine.silence(1500ms);
  const auto long_one = machine.listener.summary();
  CHECK(long_one.initial_silence >= 380ms);
  CHECK(long_one.initial_silence <= 800ms);
  CHECK(long_one.greeting > 3000ms);
  CHECK(long_one.greeting <= spoken + 60ms);
  CHECK(long_one.beeps == 1);
  CHECK(machine.last(Kind::beep).hz == doctest::Approx(1000).epsilon(0.005));
  CHECK(long_one.silence_after >= 2700ms);
}
