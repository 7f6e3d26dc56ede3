#include "codec/picture_packets.hpp"

#include <algorithm>

namespace nearend::codec {

size_t PicturePackets::next(std::span<uint8_t> room) {
  if (kind_ == PictureKind::h264) return next_unit(room);
  if (rest_.empty() || room.size() < payload_max) return 0;
  const size_t count = std::min(rest_.size(), payload_max - 1);
  const bool is_last = count == rest_.size();
  room[0] = 0;
  if (kind_ == PictureKind::vp8)
    room[0] = is_first_ ? 0x10 : 0;
  else
    room[0] = static_cast<uint8_t>((is_key_ ? 0 : 0x40) | (is_first_ ? 0x08 : 0) | (is_last ? 0x04 : 0));
  std::copy_n(rest_.begin(), count, room.begin() + 1);
  rest_ = rest_.subspan(count);
  is_first_ = false;
  return count + 1;
}

size_t PicturePackets::next_unit(std::span<uint8_t> room) {
  if (room.size() < payload_max) return 0;
  bool is_start = false;
  if (unit_.empty()) {
    if (rest_.size() < 5) {
      rest_ = {};
      return 0;
    }
    const size_t length = size_t{rest_[0]} << 24 | size_t{rest_[1]} << 16 | size_t{rest_[2]} << 8 | rest_[3];
    if (length == 0 || length > rest_.size() - 4) {
      rest_ = {};
      return 0;
    }
    unit_ = rest_.subspan(4, length);
    rest_ = rest_.subspan(4 + length);
    if (length <= payload_max) {
      std::copy(unit_.begin(), unit_.end(), room.begin());
      unit_ = {};
      return length;
    }
    unit_header_ = unit_[0];
    unit_ = unit_.subspan(1);
    is_start = true;
  }
  const size_t count = std::min(unit_.size(), payload_max - 2);
  const bool is_end = count == unit_.size();
  room[0] = static_cast<uint8_t>((unit_header_ & 0xe0) | nal::fu_a);
  room[1] = static_cast<uint8_t>((is_start ? 0x80 : 0) | (is_end ? 0x40 : 0) | nal::type_of(unit_header_));
  std::copy_n(unit_.begin(), count, room.begin() + 2);
  unit_ = unit_.subspan(count);
  return count + 2;
}

}  // namespace nearend::codec
