#include <spandsp.h>

#include "codec/concealer.hpp"
#include "codec/makers.hpp"

namespace nearend::codec {
namespace {

constexpr uint32_t rate = 8000;
constexpr size_t frame_samples = 160, frame_bytes = 33;  // RFC 3551 4.5.8
constexpr uint8_t signature = 0xd0, signature_mask = 0xf0;

struct Freer {
  void operator()(gsm0610_state_t* one) const { gsm0610_free(one); }
};
using State = std::unique_ptr<gsm0610_state_t, Freer>;

class GsmEncoder final : public Encoder {
 public:
  Outcome<size_t> encode(std::span<const int16_t> samples, std::span<uint8_t> payload) override {
    if (samples.empty() || samples.size() != fitting(samples.size())) return std::unexpected(Fault::wrong_frame);
    if (payload.size() < samples.size() / frame_samples * frame_bytes) return std::unexpected(Fault::no_room);
    return static_cast<size_t>(
        gsm0610_encode(state_.get(), payload.data(), samples.data(), static_cast<int>(samples.size())));
  }
  size_t fitting(size_t wanted) const override { return fitting_multiple(wanted, frame_samples, longest(rate)); }
  uint32_t sample_rate() const override { return rate; }

 private:
  State state_{gsm0610_init(nullptr, GSM0610_PACKING_VOIP)};
};

class GsmDecoder final : public Decoder {
 public:
  Outcome<size_t> decode(std::span<const uint8_t> payload, std::span<int16_t> out) override {
    const auto counted = count(payload);
    if (!counted) return counted;
    if (out.size() < *counted) return std::unexpected(Fault::no_room);
    gsm0610_decode(state_.get(), out.data(), payload.data(), static_cast<int>(payload.size()));
    concealer_.heard(out.first(*counted));
    return counted;
  }
  Outcome<size_t> count(std::span<const uint8_t> payload) const override {
    if (payload.size() < frame_bytes) return std::unexpected(Fault::truncated);
    if (payload.size() / frame_bytes * frame_samples > longest(rate)) return std::unexpected(Fault::oversized);
    if (payload.size() % frame_bytes != 0) return std::unexpected(Fault::malformed);
    for (size_t at = 0; at < payload.size(); at += frame_bytes)
      if ((payload[at] & signature_mask) != signature) return std::unexpected(Fault::malformed);
    return payload.size() / frame_bytes * frame_samples;
  }
  void conceal(std::span<int16_t> out) override { concealer_.conceal(out); }
  uint32_t sample_rate() const override { return rate; }

 private:
  State state_{gsm0610_init(nullptr, GSM0610_PACKING_VOIP)};
  Concealer concealer_{rate};
};

}  // namespace

std::unique_ptr<Encoder> make_gsm_encoder(const Settings& settings) {
  if (settings.sample_rate != rate) return nullptr;
  return std::make_unique<GsmEncoder>();
}
std::unique_ptr<Decoder> make_gsm_decoder(const Settings& settings) {
  if (settings.sample_rate != rate) return nullptr;
  return std::make_unique<GsmDecoder>();
}

}  // namespace nearend::codec
