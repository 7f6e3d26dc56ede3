// The packet path: from a datagram that came in to the datagrams that go out. Nothing here takes memory, locks or logs.
#include <algorithm>
#include <cstring>
#include <utility>

#include "media/arrival.hpp"
#include "rtp/g711.hpp"

namespace nearend::media {
namespace {

constexpr size_t datagram_max = 1600;
constexpr uint16_t leftovers_max = 3000;

/// What came before the kernel took over the port and has waited in its socket: no reason to take the port back. Where
/// a thread is behind its packets, taking back would keep it there.
bool is_leftover(const Port& port, const rtp::Packet& packet) {
  const Codec* codec = port.codecs.find(packet.payload_type);
  if (!codec || codec->kind == Codec::Kind::event || codec->clock_rate != port.clock_rate) return false;
  if (!port.receiver.has_begun()) return false;  // another SSRC
  const auto behind = static_cast<uint16_t>(port.receiver.state().extended_highest - packet.sequence);
  return behind < leftovers_max;
}

}  // namespace

void Engine::input(const Inlet& inlet, const Endpoint& from, std::span<uint8_t> datagram, io::Instant now) {
  Anchor* anchor = find(inlet.anchor);
  if (!anchor || inlet.stream >= anchor->streams.size() || !anchor->streams[inlet.stream].find(inlet.side)) return;
  if (inlet.is_rtcp || rtp::is_rtcp(datagram))
    input_rtcp(*anchor, inlet, from, datagram, now);
  else
    input_rtp(*anchor, inlet, from, datagram, now);
}

void Engine::input_rtp(Anchor& anchor, const Inlet& inlet, const Endpoint& from, std::span<uint8_t> datagram,
                       io::Instant now) {
  Port& port = *anchor.streams[inlet.stream].find(inlet.side);
  if (anchor.early && inlet.stream == 0 && !port.has_remote) {
    anchor.early->keep(inlet.side, from, datagram, false, now);
    return;
  }
  if (!port.is_bare && !enter(anchor, port, inlet, from, datagram, Protection::Kind::rtp, now)) return;
  const auto packet = rtp::parse_packet(datagram);
  if (!packet) {
    ++port.counters.dropped_malformed;
    return;
  }
  Arrival arrival(datagram, *packet, now, inlet);
  arrival.in = &port;
  if (port.lent) [[unlikely]]
    read_lent(anchor);  // the source rules know what the kernel has seen
  if (!admit(anchor, port, arrival, from)) return;
  if (port.lent && !is_leftover(port, arrival.packet)) [[unlikely]]
    take_back(anchor, now, true);  // more than the kernel can do: a key, another SSRC
  if (!count_packet(port, arrival)) return;
  note_arrival(anchor, port, arrival);
  if (!port.may_receive) return;
  if (port.is_opaque) {
    if (arrival.side == Side::outer && anchor.jobs) tap_pictures(anchor, port, arrival);
    relay_opaque(anchor, arrival);
    return;
  }
  if (arrival.is_event) detect_digits(anchor, port, arrival);
  if (arrival.side == Side::outer && anchor.jobs && arrival.is_coded()) tap_audio(anchor, port, arrival);
  if (anchor.early && inlet.stream == 0 && !arrival.is_event && !arrival.is_previous)
    anchor.early->keep(inlet.side, from, datagram, true, now);
  relay(anchor, arrival);
}

void Engine::replay_judged(Anchor& anchor, const Inlet& inlet, std::span<uint8_t> datagram, io::Instant now) {
  Port& port = *anchor.streams[inlet.stream].find(inlet.side);
  const auto packet = rtp::parse_packet(datagram);
  if (!packet || packet->ssrc != port.remote_ssrc || !port.may_receive) return;
  Arrival arrival(datagram, *packet, now, inlet);
  arrival.in = &port;
  arrival.source = port.source;
  describe(port, arrival);
  if (arrival.side == Side::inner) return deliver(anchor, Side::outer, arrival, Feed{Path::Kind::inner});
  send_to_feed(anchor, anchor.feed, arrival);  // the old path had it
}

/// What came before the endpoint's address was known, once it is known and there is somebody to hear it.
void Engine::replay_early(Anchor& anchor, io::Instant now) {
  if (!anchor.early || anchor.feed.kind == Path::Kind::idle || !anchor.streams.front().outer.has_remote) return;
  const auto early = std::move(anchor.early);
  early->replay(now, [&](Side side, const Endpoint& from, std::span<uint8_t> datagram, bool is_judged) {
    const Inlet inlet{.anchor = anchor.id, .stream = 0, .side = side, .is_rtcp = false};
    is_judged ? replay_judged(anchor, inlet, datagram, now) : input_rtp(anchor, inlet, from, datagram, now);
  });
}

bool Engine::admit(Anchor& anchor, Port& port, Arrival& arrival, const Endpoint& from) {
  const auto& packet = arrival.packet;
  const auto verdict = port.gate.admit(from, packet.ssrc, packet.sequence, !port.is_opaque, arrival.now);
  if (verdict == SourceGate::Verdict::accepted) {
    if (port.gate.take_ssrc_change()) {
      ++port.counters.ssrc_changes;
      begin_source(port);
    }
    if (port.previous) port.previous->is_superseded = true;
    if (std::exchange(port.remote_ssrc, packet.ssrc) != packet.ssrc) port.sent_at_sr.reset();
    arrival.source = port.source;
    return true;
  }
  PreviousRemote* previous = port.previous.get();
  if (previous && arrival.now < previous->kept_until &&
      previous->gate.admit(from, packet.ssrc, packet.sequence, !port.is_opaque, arrival.now) ==
          SourceGate::Verdict::accepted) {
    arrival.is_previous = true;
    // Where the change is a move, the move tells which of both is heard.
    const bool is_judged = arrival.side == Side::inner && anchor.move && anchor.move->is_old_remote;
    arrival.is_late = (previous->is_superseded && !is_judged) || arrival.now >= previous->accepted_until;
    arrival.source = previous->source;
    return true;
  }
  ++port.counters.dropped_source;
  return false;
}

void Engine::describe(const Port& port, Arrival& arrival) {
  arrival.codecs = &port.codecs;
  arrival.codec = port.codecs.find(arrival.packet.payload_type);
  arrival.clock_rate = arrival.codec ? arrival.codec->clock_rate : port.is_opaque ? 90'000 : 8000;
  arrival.frame = arrival.is_g711() ? static_cast<uint32_t>(arrival.packet.payload.size())
                                    : arrival.clock_rate / 1000 * port.ptime_ms;
  if (arrival.codec && arrival.codec->kind == Codec::Kind::event && !port.is_opaque) {
    const auto event = rtp::parse_event(arrival.packet.payload);
    arrival.is_event = event.has_value();
    if (event) arrival.event = *event;
  }
}

bool Engine::count_packet(Port& port, Arrival& arrival) {
  describe(port, arrival);
  if (!arrival.codec && !port.codecs.is_empty()) {
    ++port.counters.dropped_format;
    return false;
  }
  ++port.counters.packets_in;
  port.counters.octets_in += arrival.packet.payload.size();
  if (arrival.is_previous) return true;
  port.clock_rate = arrival.clock_rate;
  // Opaque streams carry several SSRCs (retransmission, layers): their numbers are not ours to judge.
  if (port.is_opaque) return true;
  switch (port.receiver.on_packet(arrival.packet, arrival.clock_rate, arrival.now)) {
    case rtp::Receiver::Verdict::good:
      return true;
    case rtp::Receiver::Verdict::restarted:
      port.source = arrival.source = next_source();
      return true;
    default:
      ++port.counters.late;
      return false;
  }
}

void Engine::note_arrival(Anchor& anchor, Port& port, const Arrival& arrival) {
  if (!port.has_first_packet && !arrival.is_previous) {
    port.has_first_packet = true;
    output_.tell(anchor.id, event::FirstPacket{arrival.side});
  }
  if (arrival.side != Side::outer) return;
  anchor.last_heard = arrival.now;
  if (!anchor.is_silent) return;
  anchor.is_silent = false;
  output_.tell(anchor.id, event::Resumed{});
}

void Engine::detect_digits(Anchor& anchor, Port& port, const Arrival& arrival) {
  EventRoute& route = port.event_route;
  if (!route.has_begun || route.timestamp != arrival.packet.timestamp)
    route = {.has_begun = true, .timestamp = arrival.packet.timestamp, .feed = anchor.feed};
  if (arrival.side != Side::outer) return;
  const auto found = port.digits.on_event(arrival.packet.timestamp, arrival.event, arrival.clock_rate, arrival.now);
  if (port.digits.is_open()) activate(anchor);
  if (found.has_begun) on_digit_begun(anchor, arrival.now);
  for (uint8_t i = 0; i < found.count; ++i) on_digit(anchor, found.pressed[i], false, arrival.now);
}

void Engine::tap_audio(Anchor& anchor, Port& port, Arrival& arrival) {
  if (!anchor.jobs->is_hearing()) return;
  std::array<int16_t, sample_rate / 1000 * 200> samples;
  std::span<const int16_t> decoded;
  uint32_t timestamp = arrival.packet.timestamp;
  if (arrival.is_g711()) {
    const auto payload = arrival.packet.payload.first(std::min(arrival.packet.payload.size(), samples.size()));
    const auto decode = arrival.codec->kind == Codec::Kind::pcmu ? rtp::decode_ulaw : rtp::decode_alaw;
    std::transform(payload.begin(), payload.end(), samples.begin(), decode);
    decoded = {samples.data(), payload.size()};
  } else {
    decoded = heard_narrow(arrival, samples);
    timestamp = static_cast<uint32_t>(uint64_t{arrival.heard.at} * sample_rate / arrival.heard_rate);
  }
  for (const AnchorJobs::Tap& tap : anchor.jobs->taps) {
    tap.recorder->add(tap.leg, arrival.source, timestamp, decoded, arrival.now);
    if (!tap.recorder->has_pictures() || decoded.empty()) continue;
    const uint32_t ahead = arrival.heard.concealed * sample_rate / arrival.heard_rate;
    const bool is_opus = !arrival.is_g711() && arrival.codec->coding == codec::Kind::opus;
    tap.recorder->add_sound(tap.leg, {arrival.packet, arrival.clock_rate, port.sender_clock}, ahead, is_opus,
                            arrival.now);
  }
  feed_listeners(*anchor.jobs, decoded, arrival.now);
  if (!anchor.jobs->in_band) return;
  std::array<char, 4> keys;
  const size_t count = anchor.jobs->in_band->feed(decoded, keys);
  for (size_t i = 0; i < count; ++i) {
    on_digit_begun(anchor, arrival.now);
    on_digit(anchor, {keys[i], milliseconds(0)}, true, arrival.now);
  }
}

void Engine::tap_pictures(Anchor& anchor, const Port& port, const Arrival& arrival) {
  if (!arrival.codec || arrival.codec->pictures == codec::PictureKind::none || arrival.is_previous) return;
  for (const AnchorJobs::Tap& tap : anchor.jobs->taps)
    if (tap.recorder->has_pictures())
      tap.recorder->add_picture(tap.leg, arrival.stream, arrival.codec->pictures,
                                {arrival.packet, arrival.clock_rate, port.sender_clock}, arrival.now);
}

void Engine::relay(Anchor& anchor, Arrival& arrival) {
  if (arrival.side == Side::inner) {
    deliver(anchor, Side::outer, arrival, Feed{Path::Kind::inner});
    return;
  }
  const EventRoute& route = anchor.streams[arrival.stream].outer.event_route;
  if (arrival.is_event) {
    send_to_feed(anchor, route.feed, arrival);
    return;
  }
  send_to_feed(anchor, anchor.feed, arrival);
  const Move* move = anchor.move.get();
  if (!move || move->old == anchor.feed || (move->is_switched && move->old.kind == Path::Kind::inner)) return;
  send_to_feed(anchor, move->old, arrival);
}

void Engine::send_to_feed(Anchor& anchor, const Feed& feed, Arrival& arrival) {
  if (feed.kind == Path::Kind::inner) deliver(anchor, Side::inner, arrival, Feed{Path::Kind::inner});
  if (feed.kind != Path::Kind::bridge) {
    if (feed.kind == Path::Kind::room) say_to_room(anchor, arrival);
    return;
  }
  if (Anchor* peer = find(feed.peer)) deliver(*peer, Side::outer, arrival, Feed{Path::Kind::bridge, anchor.id});
}

void Engine::relay_opaque(Anchor& anchor, Arrival& arrival) {
  const bool is_inner = arrival.side == Side::inner;
  Anchor* target = is_inner ? &anchor : anchor.feed.kind == Path::Kind::inner ? &anchor : find(anchor.feed.peer);
  const Side side = is_inner || anchor.feed.kind == Path::Kind::bridge ? Side::outer : Side::inner;
  if (!target || !anchor.feed.is_passed_on()) return;
  if (arrival.stream >= target->streams.size()) return;
  Port* const found = target->streams[arrival.stream].find(side);
  if (!found) return;
  Port& port = *found;
  const Feed from = side == Side::outer && !is_inner ? Feed{Path::Kind::bridge, anchor.id} : Feed{Path::Kind::inner};
  const auto mapping = map_codec(*arrival.codecs, arrival.packet.payload_type, port.codecs);
  if (!port.has_remote || !mapping || !may_enter(*target, side, arrival, from)) return;
  const FilmShow* show = target->show.get();
  if (show && show->is_on() && side == Side::outer && show->stream() == arrival.stream) return;
  const StreamKind kind = anchor.streams[arrival.stream].kind;
  // Who begins to watch in the middle of a stream sees nothing until the next whole picture.
  if (std::exchange(port.fed_by, arrival.source) != arrival.source && kind != StreamKind::text)
    request_picture(*anchor.streams[arrival.stream].find(arrival.side), arrival.packet.ssrc);
  rtp::Packet header = arrival.packet;
  header.payload_type = mapping->payload_type;
  rtp::rewrite_header(arrival.datagram.data(), header);
  send_rtp(*target, port, side, arrival.datagram, arrival.now);
}

bool Engine::may_enter(Anchor& target, Side side, Arrival& arrival, const Feed& from) {
  if (arrival.is_late) return false;
  Move* move = target.move.get();
  if (side == Side::inner)
    return target.feed.kind == Path::Kind::inner || (move && move->old.kind == Path::Kind::inner && !move->is_switched);
  Player* player = target.jobs && arrival.stream == 0 ? target.jobs->player.get() : nullptr;
  if (player && player->is_yielding() && target.feed == from && !arrival.is_previous) {
    end_player(target, true, arrival.now);
    player = target.jobs->player.get();
  }
  const bool is_own_playing = player != nullptr;
  if (!move) {
    const bool may = target.feed == from && !is_own_playing;
    if (may && target.lately) [[unlikely]]
      note_lately(target, arrival);
    return may;
  }
  const bool is_new = target.feed == from && !(move->is_old_remote && arrival.is_previous);
  const bool is_old = move->old == from;
  if (arrival.stream == 0 && !is_own_playing) return wins(target, arrival, is_new, is_old);
  if (is_new && !move->is_switched) switch_move(target, true, arrival.now);
  return !is_own_playing && (is_new || (is_old && !move->is_switched));
}

void Engine::deliver(Anchor& target, Side side, Arrival& arrival, const Feed& from) {
  if (arrival.stream >= target.streams.size()) return;
  Port* const found = target.streams[arrival.stream].find(side);
  if (!found || !found->has_remote || found->is_opaque) return;
  Port& port = *found;
  const auto mapping = map_codec(*arrival.codecs, arrival.packet.payload_type, port.codecs);
  if (!mapping) {
    const bool is_heard = side == Side::outer && arrival.stream == 0 && target.feed == from && !arrival.is_late;
    if (!arrival.is_event || !is_heard) return transcode(target, port, side, arrival, from);
    if (arrival.in->audio && arrival.in->audio->ear) arrival.in->audio->ear->skip(arrival.packet);
    return key_tone(target, arrival.source, arrival.packet.timestamp, arrival.event.event);
  }
  const bool is_coded = port.audio && port.audio->voice && port.audio->voice_source == arrival.source;
  if (is_coded && (arrival.is_event || arrival.is_noise())) {
    Arrival renumbered = arrival;
    renumber(port, renumbered);
    return deliver_mapped(target, port, side, renumbered, from, *mapping);
  }
  deliver_mapped(target, port, side, arrival, from, *mapping);
}

bool Engine::is_key_of(const OpenEvent& open, const Arrival& arrival) {
  if (!arrival.is_event || open.timestamp_in != arrival.packet.timestamp) return false;
  return open.source == arrival.source ||
         (open.last.event == arrival.event.event && arrival.now - open.heard < rtp::EventDetector::patience);
}

void Engine::deliver_mapped(Anchor& target, Port& port, Side side, Arrival& arrival, const Feed& from,
                            const Mapping& mapping) {
  OpenEvent& open = port.event;
  const bool is_of_last = is_key_of(open, arrival);
  const bool is_of_open = is_of_last && open.is_open;
  // What a path still brings of a key after another has taken over stands at the key's own time, whoever is heard last.
  const Move* move = target.move.get();
  const bool is_of_old = move && move->is_switched && move->old == from &&
                         (move->is_old_remote ? arrival.is_previous : target.feed != from);
  const bool is_apart = is_of_old || arrival.is_late || !port.out.is_fed_by(arrival.source);
  // Also the end's repeats: placed anew they would be another key.
  if ((is_of_open || (is_of_last && arrival.event.is_end)) && is_apart) {
    send_placed(target, port, side, arrival, port.out.insert(open.timestamp_out, arrival.now), mapping);
    return;
  }
  if (!is_of_open && !may_enter(target, side, arrival, from)) {
    if (!may_finish(target, port, arrival, from)) {
      ++port.counters.late;
      return;
    }
    auto place = port.out.insert(port.out.timestamp_at(arrival.now), arrival.now);
    place.marker = true;
    send_placed(target, port, side, arrival, place, mapping);
    hold_event(target, port, arrival.now);
    return;
  }
  if (arrival.is_event && open.is_open && open.source != arrival.source) end_event(target, port, side, arrival.now);
  const auto place = port.out.place(arrival.source, arrival.packet, arrival.frame, arrival.clock_rate, arrival.is_event,
                                    arrival.now, rtp::Continuity::Maker::far_end, arrival.is_unheard);
  if (!place) {
    ++port.counters.late;
    return;
  }
  if (place->is_switch && open.is_open && open.source != arrival.source) hold_event(target, port, arrival.now);
  if (target.move && side == Side::outer && arrival.stream == 0 && !target.move->was_out)
    target.move->report.lost += place->missed_frames;
  send_placed(target, port, side, arrival, *place, mapping);
}

/// A key that was pressed on the old path and was still on its way when the new one took over: it is heard, once,
/// between the frames of the new source.
bool Engine::may_finish(const Anchor& target, const Port& port, const Arrival& arrival, const Feed& from) {
  if (!arrival.is_event || port.event.is_open || !port.out.has_sent()) return false;
  if (is_key_of(port.event, arrival)) return false;
  if (target.jobs && target.jobs->player) return false;
  return arrival.is_late ? target.feed == from : target.move && target.move->is_switched && target.move->old == from;
}

void Engine::send_placed(Anchor& target, Port& port, Side side, Arrival& arrival, const rtp::Continuity::Place& place,
                         const Mapping& mapping) {
  rtp::Packet header{.marker = place.marker,
                     .payload_type = mapping.payload_type,
                     .sequence = place.sequence,
                     .timestamp = place.timestamp,
                     .ssrc = port.out.ssrc(),
                     .payload = arrival.packet.payload};
  if (arrival.is_event) {
    note_event(port, arrival, place, mapping.payload_type);
    if (port.event.is_open) activate(target);
    port.reach = reach_of_event(port, arrival.now);
  }
  if (arrival.is_event && mapping.event_clock_out != mapping.event_clock_in) {
    const uint64_t duration = uint64_t{arrival.event.duration} * mapping.event_clock_out / mapping.event_clock_in;
    rtp::EventPayload event = arrival.event;
    event.duration = static_cast<uint16_t>(std::min<uint64_t>(duration, 0xffff));
    port.event.last = event;
    const auto bytes = rtp::write_event(event);
    std::array<uint8_t, rtp::fixed_header_size + 4> datagram;
    header.payload = bytes;
    send_rtp(target, port, side, {datagram.data(), rtp::write_packet(datagram, header)}, arrival.now);
    return;
  }
  if (mapping.way == Mapping::Way::pass) {
    rtp::rewrite_header(arrival.datagram.data(), header);
    send_rtp(target, port, side, arrival.datagram, arrival.now);
    return;
  }
  std::array<uint8_t, datagram_max> transcoded;
  std::array<uint8_t, datagram_max> datagram;
  const auto payload = header.payload.first(std::min(header.payload.size(), datagram_max - rtp::fixed_header_size));
  const auto convert = mapping.way == Mapping::Way::to_alaw ? rtp::alaw_of_ulaw : rtp::ulaw_of_alaw;
  std::transform(payload.begin(), payload.end(), transcoded.begin(), convert);
  header.payload = {transcoded.data(), payload.size()};
  const size_t size = rtp::write_packet(datagram, header);
  send_rtp(target, port, side, {datagram.data(), size}, arrival.now);
}

void Engine::send_rtp(Anchor& anchor, Port& port, Side side, std::span<const uint8_t> packet, io::Instant now) {
  if (port.is_bare)
    transmit(anchor, port, side, packet, now);
  else
    send_with_care(anchor, port, side, packet, now);
}

void Engine::transmit(Anchor& anchor, Port& port, Side side, std::span<const uint8_t> packet, io::Instant now) {
  const Endpoint to = port.gate.rtp_target();
  if (!port.may_send || to.port == 0) return;
  const auto reach = std::exchange(port.reach, Port::Reach::both);
  if (reach != Port::Reach::before) output_.send(port.rtp_socket, to, packet);
  ++port.counters.packets_out;
  port.counters.octets_out += packet.size() - rtp::fixed_header_size;
  if (PreviousRemote* previous = port.previous.get();
      previous && previous->is_fed && (now < previous->accepted_until || reach == Port::Reach::before)) {
    const Endpoint old = previous->gate.rtp_target();
    if (old.port != 0 && old != to && reach != Port::Reach::now) output_.send(port.rtp_socket, old, packet);
  }
  if (!anchor.move || side != Side::outer) return;
  if (anchor.move->last_sent != io::Instant{})
    anchor.move->longest_pause = std::max(anchor.move->longest_pause, now - anchor.move->last_sent);
  anchor.move->last_sent = now;
}

void Engine::note_event(Port& port, const Arrival& arrival, const rtp::Continuity::Place& place, uint8_t payload_type) {
  OpenEvent& open = port.event;
  const bool is_same = is_key_of(open, arrival);
  // The end packets' repeats must not open the event again.
  if (!is_same) open = OpenEvent{.begun = arrival.now};
  open.source = arrival.source;
  open.timestamp_in = arrival.packet.timestamp;
  open.is_open = !arrival.event.is_end && (!is_same || open.is_open);
  open.timestamp_out = place.timestamp;
  open.payload_type = payload_type;
  open.last = arrival.event;
  open.heard = arrival.now;
}

Port::Reach Engine::reach_of_event(const Port& port, io::Instant now) {
  const PreviousRemote* previous = port.previous.get();
  if (!previous || !previous->is_fed || now >= previous->kept_until) return Port::Reach::both;
  return port.event.begun < previous->since ? Port::Reach::before : Port::Reach::now;
}

void Engine::hold_event(Anchor& anchor, Port& port, io::Instant now) {
  if (!port.event.is_open || port.event.finish_by) return;
  port.event.finish_by = now + event_hold;
  activate(anchor);
}

void Engine::end_event(Anchor& anchor, Port& port, Side side, io::Instant now) {
  OpenEvent& open = port.event;
  open.is_open = false;
  open.last.is_end = true;
  const auto payload = rtp::write_event(open.last);
  for (int i = 0; i < 3; ++i) {
    const auto place = port.out.insert(open.timestamp_out, now);
    std::array<uint8_t, rtp::fixed_header_size + 4> datagram;
    const rtp::Packet packet{.payload_type = open.payload_type,
                             .sequence = place.sequence,
                             .timestamp = place.timestamp,
                             .ssrc = port.out.ssrc(),
                             .payload = payload};
    port.reach = reach_of_event(port, now);
    send_rtp(anchor, port, side, {datagram.data(), rtp::write_packet(datagram, packet)}, now);
  }
}

}  // namespace nearend::media
