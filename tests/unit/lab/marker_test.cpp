#include "lab/marker.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string>

#include "rtp/g711.hpp"

using namespace nearend::lab;

namespace {

const Hearing& heard(const std::vector<Hearing>& all, Voice voice) {
  return all[static_cast<size_t>(voice)];
}

Samples through_ulaw(Samples samples) {
  for (auto& sample : samples) sample = nearend::rtp::decode_ulaw(nearend::rtp::encode_ulaw(sample));
  return samples;
}

}  // namespace

TEST_CASE("each voice is recognised and all its frames are counted, at any offset and through G.711") {
  for (const Voice voice : {Voice::caller, Voice::callee, Voice::prompt}) {
    Samples recording(333, 0);  // 41.6 ms of silence first
    const Samples sound = through_ulaw(marker(voice, 400));
    recording.insert(recording.end(), sound.begin(), sound.end());
    const auto all = hear(recording);
    CAPTURE(static_cast<int>(voice));
    CHECK(heard(all, voice).frames >= 399);
    CHECK(heard(all, voice).frames <= 400);
    CHECK(heard(all, voice).lost_ms == 0);
    CHECK(heard(all, voice).repeated_ms == 0);
    CHECK(heard(all, voice).first_ms == doctest::Approx(41.6).epsilon(0.1));
    for (const auto& other : all) CHECK((other.voice == voice || other.frames == 0));
  }
}

TEST_CASE("lost and repeated frames are told apart") {
  Samples recording = marker(Voice::callee, 100);
  const auto frame = static_cast<std::ptrdiff_t>(frame_samples);
  recording.erase(recording.begin() + 40 * frame, recording.begin() + 43 * frame);
  const Samples again(recording.begin() + 69 * frame, recording.begin() + 70 * frame);
  recording.insert(recording.begin() + 70 * frame, again.begin(), again.end());
  const auto all = hear(recording);
  CHECK(heard(all, Voice::callee).lost_ms == 60);
  CHECK(heard(all, Voice::callee).repeated_ms == 20);
}

TEST_CASE("a change from one voice to the other is heard as both") {
  Samples recording = marker(Voice::caller, 50);
  const Samples second = marker(Voice::prompt, 50);
  recording.insert(recording.end(), second.begin(), second.end());
  const auto all = hear(recording);
  CHECK(heard(all, Voice::caller).frames >= 47);
  CHECK(heard(all, Voice::prompt).frames >= 47);
  CHECK(heard(all, Voice::prompt).first_ms == doctest::Approx(1000).epsilon(0.06));
}

TEST_CASE("silence and clicks are measured") {
  Samples recording = marker(Voice::caller, 20);
  CHECK(count_clicks(recording) == 0);
  CHECK(longest_silence_ms(recording) < 2);
  recording.insert(recording.end(), 800, 0);
  const Samples more = marker(Voice::caller, 20);
  recording.insert(recording.end(), more.begin(), more.end());
  CHECK(longest_silence_ms(recording) == 100);
  recording[3600] = 30000;
  CHECK(count_clicks(recording) > 0);
}

TEST_CASE("no two frames of a cycle have the same G.711 bytes") {
  std::set<std::string> seen;
  for (const Voice voice : {Voice::caller, Voice::callee}) {
    for (size_t i = 0; i < marker_cycle; ++i) {
      std::string bytes;
      for (const int16_t sample : marker_frame(voice, i)) bytes += static_cast<char>(nearend::rtp::encode_ulaw(sample));
      CHECK(seen.insert(bytes).second);
    }
  }
}

TEST_CASE("a WAV file is read back as it was written") {
  const auto file = std::filesystem::temp_directory_path() / "nearend-lab-wav-test.wav";
  const Samples sound = marker(Voice::caller, 3);
  REQUIRE(write_wav(file, sound));
  CHECK(read_wav(file) == sound);
  std::filesystem::remove(file);
  CHECK_FALSE(read_wav(file));
}
