#include "rtp/g711.hpp"

#include <algorithm>

#include "codec/concealer.hpp"
#include "codec/makers.hpp"

namespace nearend::codec {
namespace {

constexpr uint32_t rate = 8000;

class G711Encoder final : public Encoder {
 public:
  explicit G711Encoder(bool is_alaw) : encode_(is_alaw ? rtp::encode_alaw : rtp::encode_ulaw) {}
  Outcome<size_t> encode(std::span<const int16_t> samples, std::span<uint8_t> payload) override {
    if (samples.empty() || samples.size() > longest(rate)) return std::unexpected(Fault::wrong_frame);
    if (payload.size() < samples.size()) return std::unexpected(Fault::no_room);
    std::transform(samples.begin(), samples.end(), payload.begin(), encode_);
    return samples.size();
  }
  size_t fitting(size_t wanted) const override { return fitting_multiple(wanted, 40, longest(rate)); }
  uint32_t sample_rate() const override { return rate; }

 private:
  uint8_t (*encode_)(int16_t);
};

class G711Decoder final : public Decoder {
 public:
  explicit G711Decoder(bool is_alaw) : decode_(is_alaw ? rtp::decode_alaw : rtp::decode_ulaw) {}
  Outcome<size_t> decode(std::span<const uint8_t> payload, std::span<int16_t> out) override {
    const auto counted = count(payload);
    if (!counted) return counted;
    if (out.size() < *counted) return std::unexpected(Fault::no_room);
    std::transform(payload.begin(), payload.end(), out.begin(), decode_);
    concealer_.heard(out.first(*counted));
    return counted;
  }
  Outcome<size_t> count(std::span<const uint8_t> payload) const override {
    if (payload.empty()) return std::unexpected(Fault::truncated);
    if (payload.size() > longest(rate)) return std::unexpected(Fault::oversized);
    return payload.size();
  }
  void conceal(std::span<int16_t> out) override { concealer_.conceal(out); }
  uint32_t sample_rate() const override { return rate; }

 private:
  int16_t (*decode_)(uint8_t);
  Concealer concealer_{rate};
};

}  // namespace

std::unique_ptr<Encoder> make_g711_encoder(const Settings& settings) {
  if (settings.sample_rate != rate) return nullptr;
  return std::make_unique<G711Encoder>(settings.kind == Kind::pcma);
}
std::unique_ptr<Decoder> make_g711_decoder(const Settings& settings) {
  if (settings.sample_rate != rate) return nullptr;
  return std::make_unique<G711Decoder>(settings.kind == Kind::pcma);
}

}  // namespace nearend::codec
