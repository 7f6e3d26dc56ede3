#include <opus/opusfile.h>

#include <array>
#include <memory>

#include "codec/resampler.hpp"
#include "media/audio_file.hpp"

namespace nearend::media {
namespace {

constexpr uint32_t opus_rate = 48'000;  // what the library gives, whatever was recorded

struct Closer {
  void operator()(OggOpusFile* file) const { op_free(file); }
};

std::string_view reason(int error) {
  switch (error) {
    case OP_ENOTFORMAT:
      return "no Opus in it";
    case OP_EBADHEADER:
    case OP_EVERSION:
      return "a broken or unknown header";
    case OP_EIMPL:
      return "a feature that is not supported";
    case OP_EBADPACKET:
    case OP_EBADLINK:
    case OP_EBADTIMESTAMP:
      return "broken data";
    default:
      return "cannot be read";
  }
}

}  // namespace

Result<Clip> decode_ogg_opus(std::string_view bytes) {
  int error = 0;
  const std::unique_ptr<OggOpusFile, Closer> file(
      op_open_memory(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), &error));
  if (!file) {
    const auto kind = error == OP_ENOTFORMAT || error == OP_EIMPL ? Error::Kind::unsupported : Error::Kind::malformed;
    return fail(kind, "Ogg: {}", reason(error));
  }
  Clip clip;
  codec::Resampler to_ours(opus_rate, sample_rate);
  std::array<int16_t, 5760 * 8> block;  // 120 ms of eight channels, the longest packet
  std::array<int16_t, 5760> mono;
  std::array<int16_t, 5760 / 6 + 8> narrow;
  for (;;) {
    const int count = op_read(file.get(), block.data(), static_cast<int>(block.size()), nullptr);
    if (count == OP_HOLE) continue;  // pages that are missing
    if (count < 0) return fail(Error::Kind::malformed, "Ogg: {}", reason(count));
    if (count == 0) break;
    const int channels = op_channel_count(file.get(), -1);
    for (int i = 0; i < count; ++i) {
      int sum = 0;
      for (int c = 0; c < channels; ++c) sum += block[static_cast<size_t>(i * channels + c)];
      mono[static_cast<size_t>(i)] = static_cast<int16_t>(sum / channels);
    }
    const size_t made = to_ours.process(std::span(mono).first(static_cast<size_t>(count)), narrow);
    if (clip.samples.size() + made > clip_samples_max) return fail(Error::Kind::invalid, "Ogg: longer than an hour");
    clip.samples.insert(clip.samples.end(), narrow.begin(), narrow.begin() + static_cast<ptrdiff_t>(made));
  }
  return clip;
}

}  // namespace nearend::media
