#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "codec/codec.hpp"
#include "codec/picture.hpp"
#include "media/control.hpp"

namespace nearend::media {

/// A Format as the packet path wants it: no strings.
struct Codec {
  enum class Kind : uint8_t { pcmu, pcma, event, comfort_noise, other };
  Kind kind = Kind::other;
  uint8_t payload_type = 0;
  uint8_t channels = 1;
  uint32_t clock_rate = 8000;
  uint32_t name_hash = 0;  ///< Of the lower-case name; parts codecs we only pass on.
  bool is_coded = false;   ///< We can make samples of it, and it of samples: as the following say.
  codec::Kind coding = codec::Kind::pcmu;
  bool has_fec = false, has_dtx = false, is_octet_aligned = false;
  uint8_t modes = 0xff;
  uint16_t bitrate_hundreds = 0;
  codec::PictureKind pictures = codec::PictureKind::none;  ///< What can be taken out of its packets.

  bool is_g711() const { return kind == Kind::pcmu || kind == Kind::pcma; }
  bool is_same(const Codec& other) const {
    return kind == other.kind && clock_rate == other.clock_rate && name_hash == other.name_hash &&
           channels == other.channels && is_octet_aligned == other.is_octet_aligned;
  }
  bool is_equal(const Codec& other) const {
    return is_same(other) && payload_type == other.payload_type && has_fec == other.has_fec &&
           has_dtx == other.has_dtx && modes == other.modes && bitrate_hundreds == other.bitrate_hundreds;
  }
};

Codec codec_of(const Format& format);
/// How it is coded, for a sample rate that loses nothing which the other side, with `other_rate`, could hear.
codec::Settings settings_of(const Codec& codec, uint32_t other_rate);

/// Names under which the figures tell of a codec; others are "other".
inline constexpr std::array<std::string_view, 10> codec_names{"PCMU", "PCMA", "G722", "opus", "G729",
                                                              "AMR",  "L16",  "iLBC", "VP8",  "H264"};
/// By the hash of a Codec's name: its place among those, or their number.
size_t codec_number(uint32_t name_hash);
std::string_view codec_name(uint32_t name_hash);

/// The negotiated formats of one side of one stream, at most 12; what lies above is not relayed.
class CodecList {
 public:
  static constexpr size_t limit = 12;
  CodecList() = default;
  explicit CodecList(std::span<const Format> formats);

  const Codec* find(uint8_t payload_type) const;
  /// The same codec under its own number here; the same number is preferred where one codec has several.
  const Codec* find_same(const Codec& codec) const;
  const Codec* find_kind(Codec::Kind kind) const;
  const Codec* find_pictures(codec::PictureKind kind) const;
  /// What media of our own and transcoded media is sent in: the first G.711, else the first that we can code in packets
  /// of 20 ms.
  const Codec* own() const;
  bool is_empty() const { return count_ == 0; }

 private:
  std::array<Codec, limit> codecs_{};
  uint8_t count_ = 0;
};

/// How a packet of one side's codec leaves on another side.
struct Mapping {
  enum class Way : uint8_t { pass, to_alaw, to_ulaw };
  Way way = Way::pass;
  uint8_t payload_type = 0;
  uint32_t event_clock_in = 0, event_clock_out = 0;  ///< Events whose durations count in other ticks; else 0.
};
/// Nothing when the other side has no use for it.
std::optional<Mapping> map_codec(const CodecList& from, uint8_t payload_type, const CodecList& to);

}  // namespace nearend::media
