#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>

#include <csignal>

#include "media/audio_file.hpp"
#include "media/recording_file.hpp"
#include "unit/media/line.hpp"

using namespace nearend;
using namespace nearend::media;
using namespace nearend::media::test;

namespace {

constexpr FileFormat all_formats[] = {FileFormat::wav, FileFormat::mp3, FileFormat::ogg_opus};

std::vector<int16_t> sine(double seconds, double hz, int16_t amplitude = 8000) {
  std::vector<int16_t> samples(static_cast<size_t>(seconds * 8000));
  for (size_t i = 0; i < samples.size(); ++i)
    samples[i] = static_cast<int16_t>(amplitude * std::sin(2 * std::numbers::pi * hz * static_cast<double>(i) / 8000));
  return samples;
}

/// How strong a frequency is in samples, as an amplitude.
double strength(std::span<const int16_t> samples, double hz) {
  double re = 0, im = 0;
  for (size_t i = 0; i < samples.size(); ++i) {
    const double at = 2 * std::numbers::pi * hz * static_cast<double>(i) / 8000;
    re += samples[i] * std::cos(at);
    im += samples[i] * std::sin(at);
  }
  return 2 * std::hypot(re, im) / static_cast<double>(std::max<size_t>(samples.size(), 1));
}

std::string name_in(const std::string& directory, FileFormat format) {
  return directory + "/RE." + std::string(file_ending(format));
}

/// Writes in pieces of 200 ms, as a recorder does.
void write_in_pieces(RecordingFile& file, std::span<const int16_t> samples) {
  for (size_t at = 0; at < samples.size(); at += 1600)
    REQUIRE(file.write(samples.subspan(at, std::min<size_t>(1600, samples.size() - at))));
}

}  // namespace

TEST_CASE("a recording in each format is what was said, as long as was said") {
  const std::string directory = scratch("formats");
  for (FileFormat format : all_formats) {
    CAPTURE(file_ending(format));
    RecordingFile file({.path = name_in(directory, format), .format = format});
    write_in_pieces(file, sine(5.1, 700));
    CHECK(!std::filesystem::exists(name_in(directory, format)));
    CHECK(file.close() == 5100ms);
    const auto clip = decode_audio(read(name_in(directory, format)));
    REQUIRE_MESSAGE(clip, clip.error().text);
    const double seconds = static_cast<double>(clip->samples.size()) / 8000;
    CHECK(seconds > 5.05);
    CHECK(seconds < (format == FileFormat::mp3 ? 5.4 : 5.15));  // MP3 cannot say where in a frame it ends
    CHECK(strength(std::span(clip->samples).subspan(8000, 24000), 700) == doctest::Approx(8000).epsilon(0.1));
  }
  std::filesystem::remove_all(directory);
}

TEST_CASE("what a writer leaves that dies plays up to its last second, and is found and made whole") {
  const std::string directory = scratch("crash");
  for (FileFormat format : all_formats) {
    CAPTURE(file_ending(format));
    auto file =
        std::make_unique<RecordingFile>(RecordingFile::Settings{.path = name_in(directory, format), .format = format});
    write_in_pieces(*file, sine(4, 700));
    CHECK(recover_recordings(directory).empty());  // somebody writes it
    file.reset();                                  // without a close, as a process dies
    const std::string half = name_in(directory, format) + ".part";
    const auto as_it_lies = decode_audio(read(half));
    REQUIRE_MESSAGE(as_it_lies, as_it_lies.error().text);
    CHECK(as_it_lies->samples.size() > 3 * 8000);
    std::ofstream(half, std::ios::app | std::ios::binary) << "half a pa";
    const auto found = recover_recordings(directory);
    REQUIRE(found.size() == 1);
    CHECK(found[0].name == "RE");
    CHECK(found[0].file == name_in(directory, format));
    CHECK(found[0].length > 3400ms);
    CHECK(found[0].length < 4100ms);
    const auto clip = decode_audio(read(found[0].file));
    REQUIRE_MESSAGE(clip, clip.error().text);
    CHECK(static_cast<double>(clip->samples.size()) / 8 == doctest::Approx(found[0].length.count()).epsilon(0.05));
    CHECK(strength(std::span(clip->samples).subspan(8000, 16000), 700) == doctest::Approx(8000).epsilon(0.1));
    CHECK(!std::filesystem::exists(half));
    std::filesystem::remove(found[0].file);
  }
  // What holds nothing is removed, what is no recording is left alone.
  for (const char* name : {"/RE1.wav.part", "/RE2.mp3.part", "/RE3.ogg.part"})
    std::ofstream(directory + name) << "OggS";
  std::ofstream(directory + "/notes.txt.part") << "?";
  CHECK(recover_recordings(directory).empty());
  CHECK(!std::filesystem::exists(directory + "/RE1.wav.part"));
  CHECK(!std::filesystem::exists(directory + "/RE3.ogg.part"));
  CHECK(std::filesystem::exists(directory + "/notes.txt.part"));
  std::filesystem::remove_all(directory);
}

TEST_CASE("a node that begins again ends what its earlier life left, and says so") {
  const std::string directory = scratch("again");
  {
    RecordingFile file({.path = directory + "/RE7.ogg", .format = FileFormat::ogg_opus});
    write_in_pieces(file, sine(3, 500));
  }
  World world({.recordings = directory});
  world.loop.run_for(10ms);
  REQUIRE(world.events[AnchorId::none].size() == 1);
  const auto& told = std::get<event::RecordingRecovered>(world.events[AnchorId::none].front());
  CHECK(told.name == "RE7");
  CHECK(told.length > 2400ms);
  const auto piece = world.wait(world.node->read_recording("RE7", 0));
  REQUIRE(piece);
  CHECK(piece->bytes.substr(0, 4) == "OggS");
  CHECK(world.wait(world.node->remove_recording("RE7")));
  CHECK(!world.wait(world.node->read_recording("RE7", 0)));
  std::filesystem::remove_all(directory);
}

