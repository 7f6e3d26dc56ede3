#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace nearend::codec {

/// Comfort noise as RFC 3389 says it: a level, and the colour as reflection coefficients. One thread, no allocation.
class ComfortNoise {
 public:
  static constexpr size_t order_max = 10;

  /// Takes a CN payload; false when it is empty. Coefficients beyond the tenth are left out.
  bool update(std::span<const uint8_t> payload);
  /// White noise at so many dB below overload.
  void set_level(uint8_t below_overload_db);
  void fill(std::span<int16_t> out);

 private:
  std::array<float, order_max> reflections_{};
  std::array<float, order_max + 1> delayed_{};
  size_t order_ = 0;
  float gain_ = 8;
  uint32_t random_ = 0x2545f491;
};

/// The payload for what was heard: its level alone.
uint8_t noise_level_of(std::span<const int16_t> samples);

}  // namespace nearend::codec
