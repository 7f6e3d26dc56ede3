#ifdef NEAREND_NO_G729
#include "codec/makers.hpp"

namespace nearend::codec {
std::unique_ptr<Encoder> make_g729_encoder(const Settings&) {
  return nullptr;
}
std::unique_ptr<Decoder> make_g729_decoder(const Settings&) {
  return nullptr;
}
}  // namespace nearend::codec
#else
extern "C" {
#include <bcg729/decoder.h>
#include <bcg729/encoder.h>
}

#include <algorithm>
#include <array>

#include "codec/makers.hpp"

namespace nearend::codec {
namespace {

constexpr uint32_t rate = 8000;
constexpr size_t frame_samples = 80, frame_bytes = 10, silence_bytes = 2;  // RFC 3551 4.5.6

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* one) const {
    Free(one);
  }
};

class G729Encoder final : public Encoder {
 public:
  explicit G729Encoder(bool has_dtx) : channel_(initBcg729EncoderChannel(has_dtx)) {}
  /// In DTX a silence frame ends the payload (annex B): what follows it in the packet is silence too.
  Outcome<size_t> encode(std::span<const int16_t> samples, std::span<uint8_t> payload) override {
    if (samples.empty() || samples.size() != fitting(samples.size())) return std::unexpected(Fault::wrong_frame);
    if (payload.size() < samples.size() / frame_samples * frame_bytes) return std::unexpected(Fault::no_room);
    size_t size = 0;
    bool is_ended = false;
    for (size_t at = 0; at < samples.size(); at += frame_samples) {
      std::array<uint8_t, frame_bytes> frame{};
      uint8_t bytes = 0;
      bcg729Encoder(channel_.get(), samples.data() + at, frame.data(), &bytes);
      if (is_ended || bytes == 0) continue;
      std::copy_n(frame.begin(), bytes, payload.begin() + static_cast<ptrdiff_t>(size));
      size += bytes;
      is_ended = bytes == silence_bytes;
    }
    return size;
  }
  size_t fitting(size_t wanted) const override { return fitting_multiple(wanted, frame_samples, longest(rate)); }
  uint32_t sample_rate() const override { return rate; }

 private:
  std::unique_ptr<bcg729EncoderChannelContextStruct, Freer<closeBcg729EncoderChannel> > channel_;
};

class G729Decoder final : public Decoder {
 public:
  Outcome<size_t> decode(std::span<const uint8_t> payload, std::span<int16_t> out) override {
    const auto counted = count(payload);
    if (!counted) return counted;
    if (out.size() < *counted) return std::unexpected(Fault::no_room);
    size_t made = 0;
    for (; payload.size() >= frame_bytes; payload = payload.subspan(frame_bytes), made += frame_samples)
      bcg729Decoder(channel_.get(), payload.data(), frame_bytes, 0, 0, 0, out.data() + made);
    is_pausing_ = !payload.empty();
    if (is_pausing_) bcg729Decoder(channel_.get(), payload.data(), silence_bytes, 0, 1, 0, out.data() + made);
    return counted;
  }
  Outcome<size_t> count(std::span<const uint8_t> payload) const override {
    if (payload.size() < silence_bytes) return std::unexpected(Fault::truncated);
    const size_t rest = payload.size() % frame_bytes;
    if (rest != 0 && rest != silence_bytes) return std::unexpected(Fault::malformed);
    const size_t frames = payload.size() / frame_bytes + (rest ? 1 : 0);
    if (frames * frame_samples > longest(rate)) return std::unexpected(Fault::oversized);
    return frames * frame_samples;
  }
  void conceal(std::span<int16_t> out) override {
    std::array<uint8_t, frame_bytes> nothing{};
    std::array<int16_t, frame_samples> frame;
    while (!out.empty()) {
      // In a pause an absent frame is comfort noise going on; otherwise it is lost.
      bcg729Decoder(channel_.get(), nothing.data(), 0, 1, is_pausing_ ? 1 : 0, 0, frame.data());
      const size_t taken = std::min(out.size(), frame.size());
      std::copy_n(frame.begin(), taken, out.begin());
      out = out.subspan(taken);
    }
  }
  uint32_t sample_rate() const override { return rate; }
  bool is_pausing() const override { return is_pausing_; }

 private:
  std::unique_ptr<bcg729DecoderChannelContextStruct, Freer<closeBcg729DecoderChannel> > channel_{
      initBcg729DecoderChannel()};
  bool is_pausing_ = false;
};

}  // namespace

std::unique_ptr<Encoder> make_g729_encoder(const Settings& settings) {
  return settings.sample_rate == rate ? std::make_unique<G729Encoder>(settings.has_dtx) : nullptr;
}
std::unique_ptr<Decoder> make_g729_decoder(const Settings& settings) {
  return settings.sample_rate == rate ? std::make_unique<G729Decoder>() : nullptr;
}

}  // namespace nearend::codec

#endif
