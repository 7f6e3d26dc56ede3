#include "media/audio_encoder.hpp"
#include "media/audio_file.hpp"
#include "unit/media/line.hpp"

using namespace nearend;
using namespace nearend::media;
using namespace nearend::media::test;

namespace {

void put(std::string& out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
}

std::string wav(uint16_t format, uint16_t bits, uint32_t rate, const std::string& data) {
  std::string out = "RIFF";
  put(out, 36 + data.size(), 4);
  out += "WAVEfmt ";
  put(out, 16, 4);
  put(out, format, 2);
  put(out, 1, 2);
  put(out, rate, 4);
  put(out, uint64_t{rate} * bits / 8, 4);
  put(out, bits / 8u, 2);
  put(out, bits, 2);
  out += "data";
  put(out, data.size(), 4);
  return out + data;
}

/// A file that steps up: each 100 ms louder by 1000 than the one before, so that a place in it can be told by level.
std::string steps(const std::string& directory, const std::string& name, int count) {
  std::string data;
  for (int i = 0; i < count * 800; ++i) put(data, static_cast<uint16_t>(1000 * (i / 800 + 1) * (i % 2 ? 1 : -1)), 2);
  std::string path = directory + "/" + name;
  std::ofstream(path, std::ios::binary) << wav(1, 16, 8000, data);
  return path;
}

/// Mean amplitude of each frame the phone heard from `first` on.
std::vector<int> levels(const Phone& phone, size_t first) {
  std::vector<int> out;
  for (size_t i = first; i < phone.heard.size(); ++i) {
    int64_t sum = 0;
    for (uint8_t code : phone.heard[i].packet.payload) sum += std::abs(rtp::decode_ulaw(code));
    out.push_back(static_cast<int>(sum / 160));
  }
  return out;
}

size_t count_near(const std::vector<int>& all, int level) {
  return static_cast<size_t>(
      std::ranges::count_if(all, [&](int one) { return std::abs(one - level) < 30 + level / 30; }));
}

struct Files {
  std::string directory = scratch("player");
  ~Files() { std::filesystem::remove_all(directory); }
};

}  // namespace

TEST_CASE("WAV in 24 and 32 bits and in float comes out with its level") {
  std::string pcm24, pcm32, float32, float64;
  for (int i = 0; i < 8000; ++i) {
    const double value = i / 8 % 2 ? 0.25 : -0.25;
    put(pcm24, static_cast<uint32_t>(static_cast<int32_t>(value * 8388607)), 3);
    put(pcm32, static_cast<uint32_t>(static_cast<int32_t>(value * 2147483647)), 4);
    put(float32, std::bit_cast<uint32_t>(static_cast<float>(value)), 4);
    put(float64, std::bit_cast<uint64_t>(value), 8);
  }
  put(float32, std::bit_cast<uint32_t>(std::nanf("")), 4);
  put(float32, std::bit_cast<uint32_t>(5.0F), 4);
  for (const auto& file :
       {wav(1, 24, 8000, pcm24), wav(1, 32, 8000, pcm32), wav(3, 32, 8000, float32), wav(3, 64, 8000, float64)}) {
    const auto clip = decode_audio(file);
    REQUIRE(clip);
    REQUIRE(clip->samples.size() >= 8000);
    CHECK(clip->samples[100] == doctest::Approx(-8192).epsilon(0.001));
    CHECK(clip->samples[108] == doctest::Approx(8191).epsilon(0.001));
  }
  const auto odd = decode_audio(wav(3, 32, 8000, float32));
  CHECK(odd->samples[8000] == 0);
  CHECK(odd->samples[8001] == 32767);
}

