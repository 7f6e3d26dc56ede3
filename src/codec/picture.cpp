#include "codec/picture.hpp"

#include <algorithm>
#include <vector>

#include "base/text.hpp"

namespace nearend::codec {
namespace {

using Bytes = std::span<const uint8_t>;

/// Bytes one after another; past the end it is broken and gives zeros.
class Cursor {
 public:
  explicit Cursor(Bytes bytes) : rest_(bytes) {}
  uint8_t take() {
    if (rest_.empty()) {
      is_broken_ = true;
      return 0;
    }
    const uint8_t first = rest_.front();
    rest_ = rest_.subspan(1);
    return first;
  }
  void skip(size_t count) {
    if (count > rest_.size()) is_broken_ = true;
    rest_ = rest_.subspan(std::min(count, rest_.size()));
  }
  /// A picture number of 7 or 15 bits.
  void skip_number() {
    if (take() & 0x80) skip(1);
  }
  std::optional<Bytes> rest() const {
    if (is_broken_ || rest_.empty()) return std::nullopt;
    return rest_;
  }

 private:
  Bytes rest_;
  bool is_broken_ = false;
};

class Bits {
 public:
  explicit Bits(Bytes bytes) : bytes_(bytes) {}
  uint32_t take(size_t count) {
    uint32_t value = 0;
    for (; count > 0; --count) {
      const size_t byte = at_ / 8;
      if (byte >= bytes_.size()) {
        is_broken_ = true;
        return 0;
      }
      value = value << 1 | (bytes_[byte] >> (7 - at_++ % 8) & 1u);
    }
    return value;
  }
  /// Exp-Golomb codes (ITU-T H.264 9.1).
  uint32_t take_unsigned() {
    size_t zeros = 0;
    while (!is_broken_ && zeros < 32 && take(1) == 0) ++zeros;
    if (zeros == 0) return 0;
    if (zeros > 31) {
      is_broken_ = true;
      return 0;
    }
    return (1u << zeros) - 1 + take(zeros);
  }
  int32_t take_signed() {
    const uint32_t code = take_unsigned();
    const auto half = static_cast<int32_t>(code / 2);
    return code % 2 ? half + 1 : -half;
  }
  bool is_broken() const { return is_broken_; }

 private:
  Bytes bytes_;
  size_t at_ = 0;
  bool is_broken_ = false;
};

/// The bytes of a NAL unit without what keeps start codes out of it (7.4.1).
std::vector<uint8_t> without_emulation(Bytes unit) {
  std::vector<uint8_t> plain;
  plain.reserve(unit.size());
  size_t zeros = 0;
  for (const uint8_t byte : unit) {
    if (zeros >= 2 && byte == 3) {
      zeros = 0;
      continue;
    }
    zeros = byte == 0 ? zeros + 1 : 0;
    plain.push_back(byte);
  }
  return plain;
}

void skip_scaling_list(Bits& bits, int size) {
  int last = 8, next = 8;
  for (int i = 0; i < size && !bits.is_broken(); ++i) {
    if (next != 0) next = (last + bits.take_signed()) & 255;
    if (next != 0) last = next;
  }
}

/// Chroma format; 1 where the profile has no say in it.
uint32_t read_profile(Bits& bits, uint32_t profile) {
  constexpr uint8_t high[] = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135};
  if (std::ranges::find(high, profile) == std::end(high)) return 1;
  const uint32_t chroma = bits.take_unsigned();
  if (chroma == 3) bits.take(1);
  bits.take_unsigned();
  bits.take_unsigned();
  bits.take(1);
  if (bits.take(1))
    for (int i = 0; i < (chroma == 3 ? 12 : 8); ++i)
      if (bits.take(1)) skip_scaling_list(bits, i < 6 ? 16 : 64);
  return chroma;
}

void skip_picture_order(Bits& bits) {
  const uint32_t type = bits.take_unsigned();
  if (type == 0) bits.take_unsigned();
  if (type != 1) return;
  bits.take(1);
  bits.take_signed();
  bits.take_signed();
  const uint32_t cycle = bits.take_unsigned();
  for (uint32_t i = 0; i < cycle && !bits.is_broken(); ++i) bits.take_signed();
}

}  // namespace

PictureKind picture_kind(std::string_view name) {
  if (equal_ignoring_case(name, "VP8")) return PictureKind::vp8;
  if (equal_ignoring_case(name, "VP9")) return PictureKind::vp9;
  if (equal_ignoring_case(name, "H264")) return PictureKind::h264;
  return PictureKind::none;
}

std::optional<PicturePart> read_vp8(Bytes payload) {
  Cursor cursor(payload);
  const uint8_t first = cursor.take();
  if (first & 0x80) {
    const uint8_t extra = cursor.take();
    if (extra & 0x80) cursor.skip_number();
    if (extra & 0x40) cursor.skip(1);
    if (extra & 0x30) cursor.skip(1);
  }
  const auto rest = cursor.rest();
  if (!rest) return std::nullopt;
  PicturePart part{.is_frame_start = (first & 0x10) != 0 && (first & 7) == 0, .data = *rest};
  part.is_key = part.is_frame_start && (rest->front() & 1) == 0;
  return part;
}

