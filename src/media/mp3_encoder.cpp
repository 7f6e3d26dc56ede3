#include <lame/lame.h>

#include <algorithm>
#include <vector>

#include "media/audio_encoder.hpp"
#include "media/clip.hpp"

namespace nearend::media {
namespace {

constexpr int kilobits_per_channel = 24;
constexpr size_t room_for_flush = 7200;  // lame.h
constexpr size_t samples_at_once = 8000;

struct Closer {
  void operator()(lame_global_flags* flags) const { lame_close(flags); }
};

class Mp3Encoder final : public AudioEncoder {
 public:
  static Result<std::unique_ptr<AudioEncoder>> make(uint8_t channels) {
    auto made = std::make_unique<Mp3Encoder>(channels);
    if (!made->flags_ || lame_init_params(made->flags_.get()) < 0)
      return fail(Error::Kind::internal, "MP3: the encoder did not start");
    return made;
  }
  explicit Mp3Encoder(uint8_t channels) : channels_(channels), flags_(lame_init()) {
    if (!flags_) return;
    lame_set_in_samplerate(flags_.get(), static_cast<int>(sample_rate));
    lame_set_out_samplerate(flags_.get(), static_cast<int>(sample_rate));
    lame_set_num_channels(flags_.get(), channels);
    lame_set_mode(flags_.get(), channels == 2 ? STEREO : MONO);
    lame_set_brate(flags_.get(), kilobits_per_channel * channels);
    lame_set_quality(flags_.get(), 5);
    lame_set_bWriteVbrTag(flags_.get(), 0);       // would have to be written again at the end
    lame_set_disable_reservoir(flags_.get(), 1);  // each frame stands by itself: a file may end with any
    lame_set_errorf(flags_.get(), nullptr);
  }

  Result<void> encode(std::span<const int16_t> samples, std::string& out) override {
    while (!samples.empty()) {
      const size_t count = std::min(samples.size() / channels_, samples_at_once);
      if (count == 0) break;
      room_.resize(count * 5 / 4 + room_for_flush);
      // The library takes samples as not const and leaves them as they are.
      auto* from = const_cast<int16_t*>(samples.data());
      const int size =
          channels_ == 2
              ? lame_encode_buffer_interleaved(flags_.get(), from, static_cast<int>(count), room_.data(), room())
              : lame_encode_buffer(flags_.get(), from, from, static_cast<int>(count), room_.data(), room());
      if (size < 0) return fail(Error::Kind::internal, "MP3: the encoder answered {}", size);
      out.append(reinterpret_cast<const char*>(room_.data()), static_cast<size_t>(size));
      samples = samples.subspan(count * channels_);
    }
    return {};
  }
  Result<void> finish(std::string& out) override {
    room_.resize(room_for_flush);
    const int size = lame_encode_flush(flags_.get(), room_.data(), room());
    if (size < 0) return fail(Error::Kind::internal, "MP3: the encoder answered {}", size);
    out.append(reinterpret_cast<const char*>(room_.data()), static_cast<size_t>(size));
    return {};
  }
  uint32_t delay() const override {
    return static_cast<uint32_t>(lame_get_encoder_delay(flags_.get()) + lame_get_framesize(flags_.get()));
  }

 private:
  int room() const { return static_cast<int>(room_.size()); }
  size_t channels_;
  std::unique_ptr<lame_global_flags, Closer> flags_;
  std::vector<unsigned char> room_;
};

}  // namespace

Result<std::unique_ptr<AudioEncoder>> make_mp3_encoder(uint8_t channels) {
  return Mp3Encoder::make(channels);
}

}  // namespace nearend::media
