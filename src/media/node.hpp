#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ip.hpp"
#include "base/result.hpp"

namespace nearend::media {

/// The settings of one media node, in a gateway's process or apart.
struct NodeSettings {
  IpAddress bind_outer = IpAddress::loopback();  ///< Where RTP from endpoints and carriers is received.
  IpAddress bind_inner = IpAddress::loopback();  ///< Where RTP from other gateways and routers' nodes is received.
  std::optional<IpAddress> bind_outer_v6;        ///< The same for endpoints on IPv6; none: refused.
  std::optional<IpAddress> advertised_outer;     ///< Written in SDP instead of bind_outer (one-to-one NAT).
  std::optional<IpAddress> advertised_inner;     ///< Written in SDP instead of bind_inner.
  std::optional<IpAddress> advertised_outer_v6;  ///< Written in SDP instead of bind_outer_v6.
  uint16_t port_first = 20000;                   ///< First UDP port; each stream of a side takes two.
  uint16_t port_last = 29999;                    ///< Last UDP port. Keep clear of net.ipv4.ip_local_port_range.
  std::string recordings = "recordings";         ///< Directory of recordings, made when missing.
  std::string cache;                             ///< Directory of fetched and spoken sound; empty: memory only.
  uint64_t cache_bytes = 64u << 20;              ///< Decoded sound kept in memory.
  bool may_reach_internal = false;               ///< Fetch sound from private and loopback addresses too (labs only).
  std::vector<std::string> capabilities{"bridge",  "play", "tts",   "record",
                                        "collect", "mix",  "stream"};  ///< What this node takes on.
  uint32_t anchors_max = 2000;      ///< Legs at a time; above it allocate answers unavailable.
  uint32_t recorders_max = 500;     ///< Recordings at a time; above it they are refused.
  uint32_t streams_max = 200;       ///< WebSockets to engines at a time.
  uint32_t cores = 1;               ///< Media threads; the legs of a call are on one of them.
  uint32_t workers = 2;             ///< Threads for speech, decoding and files.
  std::string tone_country = "us";  ///< Whose ringback, busy, congestion and dial are sent where none is named.
  std::string tiers = "auto";       ///< What relays, see may_use_*(): "auto", "kernel", "range" or "sockets".
  uint32_t awake_from = 8000;       ///< Packets a second of a media thread from which cores do not sleep; 0: never.

  /// Plain speech in the kernel; all ports of a media thread at one socket. Where rights and the system allow.
  bool may_use_range() const { return tiers == "auto" || tiers == "range"; }
  bool may_use_kernel() const { return tiers == "auto" || tiers == "kernel"; }
  /// The first setting that cannot work, by name.
  Result<void> checked() const;
};

}  // namespace nearend::media