TEST_CASE("silence at both ends is cut off in each format, silence in between stays") {
  const std::string directory = scratch("trim");
  const std::vector<int16_t> quiet(3 * 8000, 5);
  for (FileFormat format : all_formats) {
    CAPTURE(file_ending(format));
    RecordingFile file({.path = name_in(directory, format), .format = format, .is_silence_trimmed = true});
    for (const auto& part : {quiet, sine(1, 700), quiet, sine(1, 900), quiet}) write_in_pieces(file, part);
    const milliseconds length = file.close();
    CHECK(length >= 5200ms);
    CHECK(length < 6100ms);
    const auto clip = decode_audio(read(name_in(directory, format)));
    REQUIRE_MESSAGE(clip, clip.error().text);
    CHECK(static_cast<double>(clip->samples.size()) / 8 == doctest::Approx(length.count()).epsilon(0.05));
    CHECK(strength(std::span(clip->samples).subspan(3200, 4000), 700) > 6000);
    CHECK(strength(std::span(clip->samples).subspan(4400 * 8, 4000), 900) > 6000);
  }
  std::filesystem::remove_all(directory);
}

TEST_CASE("two channels share nothing, in each format") {
  const std::string directory = scratch("channels");
  for (FileFormat format : all_formats) {
    CAPTURE(file_ending(format));
    RecordingFile file({.path = name_in(directory, format), .format = format, .channels = 2});
    const auto left = sine(3, 600);
    std::vector<int16_t> both;
    for (int16_t sample : left) both.insert(both.end(), {sample, 0});
    for (size_t at = 0; at < both.size(); at += 3200) REQUIRE(file.write(std::span(both).subspan(at, 3200)));
    CHECK(file.close() == 3000ms);
    // Mixed to one channel, what is heard is half of the left one and nothing of the other.
    const auto clip = decode_audio(read(name_in(directory, format)));
    REQUIRE_MESSAGE(clip, clip.error().text);
    CHECK(strength(std::span(clip->samples).subspan(8000, 8000), 600) == doctest::Approx(4000).epsilon(0.1));
  }
  std::filesystem::remove_all(directory);
}

TEST_CASE("a disk that is full leaves a whole file in each format") {
  const std::string directory = scratch("full-formats");
  for (FileFormat format : all_formats) {
    CAPTURE(file_ending(format));
    RecordingFile file({.path = name_in(directory, format), .format = format});
    rlimit before{};
    getrlimit(RLIMIT_FSIZE, &before);
    const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{.rlim_cur = 10'000, .rlim_max = before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    Result<void> written{};
    const auto samples = sine(20, 700);
    for (size_t at = 0; at < samples.size() && written; at += 1600)
      written = file.write(std::span(samples).subspan(at, 1600));
    const milliseconds length = file.close();
    setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, old_handler);
    REQUIRE(!written);
    CHECK(written.error().kind == Error::Kind::unavailable);
    const auto clip = decode_audio(read(name_in(directory, format)));
    REQUIRE_MESSAGE(clip, clip.error().text);
    CHECK(length > 500ms);
    CHECK(length < 5000ms);
    CHECK(static_cast<double>(clip->samples.size()) / 8 == doctest::Approx(length.count()).epsilon(0.06));
  }
  std::filesystem::remove_all(directory);
}

TEST_CASE("what is said in a pause is not recorded; the pause is silence, or is left out") {
  for (const bool is_gap_silent : {false, true}) {
    CAPTURE(is_gap_silent);
    const std::string directory = scratch("pause");
    Line line({.recordings = directory});
    const auto job = line.world.wait(line.world.node->record(line.leg.id, {.path_hint = "RE8"}));
    REQUIRE(job);
    line.say_sine(1000ms, 500);
    REQUIRE(line.world.wait(
        line.world.node->change(line.leg.id, *job, {.is_paused = true, .is_gap_silent = is_gap_silent})));
    line.say_sine(2000ms, 1200);
    REQUIRE(line.world.wait(line.world.node->change(line.leg.id, *job, {.is_paused = false})));
    line.say_sine(1000ms, 900);
    line.world.node->stop(line.leg.id, *job);
    line.world.loop.run_for(100ms);
    const auto ended = line.last<event::RecordEnded>();
    const auto clip = decode_audio(read(ended.file));
    REQUIRE(clip);
    CHECK(ended.length > (is_gap_silent ? 3950ms : 1950ms));
    CHECK(ended.length < (is_gap_silent ? 4100ms : 2100ms));
    const std::span all(clip->samples);
    CHECK(strength(all, 1200) < 60);
    CHECK(strength(all.subspan(800, 6400), 500) > 7000);
    CHECK(strength(all.last(6400), 900) > 7000);
    if (is_gap_silent) CHECK(strength(all.subspan(10000, 12000), 500) < 100);
    std::filesystem::remove_all(directory);
  }
}

TEST_CASE("a disk that cannot be written to at all is an error of the recording, not of the call") {
  const std::string directory = scratch("gone");
  Line line({.recordings = directory});
  std::filesystem::create_directories(directory + "/RE9.wav.part");  // in the way
  REQUIRE(line.world.wait(line.world.node->record(line.leg.id, {.path_hint = "RE9"})));
  line.say_sine(1000ms, 500);
  const auto ended = line.last<event::RecordEnded>();
  CHECK(ended.reason == "error");
  CHECK(ended.is_partial);
  CHECK(ended.length == 0ms);
  std::filesystem::remove_all(directory);
}
