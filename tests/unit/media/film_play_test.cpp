#include "media/audio_file.hpp"
#include "media/film_file.hpp"
#include "unit/media/film_line.hpp"

using namespace nearend;
using namespace nearend::media;
using namespace nearend::media::test;

namespace {

constexpr codec::PictureKind kinds[] = {codec::PictureKind::vp8, codec::PictureKind::vp9, codec::PictureKind::h264};

/// A film of so many frames, one each 40 ms, a key frame each second, with a tone.
std::string make_film(const std::string& path, codec::PictureKind kind, uint32_t frames) {
  FilmFile file({.path = path});
  uint16_t sequence = 0;
  FilmPiece piece{.now_ms = 0, .until_ms = frames * 40, .is_last = true};
  piece.runs.push_back({.first = 0, .samples = std::vector<int16_t>(frames * 320)});
  for (size_t i = 0; i < piece.runs[0].samples.size(); ++i) piece.runs[0].samples[i] = i / 8 % 2 ? 6000 : -6000;
  FilmPiece::Line line{.kind = kind};
  for (uint32_t number = 0; number < frames; ++number) {
    const auto frame = codec::test::make_frame(kind, number % 25 == 0, number);
    for (auto& packet : codec::test::packets_of(kind, number % 25 == 0, frame, sequence, number * 3600, 0)) {
      line.packets.push_back({.sequence = packet.sequence,
                              .timestamp = packet.timestamp,
                              .marker = packet.marker,
                              .position_us = int64_t{number} * 40'000,
                              .begin = static_cast<uint32_t>(line.bytes.size()),
                              .size = static_cast<uint32_t>(packet.payload.size())});
      line.bytes.insert(line.bytes.end(), packet.payload.begin(), packet.payload.end());
    }
  }
  piece.lines.push_back(std::move(line));
  REQUIRE(file.write(piece));
  REQUIRE(file.close().count() == frames * 40);
  return path;
}

/// What the camera's side of a leg has seen: frames with the times at which they came.
struct Seen {
  std::vector<codec::Picture> frames;
  std::vector<uint32_t> timestamps;
  size_t sequence_breaks = 0, ssrcs = 0;
};
Seen seen_by(const FilmLine& line, size_t from = 0) {
  Seen seen;
  codec::PictureFrames frames(line.kind);
  std::optional<rtp::Packet> last;
  for (size_t i = from; i < line.camera.heard.size(); ++i) {
    const auto& packet = line.camera.heard[i].packet;
    const auto ms = std::chrono::duration_cast<milliseconds>(line.camera.heard[i].at.time_since_epoch()).count();
    if (!last || last->ssrc != packet.ssrc) ++seen.ssrcs;
    if (last && packet.sequence != static_cast<uint16_t>(last->sequence + 1)) ++seen.sequence_breaks;
    if (!last || packet.timestamp != last->timestamp) seen.timestamps.push_back(packet.timestamp);
    last = packet;
    frames.add({.sequence = packet.sequence,
                .timestamp = packet.timestamp,
                .marker = packet.marker,
                .came_ms = ms,
                .position_us = ms * 1000,
                .payload = {packet.payload.begin(), packet.payload.end()}});
    frames.take(ms, false, seen.frames);
  }
  frames.take(INT64_MAX, true, seen.frames);
  return seen;
}

JobId play(FilmLine& line, PlayRequest request) {
  const auto job = line.world.wait(line.world.node->play(line.leg.id, std::move(request)));
  REQUIRE(job);
  return *job;
}
Source film_source(const std::string& path) {
  return {.kind = Source::Kind::file, .value = path};
}

}  // namespace

