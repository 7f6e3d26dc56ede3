#pragma once

#include <chrono>
#include <vector>

#include "codec/codec.hpp"
#include "rtp/packet.hpp"

namespace nearend::codec {

/// Decodes the packets of one RTP stream as they come, without waiting: in order, a short loss concealed (by FEC where
/// the next packet has it), a pause of the sender left a pause. What comes after its successor is late and is not said:
/// who wants it waits with a JitterBuffer. One thread; take() takes no memory.
class StreamDecoder {
 public:
  /// Losses up to this are concealed; of longer ones only the beginning.
  static constexpr uint32_t conceal_ms_max = 60;

  StreamDecoder(std::unique_ptr<Decoder> decoder, uint32_t clock_rate);

  struct Heard {
    std::span<const int16_t> samples;  ///< Concealed ones first; valid until the next call. Empty: late or broken.
    uint32_t at = 0;                   ///< Of the first sample, on a line in samples that has no other jumps than gaps.
    uint32_t gap = 0;                  ///< Samples before `at` in which nothing was heard.
    uint32_t concealed = 0;
    bool is_restarted = false;  ///< The sender's numbers jumped: `at` goes on as if nothing were between.
  };
  Heard take(const rtp::Packet& packet);
  /// A packet of the stream that is none of the codec's (an event, comfort noise): nothing is lost with it.
  void skip(const rtp::Packet& packet);
  /// The next stream begins: another source.
  void restart() { has_begun_ = false; }
  /// `count` samples that nobody sent, in the sender's pause.
  std::span<const int16_t> pause(size_t count);

  Decoder& decoder() { return *decoder_; }
  uint32_t sample_rate() const { return decoder_->sample_rate(); }

  struct Figures {
    uint64_t late = 0, broken = 0;
    uint64_t concealed = 0, recovered = 0;  ///< Samples.
  };
  const Figures& figures() const { return figures_; }

 private:
  uint32_t samples_of(uint32_t ticks) const;
  uint32_t conceal(uint32_t missing, const rtp::Packet& packet, size_t decoded);

  std::unique_ptr<Decoder> decoder_;
  uint32_t clock_rate_;
  std::vector<int16_t> samples_;
  bool has_begun_ = false;
  uint16_t sequence_ = 0;
  uint32_t next_timestamp_ = 0;  // where the next packet begins if nothing is missing
  uint32_t at_ = 0;
  Figures figures_;
};

}  // namespace nearend::codec
