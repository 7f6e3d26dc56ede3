#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace nearend::codec {

/// Pictures are never decoded here: their frames are taken out of RTP and put into it again, as they are.
enum class PictureKind : uint8_t { none, vp8, vp9, h264 };
/// By SDP's encoding name; none for what is passed on only.
PictureKind picture_kind(std::string_view name);

struct PictureSize {
  uint16_t width = 0, height = 0;
  bool operator==(const PictureSize&) const = default;
};

/// What the payload of one packet holds. Views into it.
struct PicturePart {
  bool is_frame_start =
      false;            ///< Can be told for VP8 and VP9; for H.264 only where parameter sets or a delimiter begin.
  bool is_key = false;  ///< Of a part that begins a frame: it needs no other frame.
  std::span<const uint8_t> data;
};
/// Takes off the payload descriptor of RFC 7741 (VP8) or RFC 9628 (VP9). Nothing where the bytes break it.
std::optional<PicturePart> read_vp8(std::span<const uint8_t> payload);
std::optional<PicturePart> read_vp9(std::span<const uint8_t> payload);

/// What the frame's own header says of its size; nothing for one that is no key frame, or broken.
std::optional<PictureSize> vp8_size(std::span<const uint8_t> frame);
std::optional<PictureSize> vp9_size(std::span<const uint8_t> frame);
/// Of a sequence parameter set with its NAL header (ITU-T H.264 7.3.2.1.1).
std::optional<PictureSize> h264_size(std::span<const uint8_t> parameter_set);

/// NAL unit types of H.264 that matter here (RFC 6184 5.2).
namespace nal {
inline constexpr uint8_t idr = 5, sequence_set = 7, picture_set = 8, delimiter = 9, stap_a = 24, fu_a = 28;
inline uint8_t type_of(uint8_t header) {
  return header & 31;
}
}  // namespace nal

}  // namespace nearend::codec
