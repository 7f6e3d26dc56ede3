#pragma once

#include <optional>
#include <vector>

#include "lab/capture.hpp"
#include "lab/wav.hpp"

namespace nearend::lab {

/// One RTP packet that crossed the network.
struct RtpSeen {
  int64_t entered_ns = 0;
  int64_t left_ns = 0;
  SiteId from = 0;
  SiteId to = 0;
  Endpoint source;
  Endpoint target;
  Fate fate = Fate::delivered;
  uint8_t payload_type = 0;
  bool is_marked = false;
  uint16_t sequence = 0;
  uint32_t timestamp = 0;
  uint32_t ssrc = 0;
  uint64_t content = 0;  ///< Hash of the payload: equal payloads, equal contents.
  std::vector<uint8_t> payload;

  bool has_arrived() const { return fate == Fate::delivered || fate == Fate::duplicate; }
  bool is_ulaw() const { return payload_type == 0; }
};

std::optional<RtpSeen> rtp_in(const Captured& packet);
/// All RTP packets between two sites (one direction), in the order of arrival.
std::vector<RtpSeen> rtp_between(const std::vector<Captured>& packets, SiteId from, SiteId to);

/// What an ear behind the packets hears: µ-law, a jitter buffer of `buffer_ms`, silence where nothing came in time.
/// `start_ns` is the arrival time of the first sample's packet.
struct Ear {
  int64_t start_ns = 0;
  Samples samples;
};
Ear listen(const std::vector<RtpSeen>& packets, int buffer_ms = 60);

}  // namespace nearend::lab
