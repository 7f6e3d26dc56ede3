#include <fcntl.h>
#include <sys/resource.h>

#include <csignal>

#include "media/audio_file.hpp"
#include "media/film_file.hpp"
#include "media/recording_file.hpp"
#include "unit/media/film_line.hpp"

using namespace nearend;
using namespace nearend::media;
using namespace nearend::media::test;

namespace {

constexpr codec::PictureKind kinds[] = {codec::PictureKind::vp8, codec::PictureKind::vp9, codec::PictureKind::h264};

std::string text_of(const std::vector<uint8_t>& bytes) {
  return {bytes.begin(), bytes.end()};
}

/// Pieces as a recorder makes them: 200 ms of a tone and five pictures each.
struct Writer {
  FilmFile file;
  uint16_t sequence = 0;
  uint32_t number = 0;
  int64_t at_ms = 0;
  Result<void> write() {
    FilmPiece piece{.now_ms = at_ms + 1000, .until_ms = at_ms + 200};
    piece.runs.push_back({.first = at_ms * 8, .samples = std::vector<int16_t>(1600)});
    for (size_t i = 0; i < 1600; ++i) piece.runs[0].samples[i] = i / 8 % 2 ? 6000 : -6000;
    FilmPiece::Line line{.kind = codec::PictureKind::vp8};
    for (int i = 0; i < 5; ++i, ++number) {
      const auto frame = codec::test::make_frame(line.kind, number % 25 == 0, number, 1000);
      for (auto& packet : codec::test::packets_of(line.kind, number % 25 == 0, frame, sequence, number * 3600, 0)) {
        line.packets.push_back({.sequence = packet.sequence,
                                .timestamp = packet.timestamp,
                                .marker = packet.marker,
                                .came_ms = at_ms,
                                .position_us = int64_t{number} * 40'000,
                                .begin = static_cast<uint32_t>(line.bytes.size()),
                                .size = static_cast<uint32_t>(packet.payload.size())});
        line.bytes.insert(line.bytes.end(), packet.payload.begin(), packet.payload.end());
      }
    }
    piece.lines.push_back(std::move(line));
    at_ms += 200;
    return file.write(piece);
  }
};

}  // namespace

TEST_CASE("a leg's sound and pictures are one Matroska file, each codec's as they came") {
  const std::string directory = scratch("film");
  for (const auto kind : kinds) {
    for (const bool has_opus : {false, true}) {
      CAPTURE(static_cast<int>(kind));
      CAPTURE(has_opus);
      FilmLine line({.recordings = directory}, kind, has_opus);
      const JobId job = line.record();
      line.run(4s);
      const auto ended = line.stop(job);
      CHECK(ended.reason == "stopped");
      CHECK(ended.length >= 3980ms);
      CHECK(ended.length <= 4020ms);
      CHECK(ended.file == directory + "/REf.mkv");
      const std::string bytes = read(ended.file);
      const auto file = read_film(bytes);
      REQUIRE_MESSAGE(file, file.error().text);
      CHECK(file->duration_ms == doctest::Approx(ended.length.count()));
      REQUIRE(file->tracks.size() == 2);
      CHECK(file->tracks[0].codec == "A_OPUS");
      CHECK(file->tracks[1].size == codec::PictureSize{320, 240});
      CHECK(file->tracks[1].configuration.empty() == (kind != codec::PictureKind::h264));
      CHECK(bytes.find(kind == codec::PictureKind::h264 ? "matroska" : "webm") < 40);
      CHECK(file->cues >= 3);
      const auto pictures = blocks_of(*file, true);
      REQUIRE(pictures.size() == line.frames.size());
      for (size_t i = 0; i < pictures.size(); ++i) {
        CHECK(pictures[i].bytes == text_of(line.frames[i]));
        CHECK(pictures[i].is_key == (i % 25 == 0));
        CHECK(std::abs(pictures[i].at_ms - static_cast<int64_t>(i) * 40) <= 3);
      }
      const auto sound = blocks_of(*file, false);
      CHECK(sound.size() >= 198);
      CHECK(sound.size() <= 201);
      for (size_t i = 1; i < sound.size(); ++i) {
        const int64_t step = sound[i].at_ms - sound[i - 1].at_ms;
        CHECK(step > 0);
        if (i > 2) CHECK(std::abs(step - 20) <= 1);
      }
      const auto clip = decode_audio(bytes);
      REQUIRE_MESSAGE(clip, clip.error().text);
      CHECK(static_cast<double>(clip->samples.size()) / 8 == doctest::Approx(ended.length.count()).epsilon(0.02));
      double loud = 0;
      for (const int16_t sample : std::span(clip->samples).subspan(8000, 16000)) loud += std::abs(sample);
      CHECK(loud / 16000 > 3000);
      REQUIRE(clip->film);
      CHECK(clip->film->frames.size() == pictures.size());
    }
  }
  std::filesystem::remove_all(directory);
}

