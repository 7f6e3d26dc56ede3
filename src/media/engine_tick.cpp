// What happens by time: our own media, the ends of moves and events, silence watch, reports.
#include <algorithm>

#include "media/engine.hpp"
#include "rtp/g711.hpp"

namespace nearend::media {
namespace {
constexpr std::chrono::milliseconds feed_pause{500};  // a relayed source that pauses longer is replaced by noise
// The same, beyond a frame, while a move is under way: with the tick's 20 ms, and some for a tick that is late, the far
// end never waits longer than 40 ms more than it does for every packet.
constexpr std::chrono::milliseconds move_pause{13};
constexpr size_t sweep_parts = 25;  // each anchor is looked at every 500 ms

std::chrono::milliseconds pause_at_move(const Port& port) {
  return std::chrono::milliseconds(std::max<uint16_t>(20, port.ptime_ms)) + move_pause;
}
}  // namespace

void Engine::tick(io::Instant now) {
  shown_at_ = now;
  for (size_t i = 0; i < active_.size();) {
    Anchor* anchor = find(active_[i]);
    if (anchor) tick_active(*anchor, now);
    if (anchor && needs_tick(*anchor, now)) {
      ++i;
      continue;
    }
    if (anchor) anchor->is_active = false;
    active_[i] = active_.back();
    active_.pop_back();
  }
  tick_rooms(now);
  tick_recorders(now);
  for (size_t slot = sweep_++ % sweep_parts; slot < anchors_.size(); slot += sweep_parts)
    if (anchors_[slot]) check(*anchors_[slot], now);
}

void Engine::tick_active(Anchor& anchor, io::Instant now) {
  if (kernel_) read_lent(anchor);
  tick_events(anchor, now);
  tick_move(anchor, now);
  tick_jobs(anchor, now);
  tick_own_media(anchor, now);
}

bool Engine::needs_tick(Anchor& anchor, io::Instant now) {
  if (anchor.move || (anchor.jobs && (anchor.jobs->player || anchor.jobs->collector || anchor.jobs->listening)))
    return true;
  for (Stream& stream : anchor.streams) {
    if (stream.outer.digits.is_open()) return true;
    for (const Port* port : stream.ports())
      if (port->event.is_open || port->previous || (port->protection && port->protection->is_shaking())) return true;
  }
  return needs_noise(anchor, now);
}

void Engine::tick_events(Anchor& anchor, io::Instant now) {
  for (Stream& stream : anchor.streams) {
    if (auto pressed = stream.outer.digits.on_time(now)) on_digit(anchor, *pressed, false, now);
    for (Port* each : stream.ports()) {
      Port& port = *each;
      if (port.previous && now >= port.previous->kept_until) port.previous.reset();
      if (port.protection && port.protection->is_shaking()) tick_handshake(port, now);
      const OpenEvent& open = port.event;
      if (!open.is_open) continue;
      if ((open.finish_by && now >= *open.finish_by) || now - open.heard >= event_hold)
        end_event(anchor, port, port.place.side, now);
    }
  }
}

bool Engine::needs_noise(const Anchor& anchor, io::Instant now) {
  const Stream& stream = anchor.streams.front();
  const Port& port = stream.outer;
  if (anchor.chair) return false;  // the room's sound, also where it is silence
  if (!anchor.has_comfort_noise || port.is_opaque || !port.has_remote || !port.may_send || !port.codecs.own())
    return false;
  if (port.out.is_fed_by(anchor.own_source) || port.is_in_pause()) return true;
  const bool is_moving = anchor.move && !anchor.move->is_switched && anchor.move->old.kind != Path::Kind::idle;
  if (anchor.feed.kind == Path::Kind::idle && !is_moving) return true;
  const io::Instant last = std::max(anchor.feed_since, port.out.has_sent() ? port.out.last_sent() : io::Instant{});
  return now - last >= (anchor.move ? pause_at_move(port) : feed_pause);
}

void Engine::tick_own_media(Anchor& anchor, io::Instant now) {
  Port& port = anchor.streams.front().outer;
  Player* player = anchor.jobs ? anchor.jobs->player.get() : nullptr;
  if (!player && !needs_noise(anchor, now)) return;
  take_back(anchor, now);  // a place of the stream is ours now
  if (player && !port.codecs.own() && port.has_remote) {
    end_player(anchor, false, now);
    return;
  }
  if (!port.has_remote) return;
  // Frames that came early have put the stream ahead of the clock: every other one of our noise is left out until it
  // is back, and the far end's buffer with it.
  const bool is_early = port.out.is_ahead(now) && now - port.out.last_sent() < pause_at_move(port);
  if (!player && is_early && port.out.is_fed_by(anchor.own_source)) return;
  // The first frame after another source finds out whether this moment's place is still free.
  std::optional<rtp::Continuity::Place> place;
  const bool takes_over = !port.out.is_fed_by(anchor.own_source);
  if (takes_over && !(place = place_own(anchor, port, false, now))) return;
  OwnFrame frame;
  if (player) {
    const bool has_events = port.codecs.find_kind(Codec::Kind::event) != nullptr;
    set_screen(anchor, *player);
    auto state = player->next(frame, has_events);
    // One that waits for its turn goes on in the same frame.
    while (state == Player::State::ended || state == Player::State::failed) {
      end_player(anchor, false, now);
      player = anchor.jobs->player.get();
      if (!player) break;
      state = player->next(frame, has_events);
    }
    if (state != Player::State::playing) fill_noise(port, frame);
    if (player) show_film(anchor, *player, now);
  } else {
    fill_noise(port, frame);
  }
  if (frame.kind == OwnFrame::Kind::event && frame.is_event_start)
    anchor.own_event_timestamp = place ? anchor.own_frames - 1 : anchor.own_frames;
  if (!place) place = place_own(anchor, port, frame.kind == OwnFrame::Kind::event, now);
  if (place) send_own(anchor, port, frame, *place, now);
}

std::optional<rtp::Continuity::Place> Engine::place_own(Anchor& anchor, Port& port, bool is_event, io::Instant now) {
  const bool is_switch = !port.out.is_fed_by(anchor.own_source);
  const uint32_t frames = anchor.own_frames++;
  const uint32_t clock_rate = port.codecs.own()->clock_rate, ticks = clock_rate / 50;
  const rtp::Packet packet{.sequence = static_cast<uint16_t>(frames),
                           .timestamp = (is_event ? anchor.own_event_timestamp : frames) * ticks,
                           .payload = {}};
  const auto place =
      port.out.place(anchor.own_source, packet, ticks, clock_rate, is_event, now, rtp::Continuity::Maker::ourselves);
  if (is_switch && port.event.is_open && port.event.source != anchor.own_source) hold_event(anchor, port, now);
  if (place && anchor.move && !anchor.move->was_out) anchor.move->report.lost += place->missed_frames;
  return place;
}

void Engine::fill_noise(Port& port, OwnFrame& frame) {
  frame.kind = OwnFrame::Kind::audio;
  if (port.audio && port.audio->pausing_since) return port.audio->noise.fill(frame.samples);
  uint64_t bits = 0;
  for (size_t i = 0; i < frame.samples.size(); ++i) {
    if (i % 16 == 0) bits = random();
    frame.samples[i] = static_cast<int16_t>((bits & 15) - 8);
    bits >>= 4;
  }
}

void Engine::send_own(Anchor& anchor, Port& port, const OwnFrame& frame, const rtp::Continuity::Place& place,
                      io::Instant now) {
  std::array<uint8_t, frame_samples> payload;
  const Codec& own = *port.codecs.own();
  rtp::Packet packet{.marker = place.marker || frame.is_event_start,
                     .payload_type = own.payload_type,
                     .sequence = place.sequence,
                     .timestamp = place.timestamp,
                     .ssrc = port.out.ssrc(),
                     .payload = payload};
  const Codec* events = port.codecs.find_kind(Codec::Kind::event);
  if (frame.kind == OwnFrame::Kind::event && events) {
    OpenEvent& open = port.event;
    if (frame.is_event_start && open.is_open) end_event(anchor, port, Side::outer, now);
    rtp::EventPayload event = frame.event;
    event.duration =
        static_cast<uint16_t>(std::min<uint64_t>(uint64_t{event.duration} * events->clock_rate / sample_rate, 0xffff));
    const auto bytes = rtp::write_event(event);
    std::copy(bytes.begin(), bytes.end(), payload.begin());
    packet.payload = packet.payload.first(bytes.size());
    packet.payload_type = events->payload_type;
    open.is_open = !frame.event.is_end;
    open.source = anchor.own_source;
    open.timestamp_out = place.timestamp;
    open.payload_type = events->payload_type;
    open.last = event;
    open.heard = now;
    open.finish_by.reset();
  } else if (!own.is_g711()) {
    codec::StreamEncoder* voice = voice_of(port, own, sample_rate);
    if (!voice) return;
    packet.payload = voice->encode_now(frame.samples, sample_rate);
    if (packet.payload.empty()) return;
  } else {
    const auto encode = own.kind == Codec::Kind::pcmu ? rtp::encode_ulaw : rtp::encode_alaw;
    std::transform(frame.samples.begin(), frame.samples.end(), payload.begin(), encode);
  }
  std::array<uint8_t, rtp::fixed_header_size + codec::payload_bytes_max> datagram;
  const size_t size = rtp::write_packet(datagram, packet);
  send_rtp(anchor, port, Side::outer, {datagram.data(), size}, now);
}

/// A frame that is coded already, as our own codec has it.
void Engine::send_sound(Anchor& anchor, Port& port, std::span<const uint8_t> payload,
                        const rtp::Continuity::Place& place, io::Instant now) {
  const rtp::Packet packet{.marker = place.marker,
                           .payload_type = port.codecs.own()->payload_type,
                           .sequence = place.sequence,
                           .timestamp = place.timestamp,
                           .ssrc = port.out.ssrc(),
                           .payload = payload};
  std::array<uint8_t, rtp::fixed_header_size + frame_samples> datagram;
  send_rtp(anchor, port, Side::outer, {datagram.data(), rtp::write_packet(datagram, packet)}, now);
}

void Engine::check(Anchor& anchor, io::Instant now) {
  if (kernel_) check_lent(anchor, now);
  observe(anchor, now);
  if (needs_noise(anchor, now)) activate(anchor);
  const Port& first = anchor.streams.front().outer;
  const bool is_expected = first.has_remote && first.may_receive && first.gate.described().port != 0;
  if (!is_expected) {
    anchor.last_heard = now;
  } else if (anchor.silence_after.count() > 0 && !anchor.is_silent && now - anchor.last_heard >= anchor.silence_after) {
    anchor.is_silent = true;
    output_.tell(anchor.id, event::Silent{std::chrono::duration_cast<milliseconds>(now - anchor.last_heard)});
  }
  for (Stream& stream : anchor.streams) {
    if (stream.kind != StreamKind::audio) continue;
    for (Port* port : stream.ports())
      if (port->has_remote && now >= port->next_report) send_report(anchor, *port, now);
  }
}

}  // namespace nearend::media
