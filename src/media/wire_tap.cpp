#include "media/wire_tap.hpp"

#include <utility>

namespace nearend::media {

WireTap::WireTap(JobId job, const TapRequest& request, std::vector<AnchorInfo::StreamPorts> ours)
    : job_(job), request_(request), ours_(std::move(ours)) {
  if (request.capture_bytes > 0) ring_ = std::make_unique<PacketRing>(request.capture_bytes);
}

void WireTap::keep(const Crossing& crossing, std::span<const uint8_t> datagram, int64_t wall_us) {
  if (!ring_ || crossing.is_on_line != request_.is_as_on_line || crossing.stream >= ours_.size()) return;
  Endpoint ours = crossing.side == Side::outer ? ours_[crossing.stream].outer : ours_[crossing.stream].inner;
  if (crossing.is_at_rtcp_port) ++ours.port;
  ring_->add(wall_us, crossing.is_in ? crossing.far_end : ours, crossing.is_in ? ours : crossing.far_end, datagram);
}

Endpoint WireTap::fork_of(const Crossing& crossing) const {
  if (crossing.stream != 0 || crossing.side != Side::outer || crossing.is_on_line || crossing.is_refused) return {};
  return crossing.is_in ? request_.in : request_.out;
}

std::unique_ptr<PacketRing> WireTap::take_ring(std::unique_ptr<PacketRing> fresh) {
  return ring_ ? std::exchange(ring_, std::move(fresh)) : nullptr;
}

}  // namespace nearend::media
