// RTCP (RFC 3550 6): our own reports about each side, and what the far ends report.
#include <algorithm>
#include <cstdlib>

#include "media/engine.hpp"
#include "media/quality.hpp"
#include "rtp/rtcp_xr.hpp"

namespace nearend::media {
namespace {
constexpr std::chrono::milliseconds report_interval{5000};
constexpr std::chrono::milliseconds report_pace{700};  // to who asks for reports
}  // namespace

uint64_t Engine::ntp(io::Instant now) const {
  return rtp::ntp_of(wall_at_start_ns_ + std::chrono::duration_cast<std::chrono::nanoseconds>(now - start_).count());
}

void Engine::input_rtcp(Anchor& anchor, const Inlet& inlet, const Endpoint& from, std::span<uint8_t> datagram,
                        io::Instant now) {
  Port& port = *anchor.streams[inlet.stream].find(inlet.side);
  if (!port.is_bare && !enter(anchor, port, inlet, from, datagram, Protection::Kind::rtcp, now)) return;
  if (!port.gate.admit_rtcp(from)) {
    // The reports of a remote that has just been replaced are late, not foreign.
    ++(port.previous ? port.counters.late : port.counters.dropped_source);
    return;
  }
  if (inlet.side == Side::outer) {
    anchor.last_heard = now;
    if (anchor.is_silent) {
      anchor.is_silent = false;
      output_.tell(anchor.id, event::Resumed{});
    }
  }
  if (!port.is_opaque) {
    if (anchor.lent != 0) read_lent(anchor);  // What came before the report counts as come before it.
    read_reports(port, datagram, now);
    const bool is_wanted = std::exchange(port.is_report_wanted, false) && port.has_remote;
    if (is_wanted && now - port.reported >= report_pace) send_report(anchor, port, now);
    return;
  }
  constexpr size_t header_bytes = 4;  // The shortest RTCP packet (RFC 3550 6.1).
  if (datagram.size() < header_bytes || !rtp::is_rtcp(datagram)) {
    ++port.counters.dropped_malformed;
    return;
  }
  if (inlet.side == Side::outer) note_sender_clock(port, datagram);
  // SSRCs of opaque streams are kept end to end, so reports and picture requests pass as they are.
  Anchor* target = &anchor;
  Side side = inlet.side == Side::outer ? Side::inner : Side::outer;
  if (anchor.feed.kind == Path::Kind::bridge) {
    target = inlet.side == Side::outer ? find(anchor.feed.peer) : nullptr;
    side = Side::outer;
  }
  if (!target || !anchor.feed.is_passed_on() || inlet.stream >= target->streams.size()) return;
  Port* out = target->streams[inlet.stream].find(side);
  if (!out || !out->has_remote || !out->is_opaque || !out->may_send) return;
  if (const Endpoint to = out->gate.rtcp_target(); to.port != 0) send_rtcp(*out, to, datagram);
}

/// How the pictures of the stream that comes lie in the far end's time.
void Engine::note_sender_clock(Port& port, std::span<const uint8_t> datagram) {
  rtp::RtcpReader reader(datagram);
  while (const auto packet = reader.next()) {
    const auto sender = rtp::sender_info(*packet);
    const auto ssrc = rtp::rtcp_sender(*packet);
    if (sender && ssrc == port.remote_ssrc) port.sender_clock = {sender->ntp, sender->rtp_timestamp, *ssrc};
  }
}

void Engine::note_sent(Port& port, uint32_t sent) {
  constexpr uint32_t believable = 100'000;
  const auto in = static_cast<uint32_t>(port.counters.packets_in);
  if (port.sent_at_sr) {
    const uint32_t more = sent - *port.sent_at_sr;
    const auto missing = static_cast<int32_t>(more - (in - port.in_at_sr));
    if (more > 0 && more < believable && static_cast<uint32_t>(std::abs(missing)) <= more) {
      port.sent_between += more;
      port.missing_between += missing;
    }
  }
  port.sent_at_sr = sent;
  port.in_at_sr = in;
}

void Engine::note_round_trip(Port& port, double ms) {
  port.rtt_ms = static_cast<float>(ms);
  port.is_rtt_new = true;
}

void Engine::read_reports(Port& port, std::span<const uint8_t> datagram, io::Instant now) {
  rtp::RtcpReader reader(datagram);
  while (auto packet = reader.next()) {
    if (const auto sender = rtp::sender_info(*packet)) {
      port.sr_received_middle = static_cast<uint32_t>(sender->ntp >> 16);
      port.sr_received_at = now;
      if (rtp::rtcp_sender(*packet) == port.remote_ssrc) note_sent(port, sender->packets);
      port.sender_clock = {sender->ntp, sender->rtp_timestamp, rtp::rtcp_sender(*packet).value_or(0)};
    }
    read_extended(port, *packet, now);
    if (const auto asked = rtp::requested_report(*packet)) port.is_report_wanted |= *asked == port.out.ssrc();
    for (size_t i = 0; auto block = rtp::report_block(*packet, i); ++i) {
      if (block->ssrc != port.out.ssrc()) continue;
      port.remote_loss = static_cast<float>(block->fraction_lost) / 256;
      port.is_remote_loss_new = true;
      if (auto trip = rtp::round_trip_ms(*block, ntp(now))) note_round_trip(port, *trip);
    }
  }
  if (reader.is_broken()) ++port.counters.dropped_malformed;
}

/// What is said of our stream, and what asks for an answer (RFC 3611 4.4, 4.5, 4.7).
void Engine::read_extended(Port& port, const rtp::RtcpPacket& packet, io::Instant now) {
  rtp::XrReader reader(packet);
  while (const auto block = reader.next()) {
    if (const auto theirs = rtp::reference_time(*block)) {
      port.reference_received = static_cast<uint32_t>(*theirs >> 16);
      port.reference_received_at = now;
    }
    for (size_t i = 0; const auto delay = rtp::reference_delay(*block, i); ++i) {
      if (delay->ssrc != port.out.ssrc()) continue;
      if (const auto trip = rtp::round_trip_ms(*delay, ntp(now))) note_round_trip(port, *trip);
    }
    const auto heard = rtp::voip_metrics(*block);
    if (!heard || heard->ssrc != port.out.ssrc()) continue;
    if (heard->listening_score10 != rtp::VoipMetrics::unknown) port.remote_score10 = heard->listening_score10;
    if (heard->round_trip_ms != 0 && !port.rtt_ms) note_round_trip(port, heard->round_trip_ms);
  }
}

/// For a far end whose description asks for it.
void Engine::write_extended(rtp::RtcpWriter& writer, Port& port, io::Instant now) {
  const uint32_t ours = port.out.ssrc();
  if (port.wants_reference_time) rtp::write_reference_time(writer, ours, ntp(now));
  if (port.reference_received != 0) {
    const auto held = std::chrono::duration<double>(now - port.reference_received_at).count();
    rtp::write_reference_delay(writer, ours,
                               {.ssrc = port.remote_ssrc,
                                .last_reference = std::exchange(port.reference_received, 0),
                                .delay = static_cast<uint32_t>(held * 65536)});
  }
  if (!port.wants_voip_metrics || !port.receiver.has_begun()) return;
  StreamStats figures{.packets_in = port.counters.packets_in, .late = port.counters.late};
  figures.lost = static_cast<uint64_t>(std::max<int64_t>(0, port.receiver.lost()));
  figures.jitter_ms = port.receiver.jitter_ms(port.clock_rate);
  if (port.rtt_ms) figures.rtt_ms = *port.rtt_ms;
  const auto quality = quality_of(figures);
  if (!quality) return;
  const auto part = [&](uint64_t count) {
    const double all = static_cast<double>(figures.packets_in + figures.lost);
    return static_cast<uint8_t>(std::min(255.0, 256 * static_cast<double>(count) / all));
  };
  rtp::VoipMetrics heard{.ssrc = port.remote_ssrc, .loss = part(figures.lost), .discard = part(figures.late)};
  heard.round_trip_ms = static_cast<uint16_t>(figures.rtt_ms.value_or(0));
  heard.end_system_ms = static_cast<uint16_t>(port.ptime_ms + 2 * figures.jitter_ms);
  heard.rating = static_cast<uint8_t>(std::clamp(quality->rating, 0.0, 100.0));
  heard.listening_score10 = static_cast<uint8_t>(quality->score * 10);
  heard.conversation_score10 = heard.listening_score10;
  rtp::write_voip_metrics(writer, ours, heard);
}

void Engine::request_picture(Port& source, uint32_t ssrc) {
  const Endpoint to = source.gate.rtcp_target();
  if (to.port == 0 || !source.may_send) return;
  std::array<uint8_t, 32> buffer;
  rtp::RtcpWriter writer(buffer);
  writer.receiver_report(source.out.ssrc(), {});
  writer.picture_loss(source.out.ssrc(), ssrc);
  send_rtcp(source, to, {buffer.data(), writer.size()});
}

/// Holes in what another node passes on may be of the ways before it: its own count tells, soon.
void Engine::request_report(Port& port) {
  const Endpoint to = port.gate.rtcp_target();
  if (to.port == 0 || port.remote_ssrc == 0) return;
  std::array<uint8_t, 32> buffer;
  rtp::RtcpWriter writer(buffer);
  writer.receiver_report(port.out.ssrc(), {});
  writer.report_request(port.out.ssrc(), port.remote_ssrc);
  send_rtcp(port, to, {buffer.data(), writer.size()});
}

/// Stays for the life of the leg, tells nothing about us, and is the same for all its streams (RFC 7022).
void Engine::write_name(rtp::RtcpWriter& writer, const Anchor& anchor, const Port& port) const {
  std::array<char, 20> name;
  const auto end =
      fmt::format_to_n(name.begin(), name.size(), "{:016x}", static_cast<uint64_t>(anchor.id) ^ start_hash_);
  writer.cname(port.out.ssrc(), {name.data(), std::min(end.size, name.size())});
}

void Engine::send_report(Anchor& anchor, Port& port, io::Instant now) {
  // RFC 3550 6.2: between a half and one and a half of the interval, so that the legs of a region do not fall into
  // step.
  port.next_report = now + report_interval / 2 + report_interval * static_cast<int>(random() % 1000) / 1000;
  port.reported = now;
  const Endpoint to = port.gate.rtcp_target();
  if (to.port == 0 || (!port.out.has_sent() && !port.receiver.has_begun())) return;
  rtp::ReportBlock block;
  size_t blocks = 0;
  if (port.receiver.has_begun()) {
    blocks = 1;
    block.ssrc = port.remote_ssrc;
    block.fraction_lost = port.receiver.take_fraction_lost();
    block.cumulative_lost = static_cast<int32_t>(std::clamp<int64_t>(port.receiver.lost(), -0x800000, 0x7fffff));
    block.extended_highest = port.receiver.extended_highest();
    block.jitter = port.receiver.jitter_ticks();
    block.last_sr = port.sr_received_middle;
    if (block.last_sr)
      block.delay_since_sr =
          static_cast<uint32_t>(std::chrono::duration<double>(now - port.sr_received_at).count() * 65536);
  }
  std::array<uint8_t, 256> buffer;
  rtp::RtcpWriter writer(buffer);
  const std::span<const rtp::ReportBlock> all(&block, blocks);
  if (port.counters.packets_out > port.packets_at_report) {
    const rtp::SenderInfo info{.ntp = ntp(now),
                               .rtp_timestamp = port.out.timestamp_at(now),
                               .packets = static_cast<uint32_t>(port.counters.packets_out),
                               .octets = static_cast<uint32_t>(port.counters.octets_out)};
    writer.sender_report(port.out.ssrc(), info, all);
  } else {
    writer.receiver_report(port.out.ssrc(), all);
  }
  port.packets_at_report = port.counters.packets_out;
  write_name(writer, anchor, port);
  write_extended(writer, port, now);
  send_rtcp(port, to, {buffer.data(), writer.size()});
}

}  // namespace nearend::media