TEST_CASE("a film's pictures go to the leg's video line, frame by frame as they are, in step with its sound") {
  const std::string directory = scratch("play-film");
  for (const auto kind : kinds) {
    CAPTURE(static_cast<int>(kind));
    const std::string path = make_film(directory + "/a.mkv", kind, 75);
    FilmLine line({}, kind, false);
    play(line, {.sources = {film_source(path)}});
    line.world.loop.run_for(4s);
    const auto ended = line.world.told<event::PlayEnded>(line.leg);
    REQUIRE(ended.size() == 1);
    CHECK(!ended[0].error);
    CHECK(ended[0].pictures == "shown");
    const Seen seen = seen_by(line);
    REQUIRE(seen.frames.size() == 75);
    CHECK(seen.sequence_breaks == 0);
    CHECK(seen.ssrcs == 1);
    for (uint32_t i = 0; i < 75; ++i) {
      CHECK(seen.frames[i].bytes == codec::test::make_frame(kind, i % 25 == 0, i));
      if (i > 0) CHECK(seen.timestamps[i] - seen.timestamps[i - 1] == 3600);
      const int64_t after = seen.frames[i].position_us / 1000 - seen.frames[0].position_us / 1000;
      CHECK(std::abs(after - int64_t{i} * 40) <= 20);
    }
    // The sound began with the first picture.
    const auto loud = std::ranges::find_if(line.microphone.heard, [](const Phone::Heard& heard) {
      return std::abs(rtp::decode_ulaw(heard.packet.payload[80])) > 3000;
    });
    REQUIRE(loud != line.microphone.heard.end());
    const auto apart = loud->at.time_since_epoch() - std::chrono::microseconds(seen.frames[0].position_us);
    CHECK(apart < 45ms);
    CHECK(apart > -45ms);
    // Both streams' reports name one far end and its time.
    std::optional<rtp::SenderInfo> report;
    for (const auto& bytes : line.camera.reports) {
      rtp::RtcpReader reader(bytes);
      while (const auto packet = reader.next())
        if (const auto info = rtp::sender_info(*packet)) report = info;
    }
    REQUIRE(report);
    CHECK(report->packets > 0);
  }
  std::filesystem::remove_all(directory);
}

TEST_CASE("pause, offset, rounds and the queue hold for pictures as for sound") {
  const std::string directory = scratch("play-film-ways");
  const auto kind = codec::PictureKind::vp8;
  const std::string path = make_film(directory + "/a.webm", kind, 50);
  {
    FilmLine line({}, kind, false);
    const JobId job = play(line, {.sources = {film_source(path)}});
    line.world.loop.run_for(500ms);
    REQUIRE(line.world.wait(line.world.node->change(line.leg.id, job, {.is_paused = true})));
    line.world.loop.run_for(50ms);
    const size_t before = line.camera.heard.size();
    line.world.loop.run_for(3s);
    CHECK(line.camera.heard.size() == before);
    REQUIRE(line.world.wait(line.world.node->change(line.leg.id, job, {.is_paused = false})));
    line.world.loop.run_for(3s);
    const Seen seen = seen_by(line);
    CHECK(seen.frames.size() == 50);
    CHECK(seen.sequence_breaks == 0);
    // Time has passed meanwhile.
    CHECK(seen.timestamps.back() - seen.timestamps.front() > 90 * 4800);
  }
  {
    // 1.5 s: the key frame before is at 1 s.
    FilmLine line({}, kind, false);
    Source source = film_source(path);
    source.offset = 1500ms;
    source.loop = 2;
    play(line, {.sources = {source}});
    play(line, {.sources = {film_source(path)}, .is_queued = true});
    line.world.loop.run_for(6s);
    CHECK(line.world.told<event::PlayEnded>(line.leg).size() == 2);
    const Seen seen = seen_by(line);
    REQUIRE(seen.frames.size() == 25 + 50 + 50);
    CHECK(seen.sequence_breaks == 0);
    CHECK(seen.ssrcs == 1);
    CHECK(seen.frames[0].bytes == codec::test::make_frame(kind, true, 25));
    CHECK(seen.frames[25].bytes == codec::test::make_frame(kind, true, 0));
    CHECK(seen.frames[75].bytes == codec::test::make_frame(kind, true, 0));
    for (size_t i = 1; i < seen.timestamps.size(); ++i)
      CHECK(static_cast<int32_t>(seen.timestamps[i] - seen.timestamps[i - 1]) > 0);
  }
  std::filesystem::remove_all(directory);
}

