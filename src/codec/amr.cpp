#include <opencore-amrnb/interf_dec.h>
#include <opencore-amrnb/interf_enc.h>

#include <algorithm>

#include "codec/amr_payload.hpp"
#include "codec/makers.hpp"

namespace nearend::codec {
namespace {

constexpr uint32_t rate = 8000;

template <auto Free>
struct Freer {
  void operator()(void* one) const { Free(one); }
};

class AmrEncoder final : public Encoder {
 public:
  explicit AmrEncoder(const Settings& settings)
      : state_(Encoder_Interface_init(settings.has_dtx)),
        modes_(settings.modes),
        is_octet_aligned_(settings.is_octet_aligned) {
    request_mode(std::min<uint8_t>(settings.mode, 7));
  }
  Outcome<size_t> encode(std::span<const int16_t> samples, std::span<uint8_t> payload) override {
    if (samples.empty() || samples.size() != fitting(samples.size())) return std::unexpected(Fault::wrong_frame);
    amr::Payload packed;
    bool has_speech = false;
    for (size_t at = 0; at < samples.size(); at += amr::frame_samples) {
      amr::Frame& frame = packed.frames[packed.count++];
      // The library writes the storage format (RFC 4867 5.3): a header byte, then the bits.
      std::array<uint8_t, 64> stored{};
      // And it filters its input in place, whatever its header says.
      std::array<int16_t, amr::frame_samples> heard;
      std::copy_n(samples.begin() + static_cast<ptrdiff_t>(at), heard.size(), heard.begin());
      const int size = Encoder_Interface_Encode(state_.get(), static_cast<Mode>(mode_), heard.data(), stored.data(), 0);
      if (size <= 0) return std::unexpected(Fault::refused);
      frame.type = stored[0] >> 3 & 0x0f;
      frame.is_good = true;
      if (frame.type != amr::nothing_type && !amr::bits_of(frame.type)) frame.type = amr::nothing_type;
      std::copy_n(stored.begin() + 1, frame.bits.size(), frame.bits.begin());
      has_speech = has_speech || frame.type != amr::nothing_type;
    }
    if (!has_speech) return 0;
    return amr::pack(packed, is_octet_aligned_, payload);
  }
  size_t fitting(size_t wanted) const override { return fitting_multiple(wanted, amr::frame_samples, longest(rate)); }
  uint32_t sample_rate() const override { return rate; }
  /// The nearest mode below that the peer may get, or the lowest.
  void request_mode(uint8_t mode) override {
    if (mode > 7) return;
    for (int candidate = mode; candidate >= 0; --candidate)
      if (modes_ >> candidate & 1) {
        mode_ = static_cast<uint8_t>(candidate);
        return;
      }
    for (uint8_t candidate = 0; candidate < 8; ++candidate)
      if (modes_ >> candidate & 1) {
        mode_ = candidate;
        return;
      }
  }

 private:
  std::unique_ptr<void, Freer<Encoder_Interface_exit>> state_;
  uint8_t modes_;
  uint8_t mode_ = 7;
  bool is_octet_aligned_;
};

class AmrDecoder final : public Decoder {
 public:
  explicit AmrDecoder(bool is_octet_aligned) : state_(Decoder_Interface_init()), is_octet_aligned_(is_octet_aligned) {}
  Outcome<size_t> decode(std::span<const uint8_t> payload, std::span<int16_t> out) override {
    const auto unpacked = amr::unpack(payload, is_octet_aligned_);
    if (!unpacked) return std::unexpected(unpacked.error());
    if (out.size() < unpacked->count * amr::frame_samples) return std::unexpected(Fault::no_room);
    if (unpacked->request != amr::no_request) requested_ = unpacked->request;
    for (size_t i = 0; i < unpacked->count; ++i) decode_frame(unpacked->frames[i], out.data() + i * amr::frame_samples);
    const uint8_t last = unpacked->frames[unpacked->count - 1].type;
    is_pausing_ = last == amr::silence_type || (is_pausing_ && last == amr::nothing_type);
    return unpacked->count * amr::frame_samples;
  }
  Outcome<size_t> count(std::span<const uint8_t> payload) const override {
    const auto unpacked = amr::unpack(payload, is_octet_aligned_);
    if (!unpacked) return std::unexpected(unpacked.error());
    return unpacked->count * amr::frame_samples;
  }
  void conceal(std::span<int16_t> out) override {
    std::array<int16_t, amr::frame_samples> samples;
    while (!out.empty()) {
      decode_frame(amr::Frame{}, samples.data());
      const size_t taken = std::min(out.size(), samples.size());
      std::copy_n(samples.begin(), taken, out.begin());
      out = out.subspan(taken);
    }
  }
  uint32_t sample_rate() const override { return rate; }
  bool is_pausing() const override { return is_pausing_; }
  std::optional<uint8_t> requested_mode() const override { return requested_; }

 private:
  /// A frame of the type "nothing" makes the library go on with noise in a pause and conceal otherwise.
  void decode_frame(const amr::Frame& frame, int16_t* out) {
    std::array<uint8_t, 64> stored{};
    stored[0] = static_cast<uint8_t>(frame.type << 3 | (frame.is_good ? 4 : 0));
    std::copy(frame.bits.begin(), frame.bits.end(), stored.begin() + 1);
    Decoder_Interface_Decode(state_.get(), stored.data(), out, 0);
  }

  std::unique_ptr<void, Freer<Decoder_Interface_exit>> state_;
  bool is_octet_aligned_;
  bool is_pausing_ = false;
  std::optional<uint8_t> requested_;
};

}  // namespace

std::unique_ptr<Encoder> make_amr_encoder(const Settings& settings) {
  return settings.sample_rate == rate ? std::make_unique<AmrEncoder>(settings) : nullptr;
}
std::unique_ptr<Decoder> make_amr_decoder(const Settings& settings) {
  return settings.sample_rate == rate ? std::make_unique<AmrDecoder>(settings.is_octet_aligned) : nullptr;
}

}  // namespace nearend::codec
