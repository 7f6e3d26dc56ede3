#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/ip.hpp"

namespace nearend::media {

/// All about one media node, in a role's process or apart. Plain values.
struct NodeSettings {
  IpAddress outer_address = IpAddress::loopback();  ///< Bound towards endpoints.
  IpAddress inner_address = IpAddress::loopback();  ///< Bound towards gateways and routers.
  std::string outer_advertised;                     ///< In SDP instead of outer_address, when they differ (NAT).
  std::string inner_advertised;                     ///< The same for the inner side.
  uint16_t port_first = 20'000;  ///< Media ports, even RTP and odd RTCP; outside the system's own range.
  uint16_t port_last = 29'999;
  std::chrono::milliseconds port_quarantine{3'000};  ///< A freed port rests this long.
  uint32_t anchors_max = 5'000;                      ///< Above it allocation is refused.
  uint32_t cores = 1;                                ///< Media threads; both legs of a call on one of them.
  std::vector<std::string> capabilities{"bridge", "play", "tts", "record", "collect"};  ///< What is offered here.
  std::string recordings_directory;  ///< Where recordings are written; empty: recording is not offered.
  std::string cache_directory;       ///< Of fetched prompts; empty: kept in memory only.
  bool may_reach_internal = false;   ///< Lets prompt URLs reach private addresses (threat TH19): labs only.
};

}  // namespace nearend::media
