#pragma once

#include <memory>
#include <span>
#include <vector>

#include "io/loop.hpp"
#include "media/control.hpp"
#include "media/packet_ring.hpp"

namespace nearend::media {

/// One datagram at one port of a leg, as a tap sees it.
struct Crossing {
  uint8_t stream = 0;
  Side side = Side::outer;
  bool is_in = true;  ///< It came from the far end; else it goes there.
  bool is_at_rtcp_port = false;
  bool is_on_line = false;  ///< As on the line: SRTP where the far end speaks it.
  bool is_refused = false;  ///< Not authenticated, or a handshake: for a look, not for a listener.
  Endpoint far_end;
};

/// A tap at work: a fork, a ring of the newest packets, or both. One thread.
class WireTap {
 public:
  /// `ours`: the leg's own addresses, for the capture.
  WireTap(JobId job, const TapRequest& request, std::vector<AnchorInfo::StreamPorts> ours);
  JobId job() const { return job_; }
  /// Keeps it in the ring if the tap has one and wants it like that.
  void keep(const Crossing& crossing, std::span<const uint8_t> datagram, int64_t wall_us);
  /// Where RTP like this is to be sent as well; port 0: nowhere.
  Endpoint fork_of(const Crossing& crossing) const;
  /// The ring so far; `fresh` goes on in its place.
  std::unique_ptr<PacketRing> take_ring(std::unique_ptr<PacketRing> fresh);

 private:
  JobId job_;
  TapRequest request_;
  std::vector<AnchorInfo::StreamPorts> ours_;
  std::unique_ptr<PacketRing> ring_;
};

/// All taps of a leg.
using WireTaps = std::vector<std::unique_ptr<WireTap>>;

}  // namespace nearend::media
