#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace nearend::codec {

enum class Kind : uint8_t { pcmu, pcma, g722, opus, l16, g729, amr, gsm };

/// What is wrong with a payload or a frame. Names rather than texts: the packet path counts them and takes no memory.
enum class Fault : uint8_t {
  truncated,    ///< The payload ends before what it announces.
  oversized,    ///< More than 120 ms, or more than a payload may hold.
  malformed,    ///< Breaks the payload format.
  wrong_frame,  ///< The encoder does not take this number of samples.
  no_room,      ///< The output is too small.
  refused,      ///< The codec's library said no.
};
std::string_view to_string(Fault fault);

template <class T>
using Outcome = std::expected<T, Fault>;

/// The longest packet that is decoded (RFC 7587 4.2 for Opus; the others are held to the same).
inline constexpr uint32_t packet_ms_max = 120;
/// The largest payload that an encoder writes: an Ethernet frame without fragments, on IPv6, with SRTP's tag.
inline constexpr size_t payload_bytes_max = 1400;

/// Which codec, and how. What the peer's fmtp says is in here; what it leaves open has our default.
struct Settings {
  Kind kind = Kind::pcmu;
  uint32_t clock_rate = 8000;     ///< Of RTP timestamps; for L16 the rate of the samples too.
  uint32_t sample_rate = 8000;    ///< Of what goes into the encoder and comes out of the decoder.
  uint8_t complexity = 5;         ///< Opus: 0 to 10.
  bool has_fec = true;            ///< Opus: the last frame once more, coarsely, in the next packet.
  bool has_dtx = false;           ///< Opus, AMR and G.729: nothing is sent while nothing is said.
  uint8_t expected_loss = 5;      ///< Opus: percent; what FEC is sized for.
  uint32_t bitrate = 0;           ///< Opus: bits per second; 0: by the sample rate.
  bool is_octet_aligned = false;  ///< AMR (RFC 4867 8.1).
  uint8_t mode = 7;               ///< AMR: what is sent until the peer asks for another mode.
  uint8_t modes = 0xff;           ///< AMR: bit n set where mode n may be sent (mode-set).
};

/// What an rtpmap and its fmtp describe; nothing for what we cannot code. Opus gets 8000 as sample rate: the telephone
/// side asks for no more, and no resampler is needed (raise sample_rate to 16000 or 48000 where the other side has it).
std::optional<Settings> find_settings(std::string_view name, uint32_t clock_rate, uint8_t channels,
                                      std::string_view fmtp);
/// The rate at which nothing of the codec's band is lost: 48000 for Opus, 16000 for G.722.
uint32_t full_rate(const Settings& settings);

/// Whether 20 ms of it fit into a packet: L16 above 32 kHz is heard here but not spoken.
bool can_be_spoken(const Settings& settings);

/// Makes payloads of one mono stream. One thread; no allocation after it was made.
class Encoder {
 public:
  virtual ~Encoder() = default;
  /// One packet's payload; its size, 0 where DTX says that nothing is to be sent. `samples` must be as many as
  /// fitting() gives. Errors: wrong_frame, no_room, refused.
  virtual Outcome<size_t> encode(std::span<const int16_t> samples, std::span<uint8_t> payload) = 0;
  /// The number of samples a packet can have that is nearest to `wanted` from below, or the least there is.
  virtual size_t fitting(size_t wanted) const = 0;
  virtual uint32_t sample_rate() const = 0;
  /// The peer's wish for a mode (AMR's CMR, RFC 4867 4.3.1); others ignore it.
  virtual void request_mode(uint8_t /*mode*/) {}
};

/// Makes samples of one mono stream's payloads, in order; what is missing is concealed by the codec's own means, or by
/// the waveform where it has none. One thread; no allocation after it was made.
class Decoder {
 public:
  virtual ~Decoder() = default;
  /// How many samples went to `out`, which has room for 120 ms. After an error nothing has changed. Errors: truncated,
  /// oversized, malformed, no_room, refused.
  virtual Outcome<size_t> decode(std::span<const uint8_t> payload, std::span<int16_t> out) = 0;
  /// How many samples decode() would give, without decoding.
  virtual Outcome<size_t> count(std::span<const uint8_t> payload) const = 0;
  /// Fills `out` with what stands in for a lost packet.
  virtual void conceal(std::span<int16_t> out) = 0;
  /// Fills `out` with the packet before `next`, from what `next` carries of it (FEC); false and no change where it
  /// carries nothing.
  virtual bool recover(std::span<const uint8_t> /*next*/, std::span<int16_t> /*out*/) { return false; }
  virtual uint32_t sample_rate() const = 0;
  /// The last payload said that silence follows: until the next, conceal() gives comfort noise.
  virtual bool is_pausing() const { return false; }
  /// The mode that the peer's last payload asks us to send in; nothing without a wish.
  virtual std::optional<uint8_t> requested_mode() const { return std::nullopt; }
};

/// Errors: refused where the settings are none the codec has (a sample rate of 11025 for Opus), or the library fails.
Outcome<std::unique_ptr<Encoder>> make_encoder(const Settings& settings);
Outcome<std::unique_ptr<Decoder>> make_decoder(const Settings& settings);

}  // namespace nearend::codec
