#include "media/sound_coder.hpp"

#include <opus/opus_multistream.h>

#include <array>

#include "media/clip.hpp"

namespace nearend::media {
namespace {
constexpr int bits_per_channel = 20'000;
constexpr int complexity = 3;
}  // namespace

SoundCoder::SoundCoder(uint8_t channels) : channels_(channels) {
  constexpr unsigned char mapping[] = {0, 1};
  int error = OPUS_OK;
  encoder_ = opus_multistream_encoder_create(static_cast<opus_int32>(sample_rate), channels, channels, 0, mapping,
                                             OPUS_APPLICATION_VOIP, &error);
  if (!encoder_) return;
  opus_multistream_encoder_ctl(encoder_, OPUS_SET_BITRATE(bits_per_channel * channels));
  opus_multistream_encoder_ctl(encoder_, OPUS_SET_COMPLEXITY(complexity));
  opus_int32 lookahead = 0;
  opus_multistream_encoder_ctl(encoder_, OPUS_GET_LOOKAHEAD(&lookahead));
  delay_ticks_ = static_cast<uint32_t>(lookahead) * 6;
}

SoundCoder::~SoundCoder() {
  if (encoder_) opus_multistream_encoder_destroy(encoder_);
}

Result<std::unique_ptr<SoundCoder>> SoundCoder::make(uint8_t channels) {
  std::unique_ptr<SoundCoder> made(new SoundCoder(channels));
  if (!made->encoder_) return fail(Error::Kind::internal, "Opus: the encoder did not start");
  return made;
}

Result<void> SoundCoder::code_frame(const Take& take) {
  std::array<unsigned char, 2 * 1275 + 4> packet;
  const opus_int32 size = opus_multistream_encode(encoder_, waiting_.data(), static_cast<int>(frame_samples),
                                                  packet.data(), static_cast<opus_int32>(packet.size()));
  if (size < 0) return fail(Error::Kind::internal, "Opus: {}", opus_strerror(size));
  take(first_ * 1000 / static_cast<int64_t>(sample_rate), {packet.data(), static_cast<size_t>(size)});
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<ptrdiff_t>(frame_samples * channels_));
  first_ += static_cast<int64_t>(frame_samples);
  return {};
}

Result<void> SoundCoder::code(int64_t first, std::span<const int16_t> samples, const Take& take) {
  if (first != first_ + static_cast<int64_t>(waiting_.size() / channels_)) {
    if (auto ended = finish(take); !ended) return ended;
    first_ = first;
  }
  waiting_.insert(waiting_.end(), samples.begin(), samples.end());
  while (waiting_.size() >= frame_samples * channels_)
    if (auto coded = code_frame(take); !coded) return coded;
  return {};
}

Result<void> SoundCoder::finish(const Take& take) {
  if (waiting_.empty()) return {};
  waiting_.resize(frame_samples * channels_);
  return code_frame(take);
}

}  // namespace nearend::media
