#include "media/engine.hpp"

#include <algorithm>

#include "telemetry/metrics.hpp"

namespace nearend::media {

Engine::Engine(const Start& start, EngineOutput& output, Worker& worker)
    : output_(output),
      worker_(worker),
      start_(start.now),
      wall_at_start_ns_(std::chrono::duration_cast<std::chrono::nanoseconds>(start.wall.time_since_epoch()).count()),
      random_state_(start.seed),
      start_hash_(random()),
      last_source_(uint64_t{start.index} << 48) {
  random_state_ += start.index * 0x632be59bd9b4e019u;
  active_.reserve(64);
}
Engine::~Engine() = default;

uint64_t Engine::random() {  // splitmix64: numbers for SSRCs and report intervals, not secrets that must resist
  uint64_t z = (random_state_ += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

Anchor* Engine::find(AnchorId id) {
  const uint32_t slot = slot_of(id);
  if (id == AnchorId::none || slot >= anchors_.size() || !anchors_[slot] || anchors_[slot]->id != id) return nullptr;
  return anchors_[slot].get();
}

Port Engine::make_port() {
  const uint64_t bits = random();
  Port port(static_cast<uint32_t>(bits >> 32), static_cast<uint16_t>(bits & 0x7fff), static_cast<uint32_t>(random()));
  port.source = next_source();
  return port;
}

void Engine::begin_source(Port& port) {
  port.source = next_source();
  port.counters.lost_before += port.receiver.lost();
  port.receiver.restart();
  port.sent_at_sr.reset();
}

void Engine::activate(Anchor& anchor) {
  if (anchor.is_active) return;
  anchor.is_active = true;
  active_.push_back(anchor.id);
}

void Engine::add(AnchorId id, std::span<const StreamSockets> streams, bool has_inner, io::Instant now) {
  const uint32_t slot = slot_of(id);
  make_room(slot);
  auto anchor = std::make_unique<Anchor>();
  anchor->id = id;
  anchor->own_source = next_source();
  anchor->last_heard = now;
  anchor->early = std::make_unique<EarlyPackets>();
  anchor->streams.reserve(streams.size());
  for (const StreamSockets& sockets : streams) {
    Stream stream{sockets.kind, make_port(), has_inner ? std::make_unique<Port>(make_port()) : nullptr};
    for (Port* port : stream.ports()) {
      const bool is_outer = port == &stream.outer;
      port->is_opaque = sockets.kind != StreamKind::audio;
      port->place = {static_cast<uint8_t>(anchor->streams.size()), is_outer ? Side::outer : Side::inner};
      port->rtp_socket = is_outer ? sockets.outer_rtp : sockets.inner_rtp;
      port->rtcp_socket = is_outer ? sockets.outer_rtcp : sockets.inner_rtcp;
    }
    anchor->streams.push_back(std::move(stream));
  }
  if (!anchors_[slot]) ++anchor_count_;
  anchors_[slot] = std::move(anchor);
}

void Engine::remove(AnchorId id, io::Instant now) {
  Anchor* anchor = find(id);
  if (!anchor) return;
  take_back(*anchor, now);
  end_jobs(*anchor, now);
  leave_room(*anchor);
  leave_bridge(*anchor, Path{}, now);
  for (Stream& stream : anchor->streams) {
    for (Port* port : stream.ports()) {
      count_totals(*port);
      const Endpoint to = port->gate.rtcp_target();
      if (port->is_opaque || !port->out.has_sent() || to.port == 0 || !port->may_send) continue;
      std::array<uint8_t, 128> buffer;
      rtp::RtcpWriter writer(buffer);
      writer.receiver_report(port->out.ssrc(), {});
      writer.bye(port->out.ssrc());
      send_rtcp(*port, to, {buffer.data(), writer.size()});
    }
  }
  anchors_[slot_of(id)].reset();
  --anchor_count_;
}

void Engine::set_remote(AnchorId id, Side side, const Remote& remote, io::Instant now) {
  Anchor* anchor = find(id);
  if (!anchor || remote.stream >= anchor->streams.size()) return;
  Port* const found = anchor->streams[remote.stream].find(side);
  if (!found) return;
  Port& port = *found;
  take_back(*anchor, now);
  const bool has_moved = !port.has_remote || port.gate.described() != remote.rtp;
  if (has_moved && port.has_remote && port.has_first_packet && remote.rtp.port != 0) {
    auto previous = std::make_unique<PreviousRemote>();
    previous->gate = std::move(port.gate);
    previous->source = port.source;
    previous->since = now;
    previous->accepted_until = now + old_remote_for;
    previous->kept_until = now + old_remote_for + event_hold;
    // What is protected for the one is noise for the other.
    previous->is_fed = side == Side::inner && !port.protection && !remote.srtp && !remote.dtls;
    port.previous = std::move(previous);
    activate(*anchor);
    const bool is_free = !anchor->move || anchor->move->is_old_remote || anchor->move->is_switched;
    if (side == Side::inner && remote.stream == 0 && anchor->feed.kind == Path::Kind::inner && is_free)
      begin_move(*anchor, anchor->feed, true, old_remote_for, Path{}.overlap, now);
  } else if (has_moved) {
    port.previous.reset();
  }
  if (has_moved) {
    port.gate.set(remote);
    begin_source(port);
    port.has_first_packet = false;
    port.next_report = now + std::chrono::milliseconds(2500);
    port.rtt_ms.reset();
    port.remote_loss.reset();
    port.remote_score10 = 0;
    port.reference_received = 0;
    port.sr_received_middle = 0;
  } else {
    port.gate.update_rule(remote);
  }
  set_protection(port, remote, now);
  if (port.protection) activate(*anchor);
  const bool is_first = !std::exchange(port.has_remote, true);
  port.codecs = CodecList(remote.formats);
  port.codec_hash = remote.formats.empty() ? 0 : codec_of(remote.formats.front()).name_hash;
  port.wants_voip_metrics = remote.wants_voip_metrics;
  port.wants_reference_time = remote.wants_reference_time;
  const bool was_held = !port.may_receive;
  port.may_send = remote.may_send;
  port.may_receive = remote.may_receive;
  port.ptime_ms = static_cast<uint16_t>(remote.ptime.count());
  if (side != Side::outer) return;
  if (was_held || has_moved) anchor->last_heard = now;
  const bool needs_in_band = !port.is_opaque && port.codecs.own() && !port.codecs.find_kind(Codec::Kind::event);
  if (needs_in_band && !jobs_of(*anchor).in_band) jobs_of(*anchor).in_band = std::make_unique<DtmfDetector>();
  if (!needs_in_band && anchor->jobs && remote.stream == 0) anchor->jobs->in_band.reset();
  activate(*anchor);
  if (is_first) replay_early(*anchor, now);
}

void Engine::watch_silence(AnchorId id, milliseconds after, io::Instant now) {
  Anchor* anchor = find(id);
  if (!anchor) return;
  anchor->silence_after = after;
  anchor->is_silent = false;
  anchor->last_heard = now;
}

size_t Engine::lent_count(AnchorId id) {
  const Anchor* anchor = find(id);
  return anchor ? anchor->lent : 0;
}

/// What buffers and decoders at work know, and what those had counted that have gone.
void Engine::add_decoded(StreamStats& figures, const Anchor& anchor, Side side, const Port& port) {
  PortCounters counted = port.counters;
  const bool is_seated = anchor.chair && side == Side::outer && &port == &anchor.streams.front().outer;
  if (is_seated) note_buffer(counted, *anchor.chair);
  if (is_seated && anchor.chair->ear) figures.buffer_ms = anchor.chair->ear->figures().delay_ms;
  if (port.audio) note_decoder(counted, *port.audio);
  figures.discarded = counted.discarded;
  figures.concealed_ms = counted.concealed_ms;
  figures.recovered_ms = counted.recovered_ms;
}

}  // namespace nearend::media
