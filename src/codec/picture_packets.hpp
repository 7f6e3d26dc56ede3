#pragma once

#include "codec/picture.hpp"

namespace nearend::codec {

/// Puts one frame, as Picture::bytes has it, into payloads: RFC 7741 and RFC 9628 with the shortest descriptor, RFC
/// 6184 in packetisation mode 1. Any thread; takes no memory.
class PicturePackets {
 public:
  static constexpr size_t payload_max = 1200;
  PicturePackets(PictureKind kind, std::span<const uint8_t> frame, bool is_key)
      : kind_(kind), is_key_(is_key), rest_(frame) {}
  /// The next payload, in `room` of payload_max bytes or more; its size, 0 when there is none left.
  size_t next(std::span<uint8_t> room);
  /// What next() gave was the frame's last.
  bool is_last() const { return rest_.empty() && unit_.empty(); }

 private:
  size_t next_unit(std::span<uint8_t> room);

  PictureKind kind_;
  bool is_key_;
  bool is_first_ = true;
  std::span<const uint8_t> rest_;  // of the frame
  std::span<const uint8_t> unit_;  // of a unit that is sent in fragments, without its header
  uint8_t unit_header_ = 0;
};

}  // namespace nearend::codec
