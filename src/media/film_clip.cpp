// Clips of Matroska and WebM: sound as samples, pictures as they are sent.
#include <opus/opus_multistream.h>

#include <algorithm>
#include <array>
#include <memory>

#include "media/audio_file.hpp"
#include "media/film.hpp"

namespace nearend::media {
namespace {

using Track = FilmContents::Track;
using Bytes = std::span<const uint8_t>;

Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

struct Closer {
  void operator()(OpusMSDecoder* decoder) const { opus_multistream_decoder_destroy(decoder); }
};
using OpusDecoderPtr = std::unique_ptr<OpusMSDecoder, Closer>;

/// By the head of RFC 7845 5.1, which is the track's configuration.
OpusDecoderPtr make_decoder(const Track& track, int& channels) {
  std::array<unsigned char, 8> mapping{0, 1};
  const auto& head = track.configuration;
  channels = static_cast<int>(std::clamp<uint32_t>(track.channels, 1, 2));
  int streams = 1, coupled = channels - 1;
  if (head.size() >= 19) {
    channels = std::clamp<int>(head[9], 1, 8);
    coupled = channels - 1;
    if (head[18] == 0 && channels > 2) return nullptr;
    if (head[18] != 0) {
      if (head.size() < 21 + static_cast<size_t>(channels)) return nullptr;
      streams = head[19];
      coupled = head[20];
      std::copy_n(head.begin() + 21, channels, mapping.begin());
    }
  }
  int error = OPUS_OK;
  return OpusDecoderPtr(opus_multistream_decoder_create(static_cast<opus_int32>(sample_rate), channels, streams,
                                                        coupled, mapping.data(), &error));
}

/// Samples set down where their block says, without a seam where it says so only by rounding.
class SoundLine {
 public:
  explicit SoundLine(std::vector<int16_t>& samples) : samples_(samples) {}
  Result<void> add(int64_t at, std::span<const int16_t> piece) {
    constexpr int64_t seam = 240;  // 30 ms
    if (at < 0) {
      piece = piece.subspan(std::min(piece.size(), static_cast<size_t>(-at)));
      at = 0;
    }
    const auto end = static_cast<int64_t>(samples_.size());
    const auto begin = static_cast<size_t>(at > end + seam ? at : end);
    if (begin + piece.size() > clip_samples_max) return fail(Error::Kind::invalid, "Matroska: longer than an hour");
    samples_.resize(begin);
    samples_.insert(samples_.end(), piece.begin(), piece.end());
    return {};
  }