TEST_CASE("what is relayed waits while a film is seen, and comes back with a key frame that was asked for") {
  const std::string directory = scratch("play-film-relay");
  const auto kind = codec::PictureKind::vp8;
  const std::string path = make_film(directory + "/a.webm", kind, 25);
  FilmLine line({}, kind, false);
  AllocateRequest request{.leg = "b", .streams = {StreamKind::audio, StreamKind::video}};
  const AnchorInfo other = line.world.allocate(request);
  Phone camera(line.world.loop, line.world.net, "192.0.2.20", 333);
  Remote remote{.stream = 1, .rtp = camera.local(), .formats = {picture_format(kind)}};
  REQUIRE(line.world.wait(line.world.node->set_remote(other.id, Side::outer, remote)));
  REQUIRE(line.world.connect(line.leg, {.kind = Path::Kind::bridge, .peer = other.id}));
  camera.payload_type = 96;
  camera.talk_to(other.streams[1].outer);
  line.world.loop.run_for(500ms);
  const auto count = [&](uint32_t ssrc) {
    return std::ranges::count_if(line.camera.heard, [&](const Phone::Heard& one) { return one.packet.ssrc == ssrc; });
  };
  const auto relayed = count(333);
  CHECK(relayed > 20);
  const size_t asked = camera.reports.size();
  play(line, {.sources = {film_source(path)}});
  line.world.loop.run_for(900ms);
  CHECK(count(333) - relayed <= 3);
  CHECK(line.camera.heard.back().packet.ssrc != 333);
  line.world.loop.run_for(1s);
  CHECK(line.camera.heard.back().packet.ssrc == 333);
  CHECK(count(333) - relayed > 20);
  CHECK(camera.reports.size() == asked + 1);
  // A second film goes on with the numbers of the first.
  const auto last_of_film = [&] {
    return std::find_if(line.camera.heard.rbegin(), line.camera.heard.rend(),
                        [](const Phone::Heard& one) { return one.packet.ssrc != 333; })
        ->packet;
  };
  const rtp::Packet first_film = last_of_film();
  const size_t from = line.camera.heard.size();
  play(line, {.sources = {film_source(path)}});
  line.world.loop.run_for(200ms);
  const auto next = std::find_if(line.camera.heard.begin() + static_cast<ptrdiff_t>(from), line.camera.heard.end(),
                                 [](const Phone::Heard& one) { return one.packet.ssrc != 333; });
  REQUIRE(next != line.camera.heard.end());
  CHECK(next->packet.ssrc == first_film.ssrc);
  CHECK(next->packet.sequence == static_cast<uint16_t>(first_film.sequence + 1));
  std::filesystem::remove_all(directory);
}

TEST_CASE("a leg that sees no pictures, or none of the film's codec, hears the sound, and the end says so") {
  const std::string directory = scratch("play-film-unseen");
  const std::string path = make_film(directory + "/a.webm", codec::PictureKind::vp9, 25);
  Line plain;
  plain.play({film_source(path)});
  plain.world.loop.run_for(1500ms);
  CHECK(plain.last<event::PlayEnded>().pictures == "unseen");
  CHECK(!plain.last<event::PlayEnded>().error);
  CHECK(plain.loudness(0) > 1500);
  FilmLine other({}, codec::PictureKind::vp8, false);
  play(other, {.sources = {film_source(path)}});
  other.world.loop.run_for(1500ms);
  CHECK(other.camera.heard.empty());
  CHECK(other.world.told<event::PlayEnded>(other.leg).back().pictures == "unseen");
  plain.play({{.kind = Source::Kind::tone, .value = "beep"}});
  plain.world.loop.run_for(1500ms);
  CHECK(plain.last<event::PlayEnded>().pictures.empty());
  std::filesystem::remove_all(directory);
}

TEST_CASE("a film that is none, is cut short or holds what cannot be played says what is wrong") {
  const std::string directory = scratch("play-film-bad");
  const std::string whole = read(make_film(directory + "/a.mkv", codec::PictureKind::h264, 25));
  for (size_t size = 4; size < whole.size(); size += 97) {
    const auto clip = decode_audio(whole.substr(0, size));
    if (!clip) CHECK((clip.error().kind == Error::Kind::malformed || clip.error().kind == Error::Kind::unsupported));
  }
  std::string vorbis = whole;
  vorbis.replace(vorbis.find("A_OPUS"), 6, "A_MPEG");
  const auto refused = decode_audio(vorbis);
  REQUIRE(!refused);
  CHECK(refused.error().text.find("A_MPEG") != std::string::npos);
  std::filesystem::remove_all(directory);
}
