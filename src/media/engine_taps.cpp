// Ports whose packets are more than relayed: SRTP on the line, a tap beside it.
#include <algorithm>
#include <array>

#include "media/datagrams.hpp"
#include "media/engine.hpp"
#include "rtp/packet.hpp"

namespace nearend::media {

void Engine::tap(AnchorId id, std::unique_ptr<WireTap> tap, io::Instant now) {
  Anchor* anchor = find(id);
  if (!anchor) return;
  take_back(*anchor, now);
  if (!anchor->wire_taps) anchor->wire_taps = std::make_unique<WireTaps>();
  anchor->wire_taps->push_back(std::move(tap));
  set_taps(*anchor);
}

std::unique_ptr<PacketRing> Engine::capture(AnchorId id, JobId job, std::unique_ptr<PacketRing> fresh) {
  const Anchor* anchor = find(id);
  if (!anchor || !anchor->wire_taps) return nullptr;
  const auto found = std::ranges::find(*anchor->wire_taps, job, &WireTap::job);
  return found == anchor->wire_taps->end() ? nullptr : (*found)->take_ring(std::move(fresh));
}

/// The leg may go back to the kernel by itself.
void Engine::end_tap(Anchor& anchor, JobId job) {
  if (!anchor.wire_taps || std::erase_if(*anchor.wire_taps, [&](const auto& tap) { return tap->job() == job; }) == 0)
    return;
  if (anchor.wire_taps->empty()) anchor.wire_taps.reset();
  set_taps(anchor);
}

void Engine::set_taps(Anchor& anchor) {
  for (Stream& stream : anchor.streams) {
    for (Port* port : stream.ports()) {
      port->wire_taps = anchor.wire_taps.get();
      port->set_bare();
    }
  }
}

bool Engine::enter(Anchor& anchor, Port& port, const Inlet& inlet, const Endpoint& from, std::span<uint8_t>& datagram,
                   Protection::Kind kind, io::Instant now) {
  Crossing crossing{.stream = inlet.stream,
                    .side = inlet.side,
                    .is_at_rtcp_port = inlet.is_rtcp,
                    .is_on_line = true,
                    .far_end = from};
  shown_at_ = now;
  std::array<uint8_t, datagram_size_max> copy;  // what is refused has been written over
  std::span<uint8_t> as_it_came;
  if (port.wire_taps) {
    show(port, crossing, datagram);
    as_it_came = std::span(copy).first(std::min(datagram.size(), copy.size()));
    std::copy_n(datagram.begin(), as_it_came.size(), as_it_came.begin());
  }
  crossing.is_refused = port.protection && !unprotect(anchor, port, from, datagram, kind, now);
  crossing.is_on_line = false;
  if (port.wire_taps) show(port, crossing, crossing.is_refused ? as_it_came : datagram);
  return !crossing.is_refused;
}

void Engine::send_with_care(Anchor& anchor, Port& port, Side side, std::span<const uint8_t> packet, io::Instant now) {
  shown_at_ = now;
  const Endpoint to = port.gate.rtp_target();
  const bool is_shown = port.wire_taps && port.may_send && to.port != 0;
  if (is_shown) show_leaving(port, to, packet, Protection::Kind::rtp, false);
  if (port.protection) return send_protected(anchor, port, side, packet, now);
  if (is_shown) show_leaving(port, to, packet, Protection::Kind::rtp, true);
  transmit(anchor, port, side, packet, now);
}

void Engine::show_leaving(Port& port, const Endpoint& to, std::span<const uint8_t> packet, Protection::Kind kind,
                          bool is_on_line) {
  const Crossing crossing{.stream = port.place.stream,
                          .side = port.place.side,
                          .is_in = false,
                          .is_at_rtcp_port = kind == Protection::Kind::rtcp && !port.gate.is_rtcp_mux(),
                          .is_on_line = is_on_line,
                          .far_end = to};
  show(port, crossing, packet);
}

/// What strangers send is seen in a capture, and in no fork.
void Engine::show(Port& port, const Crossing& crossing, std::span<const uint8_t> datagram) {
  const int64_t since_us = std::chrono::duration_cast<std::chrono::microseconds>(shown_at_ - start_).count();
  for (const auto& tap : *port.wire_taps) {
    tap->keep(crossing, datagram, wall_at_start_ns_ / 1000 + since_us);
    const Endpoint to = tap->fork_of(crossing);
    if (to.port == 0 || rtp::is_rtcp(datagram) || (crossing.is_in && !may_be_far_end(port, crossing.far_end))) continue;
    if (rtp::parse_packet(datagram)) output_.send(port.rtp_socket, to, datagram);
  }
}

}  // namespace nearend::media