TEST_CASE("Ogg Opus is decoded, and what is another format is named") {
  auto encoder = make_ogg_opus_encoder(1, 7);
  REQUIRE(encoder);
  std::string file;
  std::vector<int16_t> samples(16000);
  for (size_t i = 0; i < samples.size(); ++i)
    samples[i] = static_cast<int16_t>(8000 * std::sin(2 * std::numbers::pi * 500 * static_cast<double>(i) / 8000));
  REQUIRE((*encoder)->encode(samples, file));
  REQUIRE((*encoder)->finish(file));
  const auto clip = decode_audio(file);
  REQUIRE_MESSAGE(clip, clip.error().text);
  CHECK(clip->samples.size() == doctest::Approx(16000).epsilon(0.005));
  double sum = 0;
  for (int16_t sample : clip->samples) sum += static_cast<double>(sample) * sample;
  CHECK(std::sqrt(sum / static_cast<double>(clip->samples.size())) == doctest::Approx(5657).epsilon(0.05));
  CHECK(!decode_audio(file.substr(0, 40)));

  const auto text_of = [](std::string_view bytes) { return decode_audio(bytes).error().text; };
  CHECK(text_of("fLaC....").find("FLAC") != std::string::npos);
  CHECK(text_of("  <html>").find("a text or a page") != std::string::npos);
  CHECK(text_of("").find("empty") != std::string::npos);
  CHECK(text_of(std::string("\0\0\0\x20"
                            "ftypM4A ",
                            12))
            .find("MP4") != std::string::npos);
  CHECK(text_of(wav(2, 4, 8000, "xxxx")).find("format 2 with 4 bits") != std::string::npos);
  CHECK(text_of("OggS but nothing else").find("Ogg") != std::string::npos);
}

TEST_CASE("a play begins where it is asked to, loops from the beginning, and says where it was stopped") {
  const Files files;
  const std::string path = steps(files.directory, "a.wav", 10);
  Line line;
  line.world.loop.run_for(100ms);
  const size_t first = line.phone.heard.size();
  line.play({{.kind = Source::Kind::file, .value = path, .loop = 2, .offset = 700ms}});
  line.world.loop.run_for(2s);
  const auto all = levels(line.phone, first);
  CHECK(count_near(all, 7000) == 5);  // only in the second round
  CHECK(count_near(all, 9000) == 10);
  const auto ended = line.last<event::PlayEnded>();
  CHECK(!ended.error);
  CHECK(ended.played == 1300ms);
  CHECK(ended.source == 1);  // all were heard
  CHECK(ended.position == 0ms);

  const JobId job = line.play(
      {{.kind = Source::Kind::silence, .length = 200ms}, {.kind = Source::Kind::file, .value = path, .offset = 100ms}});
  line.world.loop.run_for(500ms);
  line.world.node->stop(line.leg.id, job);
  line.world.loop.run_for(50ms);
  const auto stopped = line.last<event::PlayEnded>();
  CHECK(stopped.was_stopped);
  CHECK(stopped.source == 1);
  CHECK(stopped.position >= 360ms);
  CHECK(stopped.position <= 420ms);
  // An offset behind the end is the end.
  line.play({{.kind = Source::Kind::file, .value = path, .offset = 5000ms}});
  line.world.loop.run_for(100ms);
  CHECK(!line.last<event::PlayEnded>().error);
  CHECK(!line.last<event::PlayEnded>().was_stopped);
}

TEST_CASE("plays that are queued follow one another without a gap, each with its own end") {
  const Files files;
  const std::string first_path = steps(files.directory, "a.wav", 3), second_path = steps(files.directory, "b.wav", 3);
  Line line;
  line.world.loop.run_for(100ms);
  const size_t first = line.phone.heard.size();
  std::vector<JobId> jobs;
  for (const std::string& path : {first_path, second_path, first_path}) {
    auto job = line.world.wait(line.world.node->play(
        line.leg.id, {.sources = {{.kind = Source::Kind::file, .value = path}}, .is_queued = true}));
    REQUIRE(job);
    jobs.push_back(*job);
  }
  line.world.loop.run_for(1500ms);
  const auto told = line.world.told<event::PlayEnded>(line.leg);
  REQUIRE(told.size() == 3);
  for (size_t i = 0; i < 3; ++i) {
    CHECK(told[i].job == jobs[i]);
    CHECK(told[i].played == 300ms);
    CHECK(!told[i].was_stopped);
  }
  const auto all = levels(line.phone, first);
  const auto begin = std::ranges::find_if(all, [](int level) { return level > 500; });
  const auto end = std::find_if(begin, all.end(), [](int level) { return level < 500; });
  CHECK(end - begin == 45);  // 900 ms, not a frame of noise in between
}

