#pragma once

#include <array>
#include <optional>
#include <vector>

#include "codec/codec.hpp"
#include "codec/comfort_noise.hpp"
#include "codec/delay_estimate.hpp"
#include "codec/resampler.hpp"
#include "rtp/packet.hpp"

namespace nearend::codec {

/// Packets in when they come, samples out when they are due: waits as long as the network's jitter makes it, conceals
/// what is lost or late, follows the sender's clock by leaving out or saying twice single pitch cycles, and uses pauses
/// to correct its delay unheard. One stream, one thread; put() and take() take no memory.
class JitterBuffer {
 public:
  struct Limits {
    uint32_t delay_ms_min = 20;
    uint32_t delay_ms_max = 200;
    size_t bytes = 16384;  ///< For all payloads that wait.
  };
  static constexpr size_t packets_max = 64;

  /// `rate`: of the samples that are taken.
  JitterBuffer(std::unique_ptr<Decoder> decoder, uint32_t clock_rate, uint32_t rate, const Limits& limits);

  void put(const rtp::Packet& packet, rtp::Instant now);
  /// Comfort noise (RFC 3389): the sender pauses, and how that sounds.
  void put_noise(const rtp::Packet& packet, rtp::Instant now);
  /// A packet of the stream that is nothing to be heard (an event): it is not lost.
  void skip(const rtp::Packet& packet);
  /// Another source: what waits is forgotten, what is known about the network stays.
  void restart();

  enum class Content : uint8_t {
    voice,
    concealed,  ///< All of it, or a part.
    noise,      ///< The sender pauses.
    nothing,    ///< Nothing has come yet, or for long: zeros.
  };
  /// The next 10 or 20 ms.
  Content take(std::span<int16_t> out, rtp::Instant now);

  struct Figures {
    uint64_t received = 0, late = 0, doubled = 0, broken = 0, overflowed = 0;
    uint64_t concealed_ms = 0;  ///< In place of what was lost or late.
    uint64_t recovered_ms = 0;  ///< Of lost packets, by FEC.
    uint64_t shortened_ms = 0, stretched_ms = 0;
    double delay_ms = 0;   ///< Between the arrival of the fastest packets and what is heard now.
    double target_ms = 0;  ///< What it should be.
  };
  Figures figures() const;

 private:
  struct Slot {
    int64_t at = 0;  ///< Of its first sample on the sender's line.
    uint32_t offset = 0, size = 0;
    uint16_t sequence = 0;
    bool is_noise = false;
  };

  void store(const rtp::Packet& packet, bool is_noise, rtp::Instant now);
  int64_t position_of(uint32_t timestamp);
  bool note_sequence(uint16_t sequence);
  bool is_seen(uint16_t sequence) const;
  bool is_whole_until(uint16_t sequence) const;
  void drop_oldest();
  int64_t line_at(rtp::Instant now) const;

  int64_t due_in(int64_t at, rtp::Instant now) const;
  void fill(size_t wanted, rtp::Instant now);
  bool decode_next(rtp::Instant now);
  void append_concealed(size_t count, bool is_time_passing);
  void append_pause(size_t count);
  void correct(rtp::Instant now);
  void shorten();
  void stretch();
  size_t best_cycle() const;
  size_t waiting() const { return end_ - begin_; }
  std::span<int16_t> room(size_t count);

  std::unique_ptr<Decoder> decoder_;
  uint32_t clock_rate_;
  uint32_t rate_;  // of the decoder
  Limits limits_;
  DelayEstimate estimate_;
  ComfortNoise noise_;
  bool has_noise_ = false;
  std::optional<Resampler> resampler_;

  std::array<Slot, packets_max> slots_{};  // sorted by place on the line
  size_t count_ = 0;
  std::vector<uint8_t> bytes_;  // a ring of payloads in order of arrival, none across the end
  size_t next_byte_ = 0;

  std::vector<int16_t> line_;  // decoded, begin_ to end_ not yet taken
  size_t begin_ = 0, end_ = 0;
  std::vector<int16_t> scratch_;

  bool has_begun_ = false;   // a packet has come
  bool is_playing_ = false;  // and its time too
  bool is_pausing_ = false;  // the sender says nothing, or nothing has come for long
  bool has_timestamp_ = false;
  uint32_t timestamp_ = 0;
  int64_t ticks_ = 0;           // timestamp_ without wrap
  int64_t decoded_to_ = 0;      // where line_ ends on the sender's line
  uint16_t last_sequence_ = 0;  // of the last decoded
  uint16_t highest_ = 0;
  uint64_t window_ = 0;  // bit n: highest_ - n has come
  size_t packet_samples_ = 0;
  double frame_ms_ = 20;  // of a take()
  size_t starving_ = 0;   // samples concealed since the last packet, while none was there
  size_t wait_ = 0;       // samples until the next correction
  bool has_concealed_ = false, has_voice_ = false, has_paused_ = false;  // in this take()
  Figures figures_;
};

}  // namespace nearend::codec
