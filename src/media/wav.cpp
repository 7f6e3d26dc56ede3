#include <algorithm>
#include <bit>

#include "media/audio_file.hpp"
#include "rtp/g711.hpp"

namespace nearend::media {
namespace {

constexpr uint16_t format_pcm = 1, format_float = 3, format_alaw = 6, format_ulaw = 7, format_extensible = 0xfffe;

uint16_t get16(std::string_view bytes, size_t at) {
  return static_cast<uint16_t>(static_cast<uint8_t>(bytes[at]) | static_cast<uint8_t>(bytes[at + 1]) << 8);
}
uint32_t get32(std::string_view bytes, size_t at) {
  return get16(bytes, at) | static_cast<uint32_t>(get16(bytes, at + 2)) << 16;
}

struct WavFormat {
  uint16_t format = 0, channels = 0, bits = 0;
  uint32_t rate = 0;
  size_t frame_bytes() const { return channels * size_t{bits} / 8; }
};

Result<WavFormat> parse_format(std::string_view chunk) {
  if (chunk.size() < 16)
    return fail(Error::Kind::malformed, "WAV: format chunk of {} bytes, 16 are needed", chunk.size());
  WavFormat format{
      .format = get16(chunk, 0), .channels = get16(chunk, 2), .bits = get16(chunk, 14), .rate = get32(chunk, 4)};
  if (format.format == format_extensible && chunk.size() >= 26) format.format = get16(chunk, 24);
  const bool is_law = format.format == format_alaw || format.format == format_ulaw;
  const bool is_pcm = format.format == format_pcm && format.bits % 8 == 0 && format.bits >= 8 && format.bits <= 32;
  const bool is_float = format.format == format_float && (format.bits == 32 || format.bits == 64);
  const bool is_known = (is_law && format.bits == 8) || is_pcm || is_float;
  if (!is_known)
    return fail(Error::Kind::unsupported,
                "WAV: format {} with {} bits; linear with 8 to 32, float, A-law and mu-law are possible", format.format,
                format.bits);
  if (format.channels == 0 || format.channels > 8)
    return fail(Error::Kind::unsupported, "WAV: {} channels", format.channels);
  if (format.rate < 4000 || format.rate > 192'000) return fail(Error::Kind::unsupported, "WAV: {} Hz", format.rate);
  return format;
}

int float_at(std::string_view data, size_t at, uint16_t bits) {
  double value = 0;
  if (bits == 32) {
    value = std::bit_cast<float>(get32(data, at));
  } else {
    value = std::bit_cast<double>(uint64_t{get32(data, at)} | uint64_t{get32(data, at + 4)} << 32);
  }
  // Also whatever is no number becomes silence.
  return value >= -1 && value <= 1 ? static_cast<int>(value * 32767) : value > 1 ? 32767 : value < -1 ? -32768 : 0;
}

int sample_at(const WavFormat& format, std::string_view data, size_t at) {
  const uint8_t byte = static_cast<uint8_t>(data[at]);
  if (format.format == format_alaw) return rtp::decode_alaw(byte);
  if (format.format == format_ulaw) return rtp::decode_ulaw(byte);
  if (format.format == format_float) return float_at(data, at, format.bits);
  if (format.bits == 8) return (byte - 128) * 256;
  return static_cast<int16_t>(get16(data, at + format.bits / 8u - 2));  // the two upper bytes
}

Result<Clip> decode_data(const WavFormat& format, std::string_view data) {
  const size_t frames = data.size() / format.frame_bytes();
  if (frames / format.rate > clip_samples_max / sample_rate)
    return fail(Error::Kind::invalid, "WAV: longer than an hour");
  std::vector<int16_t> mono(frames);
  const size_t width = format.bits / 8u;
  for (size_t i = 0; i < frames; ++i) {
    int sum = 0;
    for (size_t c = 0; c < format.channels; ++c) sum += sample_at(format, data, (i * format.channels + c) * width);
    mono[i] = static_cast<int16_t>(sum / format.channels);
  }
  return Clip{resample(mono, format.rate)};
}

}  // namespace

Result<Clip> decode_wav(std::string_view bytes) {
  if (bytes.size() < 12 || bytes.substr(0, 4) != "RIFF" || bytes.substr(8, 4) != "WAVE")
    return fail(Error::Kind::malformed, "WAV: no RIFF/WAVE header");
  WavFormat format;
  for (size_t at = 12; at + 8 <= bytes.size();) {
    const std::string_view name = bytes.substr(at, 4);
    const size_t said = get32(bytes, at + 4);
    // Writers to a pipe cannot know the length and say the most; what is there counts.
    const std::string_view body = bytes.substr(at + 8, std::min(said, bytes.size() - at - 8));
    if (name == "fmt ") {
      auto parsed = parse_format(body);
      if (!parsed) return pass(parsed);
      format = *parsed;
    } else if (name == "data") {
      if (format.channels == 0) return fail(Error::Kind::malformed, "WAV: data before its format");
      return decode_data(format, body);
    }
    at += 8 + body.size() + (said & 1);
  }
  return fail(Error::Kind::malformed, "WAV: no data chunk");
}

namespace {

/// What came instead, for the one who has to find out why nothing is heard.
std::string_view guess_kind(std::string_view bytes) {
  if (bytes.empty()) return "empty";
  if (bytes.starts_with("fLaC")) return "FLAC";
  if (bytes.starts_with("FORM")) return "AIFF";
  if (bytes.starts_with("#!AMR")) return "AMR";
  if (bytes.starts_with("\x1a\x45\xdf\xa3")) return "Matroska or WebM";
  if (bytes.size() > 8 && bytes.substr(4, 4) == "ftyp") return "MP4";
  if (bytes.starts_with(".snd")) return "AU";
  const size_t text = bytes.find_first_not_of(" \t\r\n");
  if (text != std::string_view::npos && (bytes[text] == '<' || bytes[text] == '{')) return "a text or a page";
  return "in no format known here";
}

}  // namespace

Result<Clip> decode_audio(std::string_view bytes) {
  if (bytes.substr(0, 4) == "RIFF") return decode_wav(bytes);
  const bool has_tag = bytes.substr(0, 3) == "ID3";
  const bool has_sync =
      bytes.size() > 2 && static_cast<uint8_t>(bytes[0]) == 0xff && (static_cast<uint8_t>(bytes[1]) & 0xe0) == 0xe0;
  if (has_tag || has_sync) return decode_mp3(bytes);
  if (bytes.substr(0, 4) == "OggS") return decode_ogg_opus(bytes);
  if (bytes.substr(0, 4) == "\x1a\x45\xdf\xa3") return decode_film(bytes);
  return fail(Error::Kind::unsupported, "sound is {}; WAV, MP3, Ogg Opus, Matroska and WebM are possible", guess_kind(bytes));
}

}  // namespace nearend::media
