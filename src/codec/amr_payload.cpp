#include "codec/amr_payload.hpp"

#include <algorithm>

namespace nearend::codec::amr {
namespace {

/// Reads and writes fields of some bits, the highest first.
class BitReader {
 public:
  explicit BitReader(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  size_t left() const { return bytes_.size() * 8 - at_; }
  uint32_t take(size_t count) {
    uint32_t value = 0;
    for (; count > 0; --count, ++at_) value = value << 1 | (bytes_[at_ / 8] >> (7 - at_ % 8) & 1u);
    return value;
  }
  void align() { at_ = (at_ + 7) / 8 * 8; }

 private:
  std::span<const uint8_t> bytes_;
  size_t at_ = 0;
};

class BitWriter {
 public:
  explicit BitWriter(std::span<uint8_t> bytes) : bytes_(bytes) {}
  void put(uint32_t value, size_t count) {
    for (; count > 0; --count, ++at_) {
      if (at_ % 8 == 0) bytes_[at_ / 8] = 0;
      bytes_[at_ / 8] = static_cast<uint8_t>(bytes_[at_ / 8] | (value >> (count - 1) & 1u) << (7 - at_ % 8));
    }
  }
  void align() { put(0, (8 - at_ % 8) % 8); }
  size_t bytes() const { return (at_ + 7) / 8; }

 private:
  std::span<uint8_t> bytes_;
  size_t at_ = 0;
};

bool has_frame(uint8_t type) {
  return type != nothing_type;
}

Outcome<bool> read_table(BitReader& bits, Payload& payload, bool is_octet_aligned) {
  for (bool has_more = true; has_more;) {
    if (bits.left() < 6) return std::unexpected(Fault::truncated);
    if (payload.count == frames_max) return std::unexpected(Fault::oversized);
    Frame& frame = payload.frames[payload.count++];
    has_more = bits.take(1) != 0;
    frame.type = static_cast<uint8_t>(bits.take(4));
    frame.is_good = bits.take(1) != 0;
    if (is_octet_aligned) bits.align();
    if (has_frame(frame.type) && !bits_of(frame.type)) return std::unexpected(Fault::malformed);
  }
  return true;
}

}  // namespace

std::optional<size_t> bits_of(uint8_t type) {
  static constexpr std::array<uint8_t, 9> bits{95, 103, 118, 134, 148, 159, 204, 244, 39};  // RFC 4867, table 1
  if (type < bits.size()) return bits[type];
  return std::nullopt;
}

Outcome<Payload> unpack(std::span<const uint8_t> bytes, bool is_octet_aligned) {
  Payload payload;
  BitReader bits(bytes);
  if (bits.left() < 8) return std::unexpected(Fault::truncated);
  payload.request = static_cast<uint8_t>(bits.take(4));
  if (payload.request > 7) payload.request = no_request;
  if (is_octet_aligned) bits.align();
  if (const auto table = read_table(bits, payload, is_octet_aligned); !table) return std::unexpected(table.error());
  for (size_t i = 0; i < payload.count; ++i) {
    Frame& frame = payload.frames[i];
    if (!has_frame(frame.type)) continue;
    size_t left = *bits_of(frame.type);
    if (bits.left() < left) return std::unexpected(Fault::truncated);
    for (size_t at = 0; left > 0; ++at) {
      const size_t some = std::min<size_t>(left, 8);
      frame.bits[at] = static_cast<uint8_t>(bits.take(some) << (8 - some));
      left -= some;
    }
    if (is_octet_aligned) bits.align();
  }
  if (bits.left() >= 8) return std::unexpected(Fault::malformed);  // more than padding
  return payload;
}

Outcome<size_t> pack(const Payload& payload, bool is_octet_aligned, std::span<uint8_t> out) {
  if (out.size() < 2 + payload.count * 32) return std::unexpected(Fault::no_room);
  BitWriter bits(out);
  bits.put(payload.request, 4);
  if (is_octet_aligned) bits.align();
  for (size_t i = 0; i < payload.count; ++i) {
    bits.put(i + 1 < payload.count, 1);
    bits.put(payload.frames[i].type, 4);
    bits.put(payload.frames[i].is_good, 1);
    if (is_octet_aligned) bits.align();
  }
  for (size_t i = 0; i < payload.count; ++i) {
    const Frame& frame = payload.frames[i];
    if (!has_frame(frame.type)) continue;
    size_t left = bits_of(frame.type).value_or(0);
    for (size_t at = 0; left > 0; ++at) {
      const size_t some = std::min<size_t>(left, 8);
      bits.put(frame.bits[at] >> (8 - some), some);
      left -= some;
    }
    if (is_octet_aligned) bits.align();
  }
  return bits.bytes();
}

}  // namespace nearend::codec::amr
