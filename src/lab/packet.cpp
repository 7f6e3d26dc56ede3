#include "lab/packet.hpp"

namespace nearend::lab {
namespace {

constexpr uint8_t protocol_tcp = 6;
constexpr uint8_t protocol_udp = 17;

uint16_t u16(std::span<const uint8_t> bytes, size_t at) {
  return static_cast<uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}
uint32_t u32(std::span<const uint8_t> bytes, size_t at) {
  return uint32_t{u16(bytes, at)} << 16 | u16(bytes, at + 2);
}

struct IpView {
  uint32_t from = 0;
  uint32_t to = 0;
  std::span<const uint8_t> payload;
};

// Fragments are left out: what the lab measures fits the MTU.
std::optional<IpView> read_ip(std::span<const uint8_t> packet, uint8_t protocol) {
  if (packet.size() < 20 || packet[0] >> 4 != 4 || packet[9] != protocol) return {};
  const size_t head = (size_t{packet[0]} & 0x0f) * 4;
  const size_t total = u16(packet, 2);
  if (head < 20 || total < head || total > packet.size() || (u16(packet, 6) & 0x1fff) != 0) return {};
  return IpView{u32(packet, 12), u32(packet, 16), packet.subspan(head, total - head)};
}

}  // namespace

std::optional<UdpView> read_udp(std::span<const uint8_t> packet) {
  const auto ip = read_ip(packet, protocol_udp);
  if (!ip || ip->payload.size() < 8) return {};
  return UdpView{{IpAddress::v4(ip->from), u16(ip->payload, 0)},
                 {IpAddress::v4(ip->to), u16(ip->payload, 2)},
                 ip->payload.subspan(8)};
}

std::optional<TcpView> read_tcp(std::span<const uint8_t> packet) {
  const auto ip = read_ip(packet, protocol_tcp);
  if (!ip || ip->payload.size() < 20) return {};
  const size_t head = (size_t{ip->payload[12]} >> 4) * 4;
  if (head < 20 || head > ip->payload.size()) return {};
  return TcpView{{IpAddress::v4(ip->from), u16(ip->payload, 0)},
                 {IpAddress::v4(ip->to), u16(ip->payload, 2)},
                 u32(ip->payload, 4),
                 (ip->payload[13] & 0x02) != 0,
                 ip->payload.subspan(head)};
}

std::optional<rtp::Packet> read_rtp(std::span<const uint8_t> datagram) {
  if (rtp::is_rtcp(datagram)) return {};
  return rtp::parse_packet(datagram);
}

std::string_view as_text(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace nearend::lab
