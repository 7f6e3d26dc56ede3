#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

namespace nearend::media {

/// Samples from one thread to another, without locks and without taking memory. One writer, one reader.
class SampleRing {
 public:
  /// `size` is a power of two.
  explicit SampleRing(size_t size) : samples_(size) {}

  /// How many were taken; the rest found no room. Writer.
  size_t write(std::span<const int16_t> samples) {
    const uint64_t at = written_.load(std::memory_order_relaxed);
    const size_t count = std::min(samples.size(), room());
    for (size_t i = 0; i < count; ++i) samples_[(at + i) & (samples_.size() - 1)] = samples[i];
    written_.store(at + count, std::memory_order_release);
    return count;
  }
  /// Reader.
  size_t read(std::span<int16_t> out) {
    uint64_t at = read_.load(std::memory_order_relaxed);
    at = std::max(at, dropped_to_.load(std::memory_order_acquire));
    const uint64_t end = written_.load(std::memory_order_acquire);
    const size_t count = static_cast<size_t>(std::min<uint64_t>(out.size(), end - at));
    for (size_t i = 0; i < count; ++i) out[i] = samples_[(at + i) & (samples_.size() - 1)];
    read_.store(at + count, std::memory_order_release);
    return count;
  }
  /// What is in it now will not be read. Writer.
  void drop() { dropped_to_.store(written_.load(std::memory_order_relaxed), std::memory_order_release); }
  /// Samples ever written, and ever read or dropped. Any thread.
  uint64_t written() const { return written_.load(std::memory_order_acquire); }
  uint64_t read_so_far() const {
    return std::max(read_.load(std::memory_order_acquire), dropped_to_.load(std::memory_order_acquire));
  }
  size_t waiting() const {
    const uint64_t read = read_so_far();
    return static_cast<size_t>(written() - read);
  }

 private:
  /// What was dropped gives its room only when the reader has passed it.
  size_t room() const {
    return samples_.size() -
           static_cast<size_t>(written_.load(std::memory_order_relaxed) - read_.load(std::memory_order_acquire));
  }
  std::vector<int16_t> samples_;
  std::atomic<uint64_t> written_ = 0, read_ = 0, dropped_to_ = 0;
};

/// The sound of a leg to and from somebody on another thread: 8 kHz, mono. Shared by the media thread and the loop.
struct SoundPipe {
  static constexpr size_t heard_samples = size_t{1} << 14;   ///< 2 s
  static constexpr size_t spoken_samples = size_t{1} << 18;  ///< 32 s
  SoundPipe(bool is_heard, bool is_spoken)
      : heard(is_heard ? heard_samples : 1), spoken(is_spoken ? spoken_samples : 1) {}

  SampleRing heard;                         ///< What the endpoint says; written by the media thread.
  SampleRing spoken;                        ///< What it is to hear; written by the loop.
  std::atomic<bool> is_spoken_out = false;  ///< Nothing more will be spoken; set by the loop.
  std::atomic<bool> is_cut_short = false;   ///< Another play has taken its place; set by the media thread.
  std::atomic<bool> is_leg_gone = false;    ///< Set by the media thread.
};

}  // namespace nearend::media
