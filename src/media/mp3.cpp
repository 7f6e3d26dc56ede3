#include <mpg123.h>

#include <array>
#include <memory>

#include "media/audio_file.hpp"

namespace nearend::media {
namespace {

struct Closer {
  void operator()(mpg123_handle* handle) const {
    mpg123_close(handle);
    mpg123_delete(handle);
  }
};
using Decoder = std::unique_ptr<mpg123_handle, Closer>;

Decoder make_decoder() {
  static const int is_ready = mpg123_init();
  if (is_ready != MPG123_OK) return nullptr;
  Decoder decoder(mpg123_new(nullptr, nullptr));
  if (!decoder) return nullptr;
  mpg123_param(decoder.get(), MPG123_ADD_FLAGS, MPG123_QUIET | MPG123_MONO_MIX, 0);
  mpg123_param(decoder.get(), MPG123_RESYNC_LIMIT, 4096, 0);
  mpg123_format_none(decoder.get());
  for (long rate : {8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000})
    mpg123_format(decoder.get(), rate, MPG123_MONO, MPG123_ENC_SIGNED_16);
  if (mpg123_open_feed(decoder.get()) != MPG123_OK) return nullptr;
  return decoder;
}

}  // namespace

Result<Clip> decode_mp3(std::string_view bytes) {
  const Decoder decoder = make_decoder();
  if (!decoder) return fail(Error::Kind::internal, "MP3: the decoder did not start");
  if (mpg123_feed(decoder.get(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()) != MPG123_OK)
    return fail(Error::Kind::malformed, "MP3: {}", mpg123_strerror(decoder.get()));
  std::vector<int16_t> samples, at_8k;
  long rate = 0;
  std::array<int16_t, 4608> block;
  for (;;) {
    size_t done = 0;
    const int outcome =
        mpg123_read(decoder.get(), reinterpret_cast<unsigned char*>(block.data()), sizeof(block), &done);
    samples.insert(samples.end(), block.begin(), block.begin() + static_cast<ptrdiff_t>(done / 2));
    if (outcome == MPG123_NEW_FORMAT) {
      // A file may change its rate on the way; each part is brought to ours on its own.
      const auto part = resample(samples, rate ? static_cast<uint32_t>(rate) : sample_rate);
      at_8k.insert(at_8k.end(), part.begin(), part.end());
      samples.clear();
      mpg123_getformat(decoder.get(), &rate, nullptr, nullptr);
      continue;
    }
    if (outcome != MPG123_OK) break;
    if (at_8k.size() + samples.size() / 6 > clip_samples_max)
      return fail(Error::Kind::invalid, "MP3: longer than an hour");
  }
  if (rate == 0) return fail(Error::Kind::malformed, "MP3: no frame found");
  const auto part = resample(samples, static_cast<uint32_t>(rate));
  at_8k.insert(at_8k.end(), part.begin(), part.end());
  if (at_8k.size() > clip_samples_max) return fail(Error::Kind::invalid, "MP3: longer than an hour");
  return Clip{std::move(at_8k)};
}

}  // namespace nearend::media
