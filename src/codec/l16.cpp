#include "codec/concealer.hpp"
#include "codec/makers.hpp"
#include "rtp/packet.hpp"

namespace nearend::codec {
namespace {

/// RFC 3551 4.5.11: 16 bits, signed, network byte order.
class L16Encoder final : public Encoder {
 public:
  explicit L16Encoder(uint32_t rate) : rate_(rate) {}
  Outcome<size_t> encode(std::span<const int16_t> samples, std::span<uint8_t> payload) override {
    if (samples.empty() || samples.size() > longest(rate_)) return std::unexpected(Fault::wrong_frame);
    if (payload.size() < samples.size() * 2) return std::unexpected(Fault::no_room);
    for (size_t i = 0; i < samples.size(); ++i) rtp::write16(&payload[i * 2], static_cast<uint16_t>(samples[i]));
    return samples.size() * 2;
  }
  /// 20 ms at 44.1 kHz would be more than a datagram should hold.
  size_t fitting(size_t wanted) const override {
    const size_t ten_ms = rate_ / 100;
    return fitting_multiple(wanted, ten_ms, payload_bytes_max / 2);
  }
  uint32_t sample_rate() const override { return rate_; }

 private:
  uint32_t rate_;
};

class L16Decoder final : public Decoder {
 public:
  explicit L16Decoder(uint32_t rate) : rate_(rate), concealer_(rate) {}
  Outcome<size_t> decode(std::span<const uint8_t> payload, std::span<int16_t> out) override {
    const auto counted = count(payload);
    if (!counted) return counted;
    if (out.size() < *counted) return std::unexpected(Fault::no_room);
    for (size_t i = 0; i < *counted; ++i) out[i] = static_cast<int16_t>(rtp::read16(&payload[i * 2]));
    concealer_.heard(out.first(*counted));
    return counted;
  }
  Outcome<size_t> count(std::span<const uint8_t> payload) const override {
    if (payload.size() < 2) return std::unexpected(Fault::truncated);
    if (payload.size() % 2 != 0) return std::unexpected(Fault::malformed);
    if (payload.size() / 2 > longest(rate_)) return std::unexpected(Fault::oversized);
    return payload.size() / 2;
  }
  void conceal(std::span<int16_t> out) override { concealer_.conceal(out); }
  uint32_t sample_rate() const override { return rate_; }

 private:
  uint32_t rate_;
  Concealer concealer_;
};

bool is_known(const Settings& settings) {
  const uint32_t rate = settings.clock_rate;
  return settings.sample_rate == rate && (rate == 8000 || rate == 16000 || rate == 32000 || rate == 44100 || rate == 48000);
}

}  // namespace

std::unique_ptr<Encoder> make_l16_encoder(const Settings& settings) {
  return is_known(settings) ? std::make_unique<L16Encoder>(settings.sample_rate) : nullptr;
}
std::unique_ptr<Decoder> make_l16_decoder(const Settings& settings) {
  return is_known(settings) ? std::make_unique<L16Decoder>(settings.sample_rate) : nullptr;
}

}  // namespace nearend::codec