TEST_CASE("a film begins with a key frame, which is asked for at once, and again behind each loss, once a second") {
  const std::string directory = scratch("film-lost");
  FilmLine line({.recordings = directory}, codec::PictureKind::vp8, false);
  line.run(400ms, true);  // nobody records: nobody asks
  CHECK(line.asked() == 0);
  const JobId job = line.record();
  line.run(2s, true);
  line.show(false, 1);
  const size_t lost = line.frames.size() - 1;
  line.run(2s, true);
  const auto ended = line.stop(job);
  const std::string bytes = read(ended.file);
  const auto file = read_film(bytes);
  REQUIRE(file);
  const auto pictures = blocks_of(*file, true);
  REQUIRE(!pictures.empty());
  CHECK(pictures.front().is_key);
  CHECK(pictures.front().at_ms < 150);
  size_t keys = 0;
  for (const auto& picture : pictures) {
    keys += picture.is_key ? 1 : 0;
    CHECK(picture.bytes != text_of(line.frames[lost]));
  }
  CHECK(keys == 2);
  // What lies between the loss and the next key frame cannot be shown: less than a second of it.
  CHECK(pictures.size() > 100 - 25);
  // Who never answers is asked once a second.
  FilmLine deaf({.recordings = directory}, codec::PictureKind::h264, false);
  const JobId other = deaf.record();
  deaf.shown = 1;
  for (int i = 0; i < 250; ++i) {
    if (i % 2 == 0) deaf.show(false);
    deaf.world.loop.run_for(20ms);
  }
  const size_t asked = deaf.asked();
  CHECK(asked >= 4);
  CHECK(asked <= 6);
  CHECK(deaf.stop(other).length > 4900ms);
  std::filesystem::remove_all(directory);
}

TEST_CASE("pictures stand beside the sound that sender reports put them beside, however late they come") {
  const std::string directory = scratch("film-lips");
  for (const bool has_reports : {false, true}) {
    CAPTURE(has_reports);
    FilmLine line({.recordings = directory}, codec::PictureKind::vp8, false);
    // The camera's frames are 300 ms older than the sound that comes with them.
    const uint32_t sound_begin = line.microphone.timestamp, picture_begin = line.camera.timestamp;
    if (has_reports) {
      line.run(100ms);
      line.report(0, 1000ms, sound_begin);
      line.report(1, 700ms, picture_begin);
      line.world.loop.run_for(5ms);
    }
    const JobId job = line.record();
    line.shown = 0;
    line.frames.clear();
    line.run(3s);
    const std::string bytes = read(line.stop(job).file);
    const auto file = read_film(bytes);
    REQUIRE(file);
    const auto pictures = blocks_of(*file, true);
    REQUIRE(pictures.size() > 60);
    // The frame that came at 2000 ms.
    const auto found = std::ranges::find(pictures, text_of(line.frames[50]), &FilmContents::Block::bytes);
    REQUIRE(found != pictures.end());
    CHECK(std::abs(found->at_ms - (has_reports ? 1700 : 2000)) <= 25);
  }
  std::filesystem::remove_all(directory);
}

TEST_CASE("two legs are one film with both voices and a track of each one's pictures") {
  const std::string directory = scratch("film-two");
  for (const bool is_dual : {false, true}) {
    CAPTURE(is_dual);
    FilmLine line({.recordings = directory}, codec::PictureKind::vp8, false);
    AllocateRequest request{.leg = "b", .streams = {StreamKind::audio, StreamKind::video}};
    const AnchorInfo other = line.world.allocate(request);
    Phone camera(line.world.loop, line.world.net, "192.0.2.12", 333);
    Remote remote{.stream = 1, .rtp = camera.local(), .formats = {picture_format(codec::PictureKind::vp9, 98)}};
    REQUIRE(line.world.wait(line.world.node->set_remote(other.id, Side::outer, remote)));
    camera.aim(other.streams[1].outer);
    const JobId job = line.record({.legs = {line.leg.id, other.id}, .is_dual = is_dual});
    uint16_t sequence = 5;
    for (uint32_t i = 0; i < 50; ++i) {
      const auto frame = codec::test::make_frame(codec::PictureKind::vp9, i == 0, i);
      for (auto& packet : codec::test::packets_of(codec::PictureKind::vp9, i == 0, frame, sequence, i * 3600, 0))
        camera.send({.marker = packet.marker,
                     .payload_type = 98,
                     .sequence = packet.sequence,
                     .timestamp = packet.timestamp,
                     .payload = packet.payload});
      line.run(40ms);
    }
    const std::string bytes = read(line.stop(job).file);
    const auto file = read_film(bytes);
    REQUIRE(file);
    REQUIRE(file->tracks.size() == 3);
    CHECK(file->tracks[0].channels == (is_dual ? 2 : 1));
    CHECK(blocks_of(*file, true).size() >= 98);
    CHECK(decode_audio(bytes));
  }
  std::filesystem::remove_all(directory);
}