 private:
  std::vector<int16_t>& samples_;
};

Result<void> decode_opus(const FilmContents& file, const Track& track, SoundLine& line) {
  int channels = 1;
  const OpusDecoderPtr decoder = make_decoder(track, channels);
  if (!decoder) return fail(Error::Kind::malformed, "Matroska: a broken Opus head");
  std::array<int16_t, 960 * 8> block;  // 120 ms
  std::array<int16_t, 960> mono;
  const int64_t delay = static_cast<int64_t>(std::min<uint64_t>(track.delay_ns, 1'000'000'000)) * 8 / 1'000'000;
  for (const auto& one : file.blocks) {
    if (one.track != track.number || one.bytes.empty()) continue;
    const int count = opus_multistream_decode(decoder.get(), bytes_of(one.bytes).data(),
                                              static_cast<opus_int32>(one.bytes.size()), block.data(), 960, 0);
    if (count < 0) continue;  // a broken packet is a gap
    for (int i = 0; i < count; ++i) {
      int sum = 0;
      for (int c = 0; c < channels; ++c) sum += block[static_cast<size_t>(i * channels + c)];
      mono[static_cast<size_t>(i)] = static_cast<int16_t>(sum / channels);
    }
    if (auto added = line.add(one.at_ms * 8 - delay, std::span(mono).first(static_cast<size_t>(count))); !added)
      return added;
  }
  return {};
}

Result<void> decode_linear(const FilmContents& file, const Track& track, SoundLine& line) {
  if (track.bits != 16 || track.channels < 1 || track.channels > 8 || track.rate < 4000 || track.rate > 192'000)
    return fail(Error::Kind::unsupported, "Matroska: linear sound of {} bits at {} Hz", track.bits, track.rate);
  std::vector<int16_t> all;
  for (const auto& one : file.blocks) {
    if (one.track != track.number) continue;
    const Bytes bytes = bytes_of(one.bytes);
    const size_t frame = track.channels * size_t{2};
    for (size_t at = 0; at + frame <= bytes.size(); at += frame) {
      int sum = 0;
      for (size_t c = 0; c < track.channels; ++c)
        sum += static_cast<int16_t>(bytes[at + 2 * c] | bytes[at + 2 * c + 1] << 8);
      all.push_back(static_cast<int16_t>(sum / static_cast<int>(track.channels)));
    }
  }
  return line.add(0, track.rate == sample_rate ? all : resample(all, track.rate));
}

codec::PictureKind kind_of(const Track& track) {
  if (track.codec == "V_VP8") return codec::PictureKind::vp8;
  if (track.codec == "V_VP9") return codec::PictureKind::vp9;
  if (track.codec == "V_MPEG4/ISO/AVC") return codec::PictureKind::h264;
  return codec::PictureKind::none;
}

void put_unit(std::vector<uint8_t>& out, Bytes unit) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<uint8_t>(unit.size() >> shift));
  out.insert(out.end(), unit.begin(), unit.end());
}

/// What ISO/IEC 14496-15 5.2.4.1 says about all frames.
struct Units {
  size_t length_bytes = 4;
  std::vector<uint8_t> sets;  // parameter sets, with lengths of four bytes
};

std::optional<Units> read_units(Bytes configuration) {
  if (configuration.size() < 7) return std::nullopt;
  Units units{.length_bytes = (configuration[4] & 3) + size_t{1}, .sets = {}};
  Bytes rest = configuration.subspan(5);
  for (const uint8_t mask : {uint8_t{31}, uint8_t{255}}) {
    if (rest.empty()) return std::nullopt;
    size_t count = rest[0] & mask;
    rest = rest.subspan(1);
    for (; count > 0; --count) {
      if (rest.size() < 2) return std::nullopt;
      const size_t size = static_cast<size_t>(rest[0] << 8 | rest[1]);
      if (rest.size() - 2 < size) return std::nullopt;
      put_unit(units.sets, rest.subspan(2, size));
      rest = rest.subspan(2 + size);
    }
  }
  return units;
}

/// One frame with lengths of four bytes; a key frame brings its parameter sets along.
void add_units(std::vector<uint8_t>& out, const Units& units, Bytes frame, bool is_key) {
  std::vector<uint8_t> plain;
  bool has_sets = false;
  while (frame.size() > units.length_bytes) {
    size_t size = 0;
    for (size_t i = 0; i < units.length_bytes; ++i) size = size << 8 | frame[i];
    frame = frame.subspan(units.length_bytes);
    if (size == 0 || size > frame.size()) break;
    has_sets = has_sets || codec::nal::type_of(frame[0]) == codec::nal::sequence_set;
    put_unit(plain, frame.first(size));
    frame = frame.subspan(size);
  }
  if (is_key && !has_sets) out.insert(out.end(), units.sets.begin(), units.sets.end());
  out.insert(out.end(), plain.begin(), plain.end());
}

std::shared_ptr<const Film> make_film(const FilmContents& file, const Track& track) {
  auto film = std::make_shared<Film>();
  film->kind = kind_of(track);
  film->size = track.size;
  const auto units = film->kind == codec::PictureKind::h264 ? read_units(track.configuration) : Units{};
  if (!units) return nullptr;
  for (const auto& one : file.blocks) {
    if (one.track != track.number || one.bytes.empty() || one.at_ms < 0 || one.at_ms > 3'600'000) continue;
    if (film->frames.empty() && !one.is_key) continue;
    const auto begin = film->bytes.size();
    const Bytes bytes = bytes_of(one.bytes);
    if (film->kind == codec::PictureKind::h264)
      add_units(film->bytes, *units, bytes, one.is_key);
    else
      film->bytes.insert(film->bytes.end(), bytes.begin(), bytes.end());
    auto at = static_cast<uint32_t>(one.at_ms);
    // Frames are in the order in which they are decoded; they are sent so.
    if (!film->frames.empty()) at = std::max(at, film->frames.back().at_ms);
    film->frames.push_back({.at_ms = at,
                            .is_key = one.is_key,
                            .begin = static_cast<uint32_t>(begin),
                            .size = static_cast<uint32_t>(film->bytes.size() - begin)});
  }
  return film->frames.empty() ? nullptr : film;
}

}  // namespace

Result<Clip> decode_film(std::string_view bytes) {
  auto file = read_film(bytes);
  if (!file) return pass(file);
  Clip clip;
  SoundLine line(clip.samples);
  const auto sound = std::ranges::find_if(file->tracks, &Track::has_sound);
  if (sound != file->tracks.end()) {
    Result<void> done = fail(Error::Kind::unsupported, "Matroska: sound is {}; Opus and linear are possible",
                             sound->codec.substr(0, 40));
    if (sound->codec == "A_OPUS") done = decode_opus(*file, *sound, line);
    if (sound->codec == "A_PCM/INT/LIT") done = decode_linear(*file, *sound, line);
    if (!done) return pass(done);
  }
  const auto pictures =
      std::ranges::find_if(file->tracks, [](const Track& track) { return kind_of(track) != codec::PictureKind::none; });
  if (pictures != file->tracks.end()) clip.film = make_film(*file, *pictures);
  if (!clip.film && sound == file->tracks.end())
    return fail(Error::Kind::unsupported, "Matroska: neither sound nor VP8, VP9 or H.264 in it");
  // The pictures that outlast the sound are seen to their end.
  if (clip.film) {
    const size_t least = (size_t{clip.film->frames.back().at_ms} + 40) * 8;
    if (clip.samples.size() < least) clip.samples.resize(std::min(least, clip_samples_max));
  }
  return clip;
}

}  // namespace nearend::media