std::optional<PicturePart> read_vp9(Bytes payload) {
  Cursor cursor(payload);
  const uint8_t first = cursor.take();
  const bool is_predicted = first & 0x40, has_layers = first & 0x20, is_flexible = first & 0x10;
  if (first & 0x80) cursor.skip_number();
  uint8_t layer = 0;
  if (has_layers) {
    layer = cursor.take() >> 1 & 7;
    if (!is_flexible) cursor.skip(1);
  }
  if (is_flexible && is_predicted)
    for (int i = 0; i < 3 && (cursor.take() & 1); ++i) {
    }
  if (first & 0x02) {
    const uint8_t structure = cursor.take();
    if (structure & 0x10) cursor.skip(((structure >> 5) + size_t{1}) * 4);
    const size_t group = structure & 0x08 ? cursor.take() : 0;
    for (size_t i = 0; i < group; ++i) cursor.skip(cursor.take() >> 2 & 3);
  }
  const auto rest = cursor.rest();
  if (!rest) return std::nullopt;
  PicturePart part{.is_frame_start = (first & 0x08) != 0 && layer == 0, .data = *rest};
  part.is_key = part.is_frame_start && !is_predicted;
  return part;
}

std::optional<PictureSize> vp8_size(Bytes frame) {
  // RFC 6386 9.1: three bytes of tag, a start code, then 14 bits of width and of height.
  if (frame.size() < 10 || (frame[0] & 1) != 0) return std::nullopt;
  if (frame[3] != 0x9d || frame[4] != 0x01 || frame[5] != 0x2a) return std::nullopt;
  const auto field = [&](size_t at) { return static_cast<uint16_t>((frame[at] | frame[at + 1] << 8) & 0x3fff); };
  return PictureSize{field(6), field(8)};
}

std::optional<PictureSize> vp9_size(Bytes frame) {
  Bits bits(frame);
  if (bits.take(2) != 2) return std::nullopt;
  const uint32_t low = bits.take(1);
  const uint32_t profile = low | bits.take(1) << 1;
  if (profile == 3 && bits.take(1)) return std::nullopt;
  const bool shows_existing = bits.take(1), is_predicted = bits.take(1);
  if (shows_existing || is_predicted) return std::nullopt;
  bits.take(2);
  if (bits.take(24) != 0x498342) return std::nullopt;
  if (profile >= 2) bits.take(1);
  const bool has_subsampling = profile == 1 || profile == 3;
  if (bits.take(3) != 7)
    bits.take(has_subsampling ? 4 : 1);
  else if (has_subsampling)
    bits.take(1);
  const uint32_t width = bits.take(16), height = bits.take(16);
  if (bits.is_broken() || width == 0xffff || height == 0xffff) return std::nullopt;
  return PictureSize{static_cast<uint16_t>(width + 1), static_cast<uint16_t>(height + 1)};
}

std::optional<PictureSize> h264_size(Bytes parameter_set) {
  if (parameter_set.size() < 4 || nal::type_of(parameter_set[0]) != nal::sequence_set) return std::nullopt;
  const auto plain = without_emulation(parameter_set.subspan(1));
  Bits bits(plain);
  const uint32_t profile = bits.take(8);
  bits.take(16);
  bits.take_unsigned();
  const uint32_t chroma = read_profile(bits, profile);
  bits.take_unsigned();
  skip_picture_order(bits);
  bits.take_unsigned();
  bits.take(1);
  const uint32_t wide = bits.take_unsigned(), high = bits.take_unsigned();
  const uint32_t fields = 2 - bits.take(1);
  if (fields == 2) bits.take(1);
  bits.take(1);
  uint32_t cut_wide = 0, cut_high = 0;
  if (bits.take(1)) {
    cut_wide = bits.take_unsigned();
    cut_wide += bits.take_unsigned();
    cut_high = bits.take_unsigned();
    cut_high += bits.take_unsigned();
  }
  if (bits.is_broken() || wide > 1023 || high > 1023 || cut_wide > 8192 || cut_high > 8192) return std::nullopt;
  const uint32_t unit_wide = chroma == 1 || chroma == 2 ? 2 : 1, unit_high = (chroma == 1 ? 2 : 1) * fields;
  const uint32_t width = (wide + 1) * 16, height = (high + 1) * 16 * fields;
  if (cut_wide * unit_wide >= width || cut_high * unit_high >= height) return std::nullopt;
  return PictureSize{static_cast<uint16_t>(width - cut_wide * unit_wide),
                     static_cast<uint16_t>(height - cut_high * unit_high)};
}

}  // namespace nearend::codec
