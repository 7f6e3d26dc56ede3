#include "lab/rtp_trace.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "lab/packet.hpp"
#include "rtp/g711.hpp"

namespace nearend::lab {

std::optional<RtpSeen> rtp_in(const Captured& packet) {
  const auto udp = read_udp(packet.packet);
  const auto rtp = udp ? read_rtp(udp->payload) : std::nullopt;
  if (!rtp || rtp->payload.empty()) return {};
  RtpSeen out{.entered_ns = packet.entered_ns,
              .left_ns = packet.left_ns,
              .from = packet.from,
              .to = packet.to,
              .source = udp->from,
              .target = udp->to,
              .fate = packet.fate,
              .payload_type = rtp->payload_type,
              .is_marked = rtp->marker,
              .sequence = rtp->sequence,
              .timestamp = rtp->timestamp,
              .ssrc = rtp->ssrc};
  out.content = std::hash<std::string_view>{}(as_text(rtp->payload));
  out.payload.assign(rtp->payload.begin(), rtp->payload.end());
  return out;
}

std::vector<RtpSeen> rtp_between(const std::vector<Captured>& packets, SiteId from, SiteId to) {
  std::vector<RtpSeen> out;
  for (const Captured& packet : packets) {
    if (packet.from != from || packet.to != to) continue;
    if (auto rtp = rtp_in(packet)) out.push_back(std::move(*rtp));
  }
  return out;
}

Ear listen(const std::vector<RtpSeen>& packets, int buffer_ms) {
  Ear ear;
  bool is_begun = false;
  int64_t base = 0;  // samples from the start to timestamp 0 of the current stream
  uint32_t ssrc = 0;
  for (const RtpSeen& packet : packets) {
    if (!packet.has_arrived() || !packet.is_ulaw()) continue;
    const int64_t arrival = is_begun ? (packet.left_ns - ear.start_ns) * sample_rate / 1'000'000'000 : 0;
    if (!is_begun) ear.start_ns = packet.left_ns;
    if (!is_begun || packet.ssrc != ssrc) base = arrival - int64_t{packet.timestamp};
    is_begun = true;
    ssrc = packet.ssrc;
    int64_t place = base + int64_t{packet.timestamp};
    const int64_t lateness = arrival - place;
    if (lateness > int64_t{buffer_ms} * sample_rate / 1000) continue;  // too late to be played
    // A timestamp that runs away from the clock (a source that was replaced) begins anew, as real buffers do.
    if (lateness < -2 * sample_rate) {
      base = arrival - int64_t{packet.timestamp};
      place = arrival;
    }
    if (place < 0) continue;
    const size_t end = static_cast<size_t>(place) + packet.payload.size();
    if (ear.samples.size() < end) ear.samples.resize(end, 0);
    for (size_t i = 0; i < packet.payload.size(); ++i) {
      ear.samples[static_cast<size_t>(place) + i] = rtp::decode_ulaw(packet.payload[i]);
    }
  }
  return ear;
}

}  // namespace nearend::lab
