#include "media/matroska.hpp"

#include <bit>

namespace nearend::media::matroska {
namespace {

constexpr uint64_t opus_preroll_ns = 80'000'000;  // RFC 7845 4.6
constexpr std::string_view maker = "nearend";

void put(std::string& out, uint64_t value, int bytes) {
  while (bytes-- > 0) out += static_cast<char>(value >> (8 * bytes));
}

void put_id(std::string& out, uint32_t id) {
  put(out, id, id > 0xffffff ? 4 : id > 0xffff ? 3 : id > 0xff ? 2 : 1);
}

/// In as few bytes as hold it; all ones means another thing.
void put_size(std::string& out, uint64_t size) {
  int bytes = 1;
  while (bytes < 8 && size >= (uint64_t{1} << (7 * bytes)) - 1) ++bytes;
  put(out, size | uint64_t{1} << (7 * bytes), bytes);
}

void put_element(std::string& out, uint32_t id, std::string_view body) {
  put_id(out, id);
  put_size(out, body.size());
  out += body;
}

void put_unsigned(std::string& out, uint32_t id, uint64_t value) {
  int bytes = 1;
  while (bytes < 8 && value >> (8 * bytes)) ++bytes;
  put_id(out, id);
  put_size(out, static_cast<uint64_t>(bytes));
  put(out, value, bytes);
}

void put_float(std::string& out, uint32_t id, double value) {
  put_id(out, id);
  put_size(out, 8);
  put(out, std::bit_cast<uint64_t>(value), 8);
}

void put_void(std::string& out, size_t size) {
  put_id(out, void_element);
  out += wide_size(size - 9);
  out.append(size - 9, '\0');
}

void put_little(std::string& out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
}

std::string opus_head(const Track& track) {
  std::string head = "OpusHead";
  put(head, 1, 1);
  put(head, track.channels, 1);
  put_little(head, track.delay_ticks, 2);
  put_little(head, 48'000, 4);
  put_little(head, 0, 2);
  put(head, track.is_uncoupled ? 1 : 0, 1);
  if (track.is_uncoupled) {
    put(head, 2, 1);
    put(head, 0, 1);
    put(head, 0x0001, 2);
  }
  return head;
}

std::string_view codec_id(codec::PictureKind kind) {
  switch (kind) {
    case codec::PictureKind::vp8:
      return "V_VP8";
    case codec::PictureKind::vp9:
      return "V_VP9";
    case codec::PictureKind::h264:
      return "V_MPEG4/ISO/AVC";
    case codec::PictureKind::none:
      break;
  }
  return "A_OPUS";
}

std::string track_entry(const Track& track) {
  const bool is_sound = track.pictures == codec::PictureKind::none;
  std::string entry;
  put_unsigned(entry, 0xd7, track.number);
  put_unsigned(entry, 0x73c5, track.id);
  put_unsigned(entry, 0x83, is_sound ? 2 : 1);
  put_unsigned(entry, 0x9c, 0);  // no lacing
  put_element(entry, 0x86, codec_id(track.pictures));
  std::string facts;
  if (is_sound) {
    put_element(entry, 0x63a2, opus_head(track));
    put_unsigned(entry, 0x56aa, uint64_t{track.delay_ticks} * 1'000'000'000 / 48'000);
    put_unsigned(entry, 0x56bb, opus_preroll_ns);
    put_float(facts, 0xb5, 48'000);
    put_unsigned(facts, 0x9f, track.channels);
    put_element(entry, 0xe1, facts);
    return entry;
  }
  if (!track.configuration.empty())
    put_element(entry, 0x63a2, {reinterpret_cast<const char*>(track.configuration.data()), track.configuration.size()});
  put_unsigned(facts, 0xb0, track.size.width);
  put_unsigned(facts, 0xba, track.size.height);
  put_element(entry, 0xe0, facts);
  return entry;
}

std::string make_info(const Ending* ending) {
  std::string body;
  if (ending)
    put_float(body, duration, ending->duration_ms);
  else
    put_element(body, void_element, std::string(9, '\0'));  // as long as the duration will be
  put_unsigned(body, 0x2ad7b1, 1'000'000);
  put_element(body, 0x4d80, maker);
  put_element(body, 0x5741, maker);
  std::string all;
  put_element(all, info, body);
  return all;
}

void put_seek(std::string& out, uint32_t id, uint64_t position) {
  std::string name, body;
  put_id(name, id);
  put_element(body, 0x53ab, name);
  put_unsigned(body, 0x53ac, position);
  put_element(out, 0x4dbb, body);
}

std::string make_seek_head(size_t info_at, size_t tracks_at, uint64_t cues_at) {
  std::string body, all;
  put_seek(body, info, info_at);
  put_seek(body, tracks, tracks_at);
  put_seek(body, cues, cues_at);
  put_element(all, seek_head, body);
  return all;
}

}  // namespace

std::string duration_element(double length_ms) {
  std::string bytes;
  put_float(bytes, duration, length_ms);
  return bytes;
}

std::string wide_size(uint64_t size) {
  std::string bytes;
  put(bytes, size == unknown_size ? 0x01ffffffffffffff : size | uint64_t{1} << 56, 8);
  return bytes;
}

Result<std::string> make_head(const std::vector<Track>& all, const Ending* ending) {
  bool is_webm = true;
  std::string entries, track_list;
  for (const Track& track : all) {
    is_webm = is_webm && track.pictures != codec::PictureKind::h264;
    put_element(entries, 0xae, track_entry(track));
  }
  put_element(track_list, tracks, entries);

  std::string body, head;
  put_unsigned(body, 0x4286, 1);
  put_unsigned(body, 0x42f7, 1);
  put_unsigned(body, 0x42f2, 4);
  put_unsigned(body, 0x42f3, 8);
  if (is_webm) {
    put_id(body, 0x4282);
    put(body, uint64_t{0x08} << 32 | 4, 5);  // a length of five bytes: the head is as long as the other's
    body += "webm";
  } else {
    put_element(body, 0x4282, "matroska");
  }
  put_unsigned(body, 0x4287, 4);
  put_unsigned(body, 0x4285, 2);
  put_element(head, ebml, body);
  put_id(head, segment);
  head += wide_size(ending ? ending->size - segment_body_at : unknown_size);

  const std::string facts = make_info(ending);
  if (ending && ending->cues_at != 0) {
    // Its own length depends on what it says; the shortest that says the truth stands after two rounds.
    std::string seek = make_seek_head(0, 0, ending->cues_at - segment_body_at);
    for (int round = 0; round < 3; ++round)
      seek = make_seek_head(seek.size(), seek.size() + facts.size(), ending->cues_at - segment_body_at);
    head += seek;
  }
  head += facts;
  head += track_list;
  if (head.size() + 9 > head_size) return fail(Error::Kind::invalid, "Matroska: the tracks' descriptions are too long");
  put_void(head, head_size - head.size());
  return head;
}

std::string begin_cluster(uint64_t time_ms) {
  std::string bytes;
  put_id(bytes, cluster);
  bytes += wide_size(unknown_size);
  put_unsigned(bytes, timestamp, time_ms);
  return bytes;
}

void put_block(std::string& out, uint8_t track, int16_t offset_ms, bool is_key, std::string_view frame) {
  put_id(out, simple_block);
  put_size(out, frame.size() + 4);
  put(out, 0x80u | track, 1);
  put(out, static_cast<uint16_t>(offset_ms), 2);
  put(out, is_key ? 0x80 : 0, 1);
  out += frame;
}

std::string make_cues(const std::vector<Cue>& all) {
  std::string points, bytes;
  for (const Cue& cue : all) {
    std::string position, point;
    put_unsigned(position, 0xf7, cue.track);
    put_unsigned(position, 0xf1, cue.cluster_at - segment_body_at);
    put_unsigned(point, 0xb3, cue.time_ms);
    put_element(point, 0xb7, position);
    put_element(points, 0xbb, point);
  }
  put_element(bytes, cues, points);
  return bytes;
}

}  // namespace nearend::media::matroska