TEST_CASE("a film's pause is left out, or stands still, and what follows begins with a key frame") {
  const std::string directory = scratch("film-pause");
  for (const bool is_gap_silent : {false, true}) {
    CAPTURE(is_gap_silent);
    FilmLine line({.recordings = directory}, codec::PictureKind::vp8, true);
    const JobId job = line.record();
    line.run(1s);
    const auto change = [&](JobChange to) { REQUIRE(line.world.wait(line.world.node->change(line.leg.id, job, to))); };
    change({.is_paused = true, .is_gap_silent = is_gap_silent});
    line.run(2s);
    change({.is_paused = false});
    (void)line.asked();
    line.run(2s, true);
    const auto ended = line.stop(job);
    CHECK(std::abs((ended.length - (is_gap_silent ? 5s : 3s)).count()) < 60);
    const std::string bytes = read(ended.file);
    const auto file = read_film(bytes);
    REQUIRE(file);
    const auto pictures = blocks_of(*file, true);
    REQUIRE(pictures.size() > 60);
    CHECK(pictures.size() < 80);
    for (size_t i = 1; i < pictures.size(); ++i) CHECK(pictures[i].at_ms > pictures[i - 1].at_ms);
    CHECK(pictures.back().at_ms < ended.length.count());
  }
  std::filesystem::remove_all(directory);
}

TEST_CASE("what the writer of a film leaves that dies plays up to its last second, and is found and made whole") {
  const std::string directory = scratch("film-crash");
  {
    Writer writer{FilmFile({.path = directory + "/REg.mkv"})};
    for (int i = 0; i < 40; ++i) REQUIRE(writer.write());
    CHECK(recover_recordings(directory).empty());  // somebody writes it
  }
  const std::string half = directory + "/REg.mkv.part";
  const std::string left = read(half);
  const auto as_it_lies = read_film(left);
  REQUIRE_MESSAGE(as_it_lies, as_it_lies.error().text);
  CHECK(blocks_of(*as_it_lies, true).size() > 170);
  CHECK(decode_audio(left));
  // Wherever it was cut: in a block, in a cluster's head, between the tracks and the first block.
  for (const size_t cut : {left.size(), left.size() - 1, left.size() - 500, left.size() / 2, left.size() / 3}) {
    std::ofstream(half, std::ios::binary | std::ios::trunc) << left.substr(0, cut) << "\x1f\x43";
    const auto found = recover_recordings(directory);
    REQUIRE(found.size() == 1);
    CHECK(found[0].name == "REg");
    if (cut == left.size()) CHECK(found[0].length > 7000ms);
    const std::string bytes = read(found[0].file);
    const auto file = read_film(bytes);
    REQUIRE_MESSAGE(file, file.error().text);
    CHECK(file->duration_ms == doctest::Approx(found[0].length.count()));
    const auto pictures = blocks_of(*file, true);
    CHECK(std::abs(pictures.back().at_ms + 20 - found[0].length.count()) <= 41);
    std::filesystem::remove(found[0].file);
  }
  std::ofstream(half, std::ios::binary | std::ios::trunc) << left.substr(0, matroska::head_size + 13);
  CHECK(recover_recordings(directory).empty());
  CHECK(!std::filesystem::exists(half));
  std::filesystem::remove_all(directory);
}

TEST_CASE("a disk that is full leaves a whole film") {
  const std::string directory = scratch("film-full");
  Writer writer{FilmFile({.path = directory + "/REh.mkv"})};
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{.rlim_cur = 60'000, .rlim_max = before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  Result<void> written{};
  for (int i = 0; i < 100 && written; ++i) written = writer.write();
  const milliseconds length = writer.file.close();
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, old_handler);
  REQUIRE(!written);
  CHECK(written.error().kind == Error::Kind::unavailable);
  CHECK(length > 1s);
  const std::string bytes = read(directory + "/REh.mkv");
  CHECK(bytes.size() <= 60'000);
  const auto file = read_film(bytes);
  REQUIRE_MESSAGE(file, file.error().text);
  CHECK(file->duration_ms == doctest::Approx(length.count()));
  CHECK(decode_audio(bytes));
  std::filesystem::remove_all(directory);
}

TEST_CASE("a film is not trimmed, and a leg without pictures has one of its sound") {
  const std::string directory = scratch("film-plain");
  Line line({.recordings = directory});
  const auto refused = line.world.wait(line.world.node->record(
      line.leg.id, {.path_hint = "REi", .format = FileFormat::matroska, .is_silence_trimmed = true}));
  REQUIRE(!refused);
  CHECK(refused.error().kind == Error::Kind::invalid);
  const auto job =
      line.world.wait(line.world.node->record(line.leg.id, {.path_hint = "REi", .format = FileFormat::matroska}));
  REQUIRE(job);
  line.say_sine(2000ms, 700);
  line.world.node->stop(line.leg.id, *job);
  line.world.loop.run_for(100ms);
  const auto ended = line.last<event::RecordEnded>();
  const auto clip = decode_audio(read(ended.file));
  REQUIRE(clip);
  CHECK(!clip->film);
  CHECK(clip->samples.size() > 15'000);
  const auto piece = line.world.wait(line.world.node->read_recording("REi", 0));
  REQUIRE(piece);
  CHECK(piece->bytes.substr(0, 4) == "\x1a\x45\xdf\xa3");
  std::filesystem::remove_all(directory);
}
