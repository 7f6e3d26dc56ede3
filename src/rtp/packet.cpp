#include "rtp/packet.hpp"

#include <cstring>

namespace nearend::rtp {

std::optional<Packet> parse_packet(Bytes datagram) {
  if (datagram.size() < fixed_header_size || datagram[0] >> 6 != 2) return std::nullopt;
  size_t begin = fixed_header_size + (datagram[0] & 0x0f) * size_t{4};
  if (datagram[0] & 0x10) {  // header extension, RFC 3550 5.3.1
    if (datagram.size() < begin + 4) return std::nullopt;
    begin += 4 + read16(&datagram[begin + 2]) * size_t{4};
  }
  if (datagram.size() < begin) return std::nullopt;
  size_t end = datagram.size();
  if (datagram[0] & 0x20) {
    const size_t padding = datagram[end - 1];
    if (padding == 0 || padding > end - begin) return std::nullopt;
    end -= padding;
  }
  Packet packet;
  packet.marker = datagram[1] & 0x80;
  packet.payload_type = datagram[1] & 0x7f;
  packet.sequence = read16(&datagram[2]);
  packet.timestamp = read32(&datagram[4]);
  packet.ssrc = read32(&datagram[8]);
  packet.payload = datagram.subspan(begin, end - begin);
  return packet;
}

bool is_rtcp(Bytes datagram) {
  return datagram.size() >= 2 && datagram[0] >> 6 == 2 && datagram[1] >= 192 && datagram[1] <= 223;
}

void rewrite_header(uint8_t* datagram, const Packet& header) {
  datagram[1] = static_cast<uint8_t>((header.marker ? 0x80 : 0) | header.payload_type);
  write16(datagram + 2, header.sequence);
  write32(datagram + 4, header.timestamp);
  write32(datagram + 8, header.ssrc);
}

size_t write_packet(std::span<uint8_t> out, const Packet& packet) {
  const size_t size = fixed_header_size + packet.payload.size();
  if (out.size() < size) return 0;
  out[0] = 0x80;
  rewrite_header(out.data(), packet);
  if (!packet.payload.empty())
    std::memcpy(out.data() + fixed_header_size, packet.payload.data(), packet.payload.size());
  return size;
}

}  // namespace nearend::rtp
