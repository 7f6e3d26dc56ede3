#include "srtp/index.hpp"

namespace nearend::srtp {
namespace {
constexpr uint64_t word_bits = 64;
}

bool ReplayWindow::is_new(uint64_t index) const {
  if (!has_begun_ || index > highest_) return true;
  const uint64_t behind = highest_ - index;
  return behind < size && !(seen_[behind / word_bits] >> (behind % word_bits) & 1);
}

void ReplayWindow::note(uint64_t index) {
  if (!has_begun_) {
    has_begun_ = true;
    highest_ = index;
    seen_[0] = 1;
    return;
  }
  if (index <= highest_) {
    const uint64_t behind = highest_ - index;
    if (behind < size) seen_[behind / word_bits] |= uint64_t{1} << (behind % word_bits);
    return;
  }
  const uint64_t step = index - highest_;
  highest_ = index;
  if (step >= size) {
    seen_[0] = seen_[1] = 0;
  } else if (step >= word_bits) {
    seen_[1] = seen_[0] << (step - word_bits);
    seen_[0] = 0;
  } else {
    seen_[1] = seen_[1] << step | seen_[0] >> (word_bits - step);
    seen_[0] <<= step;
  }
  seen_[0] |= 1;
}

std::optional<uint64_t> estimate_index(const ReplayWindow& window, uint16_t sequence) {
  if (!window.has_begun()) return sequence;
  constexpr int32_t half = 0x8000;
  const auto last = static_cast<uint16_t>(window.highest());
  int64_t roc = static_cast<int64_t>(window.highest() >> 16);
  if (last < half && sequence - last > half) --roc;
  if (last >= half && last - half > sequence) ++roc;
  if (roc < 0 || roc > 0xffffffff) return std::nullopt;
  return static_cast<uint64_t>(roc) << 16 | sequence;
}

}  // namespace nearend::srtp
