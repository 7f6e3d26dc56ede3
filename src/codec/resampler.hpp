#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace nearend::codec {

/// One mono stream from one rate to another by a polyphase filter: any ratio, about 2 ms of delay, the band up to 0.42
/// of the lower rate. 10 ms in are 10 ms out. The filters are shared by all streams of a ratio. One thread; process()
/// takes no memory.
class Resampler {
 public:
  Resampler(uint32_t from, uint32_t to);
  ~Resampler();
  Resampler(Resampler&&) noexcept;
  Resampler& operator=(Resampler&&) noexcept;

  /// How many samples went to `out`, which has room for room_for(in.size()).
  size_t process(std::span<const int16_t> in, std::span<int16_t> out);
  size_t room_for(size_t count) const { return count * up_ / down_ + 1; }
  uint32_t from() const { return from_; }
  uint32_t to() const { return to_; }

 private:
  struct Filter;
  static std::shared_ptr<const Filter> filter_for(uint32_t up, uint32_t down);
  size_t process_piece(std::span<const int16_t> in, int16_t* out);

  uint32_t from_, to_;
  size_t up_, down_;
  std::shared_ptr<const Filter> filter_;  // of this ratio, shared by its resamplers
  std::vector<int16_t> line_;             // the last taps - 1 samples, then the new ones
  size_t phase_ = 0;                      // of the next output sample
};

}  // namespace nearend::codec