TEST_CASE("a digit stops all that is about to be said; another play that is not queued does so too") {
  const Files files;
  const std::string path = steps(files.directory, "a.wav", 5);
  Line line;
  const auto queue = [&] {
    for (int i = 0; i < 3; ++i)
      REQUIRE(line.world.wait(line.world.node->play(
          line.leg.id,
          {.sources = {{.kind = Source::Kind::file, .value = path}}, .is_stopped_by_digit = true, .is_queued = true})));
  };
  queue();
  line.phone.talk_to(line.leg.streams[0].outer);
  line.world.loop.run_for(100ms);
  line.phone.press('1');
  line.world.loop.run_for(600ms);
  auto told = line.world.told<event::PlayEnded>(line.leg);
  REQUIRE(told.size() == 3);
  for (const auto& one : told) CHECK(one.was_stopped);
  queue();
  line.play({{.kind = Source::Kind::file, .value = path}});
  line.world.loop.run_for(600ms);
  told = line.world.told<event::PlayEnded>(line.leg);
  REQUIRE(told.size() == 7);
  CHECK(!told.back().was_stopped);
  CHECK(told[4].was_stopped);
  // One that waits can be taken out by itself; more than sixteen do not wait.
  queue();
  std::vector<JobId> jobs;
  for (int i = 0; i < 16; ++i)
    jobs.push_back(*line.world.wait(line.world.node->play(
        line.leg.id, {.sources = {{.kind = Source::Kind::file, .value = path}}, .is_queued = true})));
  line.world.loop.run_for(10ms);
  CHECK(line.last<event::PlayEnded>().error->kind == Error::Kind::unavailable);
  line.world.node->stop(line.leg.id, jobs[5]);
  line.world.loop.run_for(10ms);
  CHECK(line.last<event::PlayEnded>().job == jobs[5]);
  CHECK(line.last<event::PlayEnded>().played == 0ms);
}

TEST_CASE("volume is set for a play and changed while it plays; a play that is paused waits in silence") {
  const Files files;
  const std::string path = steps(files.directory, "a.wav", 1);
  Line line;
  auto job = line.world.wait(line.world.node->play(
      line.leg.id, {.sources = {{.kind = Source::Kind::file, .value = path, .loop = 100}}, .volume_db = 6.02}));
  REQUIRE(job);
  line.world.loop.run_for(200ms);
  CHECK(levels(line.phone, 0).back() == doctest::Approx(2000).epsilon(0.05));
  REQUIRE(line.world.wait(line.world.node->change(line.leg.id, *job, {.volume_db = -20})));
  line.world.loop.run_for(100ms);
  CHECK(levels(line.phone, 0).back() == doctest::Approx(100).epsilon(0.1));
  REQUIRE(line.world.wait(line.world.node->change(line.leg.id, *job, {.is_paused = true, .volume_db = 60})));
  line.world.loop.run_for(1000ms);
  CHECK(levels(line.phone, 0).back() < 20);
  REQUIRE(line.world.wait(line.world.node->change(line.leg.id, *job, {.is_paused = false})));
  line.world.loop.run_for(100ms);
  CHECK(levels(line.phone, 0).back() == doctest::Approx(10000).epsilon(0.05));  // 20 dB at most
  line.world.node->stop(line.leg.id, *job);
  line.world.loop.run_for(50ms);
  CHECK(line.last<event::PlayEnded>().played < 600ms);
}
