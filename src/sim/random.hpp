#pragma once

#include <array>
#include <cstdint>

namespace nearend::sim {

/// One step of splitmix64: spreads a seed over all bits.
inline uint64_t scatter(uint64_t& state) {
  uint64_t mixed = (state += 0x9e3779b97f4a7c15);
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  return mixed ^ (mixed >> 31);
}

/// xoshiro256**: repeatable random numbers, the same on every machine. Not for secrets.
class Random {
 public:
  explicit Random(uint64_t seed) {
    for (uint64_t& word : state_) word = scatter(seed);
  }
  uint64_t next() {
    const uint64_t result = rotate(state_[1] * 5, 7) * 9;
    const uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = rotate(state_[3], 45);
    return result;
  }
  /// 0 to 1, without 1.
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  /// 0 to `limit` - 1.
  uint64_t below(uint64_t limit) { return limit ? next() % limit : 0; }
  bool chance(double probability) { return probability > 0 && unit() < probability; }

 private:
  static uint64_t rotate(uint64_t value, int count) { return (value << count) | (value >> (64 - count)); }
  std::array<uint64_t, 4> state_{};
};

}  // namespace nearend::sim
