#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace nearend::codec {

/// Waveform concealment in the manner of ITU-T G.711 Appendix I, for codecs that have none: the last pitch cycle goes
/// on, fades after 10 ms and is silent after 60 ms; both seams are blended. Any rate; no allocation after it was made.
class Concealer {
 public:
  explicit Concealer(uint32_t rate);
  /// To be called with all that was decoded; blends its beginning in where something was concealed before.
  void heard(std::span<int16_t> samples);
  void conceal(std::span<int16_t> out);

 private:
  void remember(std::span<const int16_t> samples);
  void begin();
  size_t find_pitch() const;
  float next();

  size_t per_ms_;
  size_t pitch_least_, pitch_most_;
  std::vector<int16_t> history_;  // the newest sample last
  std::vector<float> cycle_;
  size_t pitch_ = 0;
  size_t at_ = 0;    // in the cycle
  size_t lost_ = 0;  // samples concealed since the last that was heard
};

}  // namespace nearend::codec
