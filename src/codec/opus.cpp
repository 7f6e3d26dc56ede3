#include <opus/opus.h>

#include <algorithm>

#include "codec/makers.hpp"

namespace nearend::codec {
namespace {

// libopus squeezes a packet into any room, at the price of its sound.
constexpr size_t room_least = 200;

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* one) const {
    Free(one);
  }
};
using EncoderPtr = std::unique_ptr<OpusEncoder, Freer<opus_encoder_destroy>>;
using DecoderPtr = std::unique_ptr<OpusDecoder, Freer<opus_decoder_destroy>>;

bool is_known(uint32_t rate) {
  return rate == 8000 || rate == 12000 || rate == 16000 || rate == 24000 || rate == 48000;
}

/// Bits per second that speech needs (RFC 7587 3.1.1): narrow, wide and full band. Below 20,000 libopus leaves FEC out.
uint32_t usual_bitrate(uint32_t rate) {
  return rate <= 8000 ? 20'000 : rate <= 16000 ? 24'000 : 40'000;
}

class OpusSpeechEncoder final : public Encoder {
 public:
  OpusSpeechEncoder(EncoderPtr encoder, const Settings& settings)
      : encoder_(std::move(encoder)), rate_(settings.sample_rate), has_dtx_(settings.has_dtx) {
    const uint32_t bitrate = settings.bitrate ? settings.bitrate : usual_bitrate(rate_);
    opus_encoder_ctl(encoder_.get(), OPUS_SET_BITRATE(static_cast<opus_int32>(bitrate)));
    opus_encoder_ctl(encoder_.get(), OPUS_SET_COMPLEXITY(std::min<int>(settings.complexity, 10)));
    opus_encoder_ctl(encoder_.get(), OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE));
    opus_encoder_ctl(encoder_.get(), OPUS_SET_INBAND_FEC(settings.has_fec ? 1 : 0));
    opus_encoder_ctl(encoder_.get(), OPUS_SET_PACKET_LOSS_PERC(settings.has_fec ? settings.expected_loss : 0));
    opus_encoder_ctl(encoder_.get(), OPUS_SET_DTX(has_dtx_ ? 1 : 0));
  }
  Outcome<size_t> encode(std::span<const int16_t> samples, std::span<uint8_t> payload) override {
    if (samples.size() != fitting(samples.size())) return std::unexpected(Fault::wrong_frame);
    if (payload.size() < room_least) return std::unexpected(Fault::no_room);
    const auto room = static_cast<opus_int32>(std::min(payload.size(), payload_bytes_max));
    const opus_int32 size =
        opus_encode(encoder_.get(), samples.data(), static_cast<int>(samples.size()), payload.data(), room);
    if (size == OPUS_BUFFER_TOO_SMALL) return std::unexpected(Fault::no_room);
    if (size < 0) return std::unexpected(Fault::refused);
    // "Nothing to send": a packet of two bytes or less in DTX.
    return has_dtx_ && size <= 2 ? 0 : static_cast<size_t>(size);
  }
  size_t fitting(size_t wanted) const override {
    const size_t ten_ms = rate_ / 100;
    for (size_t frames : {6, 4, 2})
      if (wanted >= frames * ten_ms) return frames * ten_ms;
    return ten_ms;
  }
  uint32_t sample_rate() const override { return rate_; }

 private:
  EncoderPtr encoder_;
  uint32_t rate_;
  bool has_dtx_;
};

