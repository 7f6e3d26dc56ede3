#pragma once

#include <optional>
#include <vector>

#include "codec/codec.hpp"
#include "codec/resampler.hpp"

namespace nearend::codec {

/// Makes the packets of one RTP stream of samples: frames of the length the peer wants, numbers and timestamps of a
/// line of its own. Put samples in, take packets until there is none. One thread; takes no memory but when the rate of
/// what comes in changes.
class StreamEncoder {
 public:
  StreamEncoder(std::unique_ptr<Encoder> encoder, uint32_t clock_rate, uint32_t ptime_ms);

  /// `gap`: samples at `rate` before these in which nothing was said; what waited for the rest of its packet then goes
  /// with silence.
  void put(std::span<const int16_t> samples, uint32_t rate, uint32_t gap);
  struct Packet {
    uint16_t sequence = 0;
    uint32_t timestamp = 0;
    uint32_t ticks = 0;  ///< How long it lasts.
    bool marker = false;
    std::span<const uint8_t> payload;  ///< Valid until the next call.
  };
  std::optional<Packet> next();
  /// One packet's payload of just these samples, 20 ms say, beside the line; empty where the codec does not take them
  /// or has nothing to send.
  std::span<const uint8_t> encode_now(std::span<const int16_t> samples, uint32_t rate);
  /// The number and the time of a packet that is none of the codec's, put between (an event).
  uint16_t take_sequence() { return sequence_++; }
  /// Goes on with the numbers of the one before it.
  void follow(const StreamEncoder& before) {
    sequence_ = before.sequence_;
    timestamp_ = before.timestamp_;
  }
  uint32_t timestamp() const { return timestamp_; }

  Encoder& encoder() { return *encoder_; }
  uint32_t clock_rate() const { return clock_rate_; }
  uint64_t faults() const { return faults_; }

 private:
  uint32_t ticks_of(size_t samples) const;
  void append(std::span<const int16_t> samples);
  void skip(uint32_t gap);

  std::unique_ptr<Encoder> encoder_;
  uint32_t clock_rate_;
  size_t packet_samples_;
  std::optional<Resampler> resampler_;
  std::vector<int16_t> pending_;
  std::vector<int16_t> resampled_;
  size_t begin_ = 0, end_ = 0;  // of what waits in pending_
  std::vector<uint8_t> payload_;
  uint16_t sequence_ = 0;
  uint32_t timestamp_ = 0;  // of pending_[begin_]
  bool is_after_gap_ = false;
  uint64_t faults_ = 0;
};

}  // namespace nearend::codec
