#pragma once

#include "codec/codec.hpp"
#include "media/film.hpp"
#include "unit/codec/pictures.hpp"
#include "unit/media/line.hpp"

namespace nearend::media::test {

inline Format picture_format(codec::PictureKind kind, uint8_t payload_type = 96) {
  const char* name = kind == codec::PictureKind::vp8 ? "VP8" : kind == codec::PictureKind::vp9 ? "VP9" : "H264";
  return {.payload_type = payload_type, .name = name, .clock_rate = 90'000};
}
inline const Format opus_format{.payload_type = 111, .name = "opus", .clock_rate = 48'000, .channels = 2};

/// A leg with sound and pictures, and its far end: a microphone and a camera.
struct FilmLine {
  World world;
  codec::PictureKind kind;
  Phone microphone{world.loop, world.net, "192.0.2.10", 111}, camera{world.loop, world.net, "192.0.2.11", 222};
  AnchorInfo leg;
  uint32_t shown = 0, asked_seen = 0;
  bool has_opus;
  std::unique_ptr<codec::Encoder> opus;
  std::vector<std::vector<uint8_t>> frames;
  std::vector<io::Instant> shown_at;

  FilmLine(NodeSettings settings, codec::PictureKind pictures, bool with_opus)
      : world(std::move(settings)), kind(pictures), has_opus(with_opus) {
    AllocateRequest request{.leg = "a", .streams = {StreamKind::audio, StreamKind::video}};
    leg = world.allocate(request);
    set(0, microphone, has_opus ? std::vector<Format>{opus_format} : telephone_formats());
    set(1, camera, {picture_format(kind)});
    (void)world.connect(leg, {.kind = Path::Kind::idle});
    if (has_opus) opus = std::move(*codec::make_encoder({.kind = codec::Kind::opus, .clock_rate = 48'000}));
  }
  void set(size_t stream, const Phone& phone, std::vector<Format> formats) {
    Remote remote{.stream = stream, .rtp = phone.local(), .formats = std::move(formats)};
    REQUIRE(world.wait(world.node->set_remote(leg.id, Side::outer, remote)));
  }
  JobId record(RecordRequest request = {}) {
    request.path_hint = "REf";
    request.format = FileFormat::matroska;
    const auto job = world.wait(world.node->record(leg.id, request));
    REQUIRE(job);
    return *job;
  }
  event::RecordEnded stop(JobId job) {
    world.node->stop(leg.id, job);
    world.loop.run_for(300ms);
    const auto told = world.told<event::RecordEnded>(leg);
    REQUIRE(told.size() == 1);
    return told.front();
  }
  /// 20 ms of a tone.
  void say() {
    std::array<int16_t, 160> samples;
    for (size_t i = 0; i < 160; ++i) samples[i] = i / 8 % 2 ? 6000 : -6000;
    std::array<uint8_t, 1275> coded;
    size_t size = 160;
    if (has_opus)
      size = *opus->encode(samples, coded);
    else
      for (size_t i = 0; i < 160; ++i) coded[i] = rtp::encode_ulaw(samples[i]);
    microphone.aim(leg.streams[0].outer);
    microphone.send({.payload_type = static_cast<uint8_t>(has_opus ? 111 : 0),
                     .sequence = microphone.sequence++,
                     .timestamp = microphone.timestamp,
                     .payload = std::span(coded).first(size)});
    microphone.timestamp += has_opus ? 960 : 160;
  }
  /// One frame; a packet of it may be lost.
  void show(bool is_key, int lost = -1) {
    frames.push_back(codec::test::make_frame(kind, is_key, shown++));
    shown_at.push_back(world.loop.now());
    camera.aim(leg.streams[1].outer);
    int index = 0;
    for (auto& packet : codec::test::packets_of(kind, is_key, frames.back(), camera.sequence, camera.timestamp, 0))
      if (index++ != lost)
        camera.send({.marker = packet.marker,
                     .payload_type = 96,
                     .sequence = packet.sequence,
                     .timestamp = packet.timestamp,
                     .payload = packet.payload});
    camera.timestamp += 3600;
  }
  /// How often the camera was asked for a key frame since this was last called.
  size_t asked() {
    size_t count = 0;
    for (; asked_seen < camera.reports.size(); ++asked_seen) {
      rtp::RtcpReader reader(camera.reports[asked_seen]);
      while (const auto packet = reader.next()) count += packet->type == rtp::RtcpType::payload_feedback ? 1 : 0;
    }
    return count;
  }
  /// Sound each 20 ms, a picture each 40 ms; a key frame each second, or whenever one was asked for.
  void run(milliseconds length, bool answers = false) {
    for (int step = 0; step < length / 20ms; ++step) {
      say();
      if (step % 2 == 0) {
        const bool is_due = shown % 25 == 0;
        show(answers ? asked() > 0 : is_due);
      }
      world.loop.run_for(20ms);
    }
  }
  /// A sender report of either: `at` is the far end's time of `timestamp`.
  void report(size_t stream, milliseconds at, uint32_t timestamp) {
    std::array<uint8_t, 64> buffer;
    rtp::RtcpWriter writer(buffer);
    writer.sender_report(
        stream == 0 ? 111 : 222,
        {.ntp = rtp::ntp_of(1'700'000'000'000'000'000 + at.count() * 1'000'000), .rtp_timestamp = timestamp}, {});
    Endpoint to = leg.streams[stream].outer;
    ++to.port;
    (stream == 0 ? microphone : camera).send_rtcp(to, {buffer.data(), writer.size()});
  }
};

/// Blocks of the track of pictures, or of sound.
inline std::vector<FilmContents::Block> blocks_of(const FilmContents& file, bool are_pictures) {
  std::vector<FilmContents::Block> found;
  for (const auto& track : file.tracks)
    if (track.has_pictures == are_pictures)
      for (const auto& block : file.blocks)
        if (block.track == track.number) found.push_back(block);
  return found;
}

}  // namespace nearend::media::test
