// SRTP on the packet path: after the address and before anything is learned; after continuity and before the socket.
#include <array>

#include "media/datagrams.hpp"
#include "media/engine.hpp"

namespace nearend::media {

void Engine::set_protection(Port& port, const Remote& remote, io::Instant now) {
  if (!port.protection && (remote.srtp || remote.dtls)) port.protection = std::make_unique<Protection>();
  port.set_bare();
  if (!port.protection) return;
  port.protection->set(remote, now);
  send_handshake(port, port.gate.rtp_target());
}

/// RFC 5764 5.1.2. Handshakes are rare: they may take memory and time.
void Engine::shake(Anchor& anchor, Port& port, const Endpoint& from, std::span<const uint8_t> datagram,
                   io::Instant now) {
  if (!may_be_far_end(port, from)) {
    ++port.counters.dropped_source;
    return;
  }
  port.protection->shake(datagram, now);
  send_handshake(port, from);
  activate(anchor);
}

void Engine::send_handshake(Port& port, const Endpoint& to) {
  for (const auto& datagram : port.protection->take_handshake())
    if (to.port != 0) output_.send(port.rtp_socket, to, datagram);
}

void Engine::tick_handshake(Port& port, io::Instant now) {
  port.protection->tick(now);
  send_handshake(port, port.gate.rtp_target());
}

bool Engine::may_be_far_end(const Port& port, const Endpoint& from) {
  return port.gate.may_admit(from) || (port.previous && port.previous->gate.may_admit(from));
}

bool Engine::unprotect(Anchor& anchor, Port& port, const Endpoint& from, std::span<uint8_t>& datagram,
                       Protection::Kind kind, io::Instant now) {
  if (port.protection->is_over(now)) {
    port.protection.reset();
    port.set_bare();
    return true;
  }
  if (port.protection->has_dtls() && srtp::demultiplex(datagram) == srtp::Demultiplexed::dtls) {
    shake(anchor, port, from, datagram, now);
    return false;
  }
  if (!may_be_far_end(port, from)) {
    ++port.counters.dropped_source;
    return false;
  }
  if (port.protection->open(datagram, kind, now)) return true;
  ++port.counters.dropped_srtp;
  return false;
}

void Engine::send_protected(Anchor& anchor, Port& port, Side side, std::span<const uint8_t> packet, io::Instant now) {
  if (!port.protection->is_required()) {
    if (port.wire_taps) show_leaving(port, port.gate.rtp_target(), packet, Protection::Kind::rtp, true);
    return transmit(anchor, port, side, packet, now);
  }
  if (!port.may_send || port.gate.rtp_target().port == 0) return;
  std::array<uint8_t, datagram_size_max + srtp::trailer_max> room;
  const auto sealed = port.protection->seal(packet, room, Protection::Kind::rtp);
  if (sealed.empty()) {
    ++port.counters.dropped_srtp;
    return;
  }
  if (port.wire_taps) show_leaving(port, port.gate.rtp_target(), sealed, Protection::Kind::rtp, true);
  transmit(anchor, port, side, sealed, now);
  port.counters.octets_out -= sealed.size() - packet.size();
}

void Engine::send_rtcp(Port& port, const Endpoint& to, std::span<const uint8_t> packet) {
  const Socket socket = port.gate.is_rtcp_mux() ? port.rtp_socket : port.rtcp_socket;
  if (port.wire_taps) show_leaving(port, to, packet, Protection::Kind::rtcp, false);
  if (!port.protection || !port.protection->is_required()) {
    if (port.wire_taps) show_leaving(port, to, packet, Protection::Kind::rtcp, true);
    return output_.send(socket, to, packet);
  }
  // A port of its own would want an association of its own (RFC 5764 4).
  if (port.protection->has_dtls() && !port.gate.is_rtcp_mux()) return;
  std::array<uint8_t, datagram_size_max + srtp::trailer_max> room;
  const auto sealed = port.protection->seal(packet, room, Protection::Kind::rtcp);
  if (sealed.empty()) return;
  if (port.wire_taps) show_leaving(port, to, sealed, Protection::Kind::rtcp, true);
  output_.send(socket, to, sealed);
}

}  // namespace nearend::media
