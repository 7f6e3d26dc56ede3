#include <spandsp.h>

#include "codec/concealer.hpp"
#include "codec/makers.hpp"

namespace nearend::codec {
namespace {

constexpr uint32_t rate = 16000;
constexpr int bits_per_second = 64000;

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* one) const {
    Free(one);
  }
};

class G722Encoder final : public Encoder {
 public:
  Outcome<size_t> encode(std::span<const int16_t> samples, std::span<uint8_t> payload) override {
    if (samples.empty() || samples.size() % 2 != 0 || samples.size() > longest(rate))
      return std::unexpected(Fault::wrong_frame);
    if (payload.size() < samples.size() / 2) return std::unexpected(Fault::no_room);
    return static_cast<size_t>(
        g722_encode(state_.get(), payload.data(), samples.data(), static_cast<int>(samples.size())));
  }
  size_t fitting(size_t wanted) const override { return fitting_multiple(wanted, 80, longest(rate)); }
  uint32_t sample_rate() const override { return rate; }

 private:
  std::unique_ptr<g722_encode_state_t, Freer<g722_encode_free>> state_{g722_encode_init(nullptr, bits_per_second, 0)};
};

class G722Decoder final : public Decoder {
 public:
  Outcome<size_t> decode(std::span<const uint8_t> payload, std::span<int16_t> out) override {
    const auto counted = count(payload);
    if (!counted) return counted;
    if (out.size() < *counted) return std::unexpected(Fault::no_room);
    g722_decode(state_.get(), out.data(), payload.data(), static_cast<int>(payload.size()));
    concealer_.heard(out.first(*counted));
    return counted;
  }
  Outcome<size_t> count(std::span<const uint8_t> payload) const override {
    if (payload.empty()) return std::unexpected(Fault::truncated);
    if (payload.size() * 2 > longest(rate)) return std::unexpected(Fault::oversized);
    return payload.size() * 2;
  }
  void conceal(std::span<int16_t> out) override { concealer_.conceal(out); }
  uint32_t sample_rate() const override { return rate; }

 private:
  std::unique_ptr<g722_decode_state_t, Freer<g722_decode_free>> state_{g722_decode_init(nullptr, bits_per_second, 0)};
  Concealer concealer_{rate};
};

}  // namespace

std::unique_ptr<Encoder> make_g722_encoder(const Settings& settings) {
  if (settings.sample_rate != rate) return nullptr;
  return std::make_unique<G722Encoder>();
}
std::unique_ptr<Decoder> make_g722_decoder(const Settings& settings) {
  if (settings.sample_rate != rate) return nullptr;
  return std::make_unique<G722Decoder>();
}

}  // namespace nearend::codec
