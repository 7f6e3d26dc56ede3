#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/ip.hpp"
#include "rtp/packet.hpp"

namespace nearend::lab {

/// One UDP datagram inside an IPv4 packet. The payload points into the packet.
struct UdpView {
  Endpoint from;
  Endpoint to;
  std::span<const uint8_t> payload;
};
std::optional<UdpView> read_udp(std::span<const uint8_t> packet);

/// One TCP segment inside an IPv4 packet.
struct TcpView {
  Endpoint from;
  Endpoint to;
  uint32_t sequence = 0;
  bool is_syn = false;
  std::span<const uint8_t> payload;
};
std::optional<TcpView> read_tcp(std::span<const uint8_t> packet);

/// The datagram as RTP; nothing for RTCP and whatever else is no RTP.
std::optional<rtp::Packet> read_rtp(std::span<const uint8_t> datagram);

std::string_view as_text(std::span<const uint8_t> bytes);

}  // namespace nearend::lab
