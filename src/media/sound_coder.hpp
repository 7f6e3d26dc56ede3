#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/result.hpp"

struct OpusMSEncoder;

namespace nearend::media {

/// Codes 8 kHz samples as Opus frames of 20 ms, without a file around them. Two channels share nothing. Worker thread.
class SoundCoder {
 public:
  using Take = std::function<void(int64_t at_ms, std::span<const uint8_t> frame)>;
  static Result<std::unique_ptr<SoundCoder>> make(uint8_t channels);
  ~SoundCoder();
  SoundCoder(const SoundCoder&) = delete;

  /// Interleaved samples from `first` (a sample a channel) on; after a gap coding begins anew there.
  Result<void> code(int64_t first, std::span<const int16_t> samples, const Take& take);
  /// What is left, filled up with silence.
  Result<void> finish(const Take& take);
  /// 48 kHz samples that come out before the first that went in.
  uint32_t delay_ticks() const { return delay_ticks_; }

 private:
  explicit SoundCoder(uint8_t channels);
  Result<void> code_frame(const Take& take);

  size_t channels_;
  OpusMSEncoder* encoder_ = nullptr;
  uint32_t delay_ticks_ = 0;
  std::vector<int16_t> waiting_;
  int64_t first_ = 0;  // of waiting_
};

}  // namespace nearend::media