class OpusSpeechDecoder final : public Decoder {
 public:
  OpusSpeechDecoder(DecoderPtr decoder, uint32_t rate) : decoder_(std::move(decoder)), rate_(rate) {}
  Outcome<size_t> decode(std::span<const uint8_t> payload, std::span<int16_t> out) override {
    const auto counted = count(payload);
    if (!counted) return counted;
    if (out.size() < *counted) return std::unexpected(Fault::no_room);
    const int samples = opus_decode(decoder_.get(), payload.data(), static_cast<opus_int32>(payload.size()), out.data(),
                                    static_cast<int>(out.size()), 0);
    if (samples < 0) return std::unexpected(samples == OPUS_INVALID_PACKET ? Fault::malformed : Fault::refused);
    is_pausing_ = payload.size() <= 2;
    return static_cast<size_t>(samples);
  }
  Outcome<size_t> count(std::span<const uint8_t> payload) const override {
    if (payload.empty()) return std::unexpected(Fault::truncated);
    if (payload.size() > 1500) return std::unexpected(Fault::oversized);
    const int samples =
        opus_packet_get_nb_samples(payload.data(), static_cast<opus_int32>(payload.size()), static_cast<int>(rate_));
    if (samples <= 0) return std::unexpected(Fault::malformed);
    if (static_cast<size_t>(samples) > longest(rate_)) return std::unexpected(Fault::oversized);
    return static_cast<size_t>(samples);
  }
  void conceal(std::span<int16_t> out) override { fill({}, out, false); }
  bool recover(std::span<const uint8_t> next, std::span<int16_t> out) override {
    if (!count(next) || !has_fec(next)) return false;
    fill(next, out, true);
    return true;
  }
  uint32_t sample_rate() const override { return rate_; }
  bool is_pausing() const override { return is_pausing_; }

 private:
  /// Whether the packet carries the one before it (LBRR, RFC 6716 4.2.3 and 4.2.4): only SILK and hybrid modes can, and
  /// say so in the bit behind the voice activity bits of the first frame.
  static bool has_fec(std::span<const uint8_t> packet) {
    if (packet.size() < 2 || (packet[0] & 0x80) != 0) return false;
    const unsigned char* frames[48];
    opus_int16 sizes[48];
    unsigned char toc = 0;
    if (opus_packet_parse(packet.data(), static_cast<opus_int32>(packet.size()), &toc, frames, sizes, nullptr) <= 0)
      return false;
    if (sizes[0] == 0) return false;
    const int frame_samples = opus_packet_get_samples_per_frame(packet.data(), 48000);
    const int silk_frames = frame_samples <= 960 ? 1 : frame_samples / 960;
    return (frames[0][0] >> (7 - silk_frames) & 1) != 0;
  }
  /// In the steps of 2.5 ms that libopus takes; the rest is silence.
  void fill(std::span<const uint8_t> next, std::span<int16_t> out, bool is_fec) {
    const size_t step = rate_ / 400;
    const size_t whole = std::min(out.size() / step * step, longest(rate_));
    std::fill(out.begin() + static_cast<ptrdiff_t>(whole), out.end(), int16_t{0});
    if (whole == 0) return;
    const int made = opus_decode(decoder_.get(), next.empty() ? nullptr : next.data(),
                                 static_cast<opus_int32>(next.size()), out.data(), static_cast<int>(whole), is_fec);
    const auto filled = static_cast<ptrdiff_t>(std::max(made, 0));
    std::fill(out.begin() + filled, out.begin() + static_cast<ptrdiff_t>(whole), int16_t{0});
  }

  DecoderPtr decoder_;
  uint32_t rate_;
  bool is_pausing_ = false;
};

}  // namespace

std::unique_ptr<Encoder> make_opus_encoder(const Settings& settings) {
  if (!is_known(settings.sample_rate)) return nullptr;
  int error = 0;
  EncoderPtr encoder(
      opus_encoder_create(static_cast<opus_int32>(settings.sample_rate), 1, OPUS_APPLICATION_VOIP, &error));
  return encoder ? std::make_unique<OpusSpeechEncoder>(std::move(encoder), settings) : nullptr;
}

std::unique_ptr<Decoder> make_opus_decoder(const Settings& settings) {
  if (!is_known(settings.sample_rate)) return nullptr;
  int error = 0;
  DecoderPtr decoder(opus_decoder_create(static_cast<opus_int32>(settings.sample_rate), 1, &error));
  return decoder ? std::make_unique<OpusSpeechDecoder>(std::move(decoder), settings.sample_rate) : nullptr;
}

}  // namespace nearend::codec
