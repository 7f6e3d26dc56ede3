#include "media/film_tap.hpp"

#include <algorithm>
#include <cstdlib>

namespace nearend::media {
namespace {

constexpr size_t sounds_max = 128, sound_bytes_max = 32 << 10;
// Reports that would set a picture farther from the moment at which it came are none to go by.
constexpr int64_t reports_astray_us = 2'000'000;
// Without reports: when a line's clock has left ours by more, it is set down anew.
constexpr int64_t arrival_astray_us = 500'000;
constexpr std::chrono::seconds other_source_after{1};

int64_t ticks_us(uint32_t from, uint32_t to, uint32_t clock_rate) {
  return int64_t{static_cast<int32_t>(to - from)} * 1'000'000 / static_cast<int64_t>(clock_rate);
}

int64_t ntp_us(uint64_t ntp) {
  return static_cast<int64_t>((ntp >> 32) * 1'000'000 + ((ntp & 0xffffffff) * 1'000'000 >> 32));
}

/// In the far end's own time.
std::optional<int64_t> far_time_us(const FilmTap::Heard& heard) {
  if (heard.clock.ntp == 0 || heard.clock.ssrc != heard.packet.ssrc) return std::nullopt;
  return ntp_us(heard.clock.ntp) + ticks_us(heard.clock.timestamp, heard.packet.timestamp, heard.clock_rate);
}

}  // namespace

FilmTap::FilmTap() {
  sounds_.reserve(sounds_max);
  sound_bytes_.reserve(sound_bytes_max);
}

void FilmTap::note_sound(size_t leg, const Heard& heard, int64_t at_us) {
  last_sound_[leg] = Sound{heard, at_us};
  last_sound_[leg]->heard.packet.payload = {};
}

void FilmTap::keep_sound(rtp::Bytes payload, int64_t at_us) {
  if (sounds_.size() == sounds_max || sound_bytes_.size() + payload.size() > sound_bytes_max) return;
  sounds_.push_back({.at_us = at_us,
                     .begin = static_cast<uint32_t>(sound_bytes_.size()),
                     .size = static_cast<uint32_t>(payload.size())});
  sound_bytes_.insert(sound_bytes_.end(), payload.begin(), payload.end());
}

FilmTap::Line* FilmTap::find_line(size_t leg, uint8_t stream) {
  for (size_t i = 0; i < line_count_; ++i)
    if (lines_[i].leg == leg && lines_[i].stream == stream) return &lines_[i];
  if (line_count_ == lines_.size()) return nullptr;
  Line& line = lines_[line_count_++];
  line.leg = leg;
  line.stream = stream;
  return &line;
}

std::optional<int64_t> FilmTap::by_reports(const Line& line, const Heard& heard, int64_t here_us) const {
  const auto& sound = last_sound_[line.leg];
  if (!sound) return std::nullopt;
  const auto seen = far_time_us(heard), said = far_time_us(sound->heard);
  if (!seen || !said) return std::nullopt;
  const int64_t at = sound->at_us + (*seen - *said);
  if (std::abs(at - here_us) > reports_astray_us) return std::nullopt;
  return at;
}

void FilmTap::place(Line& line, const Heard& heard, int64_t here_us) const {
  const uint32_t timestamp = heard.packet.timestamp;
  if (line.has_position && line.timestamp == timestamp) return;
  int64_t at = line.position_us + ticks_us(line.timestamp, timestamp, heard.clock_rate);
  if (!line.has_position || std::abs(at - here_us) > arrival_astray_us) at = here_us;
  if (const auto reported = by_reports(line, heard, here_us)) at = *reported;
  line.has_position = true;
  line.timestamp = timestamp;
  line.position_us = at;
}

void FilmTap::add_picture(size_t leg, uint8_t stream, codec::PictureKind kind, const Heard& heard, int64_t here_us,
                          io::Instant now) {
  Line* line = find_line(leg, stream);
  if (!line) return;
  FilmPiece::Line& kept = line->kept;
  if (kept.kind == codec::PictureKind::none) kept.kind = kind;
  if (kept.kind != kind) return;
  const auto& packet = heard.packet;
  if (line->ssrc != packet.ssrc || line->came == io::Instant{}) {
    // Of several sizes of one picture that come side by side one is kept, as long as it comes.
    if (line->came != io::Instant{} && now - line->came < other_source_after) return;
    line->ssrc = packet.ssrc;
    line->has_position = false;
    kept.begins_anew = true;
    kept.packets.clear();
    kept.bytes.clear();
  }
  line->came = now;
  if (kept.bytes.capacity() == 0) {
    kept.bytes.reserve(bytes_max);
    kept.packets.reserve(packets_max);
  }
  place(*line, heard, here_us);
  if (kept.packets.size() == packets_max || kept.bytes.size() + packet.payload.size() > bytes_max) return;
  kept.packets.push_back(
      {.sequence = packet.sequence,
       .timestamp = packet.timestamp,
       .marker = packet.marker,
       .came_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count(),
       .position_us = line->position_us,
       .begin = static_cast<uint32_t>(kept.bytes.size()),
       .size = static_cast<uint32_t>(packet.payload.size())});
  kept.bytes.insert(kept.bytes.end(), packet.payload.begin(), packet.payload.end());
}

void FilmTap::begin_anew() {
  for (size_t i = 0; i < line_count_; ++i) {
    lines_[i].has_position = false;
    lines_[i].came = {};
  }
  last_sound_ = {};
}

FilmPiece FilmTap::take(io::Instant now) {
  FilmPiece piece;
  piece.now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  piece.sounds = std::exchange(sounds_, {});
  piece.sound_bytes = std::exchange(sound_bytes_, {});
  sounds_.reserve(sounds_max);
  sound_bytes_.reserve(sound_bytes_max);
  piece.lines.reserve(line_count_);
  for (size_t i = 0; i < line_count_; ++i) {
    FilmPiece::Line& kept = lines_[i].kept;
    const codec::PictureKind kind = kept.kind;
    piece.lines.push_back(std::exchange(kept, {}));
    kept.kind = kind;
    kept.bytes.reserve(bytes_max);
    kept.packets.reserve(packets_max);
  }
  return piece;
}

std::optional<FilmTap::Wish> FilmTap::next_wish(const FilmFile& file, io::Instant now) {
  for (size_t i = 0; i < line_count_; ++i) {
    Line& line = lines_[i];
    const bool is_here = line.came != io::Instant{} && now - line.came < other_source_after;
    const bool is_early = line.asked != io::Instant{} && now - line.asked < ask_interval;
    if (!is_here || is_early || !file.needs_key(i)) continue;
    line.asked = now;
    return Wish{line.leg, line.stream, line.ssrc};
  }
  return std::nullopt;
}

}  // namespace nearend::media
