// Conference rooms: who enters and leaves, what is said into the room, and what each of its legs hears by the tick.
#include <algorithm>

#include "media/arrival.hpp"
#include "rtp/g711.hpp"

namespace nearend::media {
namespace {

constexpr codec::JitterBuffer::Limits ear_limits{.delay_ms_min = 20, .delay_ms_max = 200, .bytes = 8192};

const std::vector<int16_t>& beep() {
  static const std::vector<int16_t> samples = [] {
    const Tone tone = *find_tone("beep");
    std::vector<int16_t> made(size_t{tone.length_ms()} * (sample_rate / 1000));
    ToneGenerator(tone).fill(made);
    return made;
  }();
  return samples;
}

using Payload = std::array<uint8_t, frame_samples>;

void encode_g711(Codec::Kind law, std::span<const int16_t> samples, Payload& payload) {
  std::transform(samples.begin(), samples.end(), payload.begin(),
                 law == Codec::Kind::pcmu ? rtp::encode_ulaw : rtp::encode_alaw);
}

}  // namespace

Mixer::Seat Room::seat_of(AnchorId leg) const {
  const auto found = std::find(legs.begin(), legs.end(), leg);
  return found == legs.end() ? Mixer::no_seat : static_cast<Mixer::Seat>(found - legs.begin());
}

void Engine::seat(AnchorId id, const Seat& seat, io::Instant now) {
  Anchor* anchor = find(id);
  if (!anchor) return;
  if (seat.room.empty()) {
    if (anchor->chair) connect(id, Path{}, now);
    return;
  }
  take_back(*anchor, now);
  if (anchor->chair && anchor->chair->room->name != seat.room) leave_room(*anchor);
  if (!anchor->chair && !enter_room(*anchor, seat, now)) return;
  Chair& chair = *anchor->chair;
  chair.room->mixer.set_muted(chair.seat, seat.is_muted);
  chair.room->mixer.set_held(chair.seat, seat.is_held);
  chair.coached = seat.coached;
  chair.has_beep_out = seat.has_beep_out;
  arrange_coaches(*chair.room);
}

bool Engine::enter_room(Anchor& anchor, const Seat& wanted, io::Instant now) {
  auto found = std::find_if(rooms_.begin(), rooms_.end(), [&](const auto& room) { return room->name == wanted.room; });
  if (found == rooms_.end()) {
    rooms_.push_back(std::make_unique<Room>());
    found = rooms_.end() - 1;
    (*found)->name = wanted.room;
  }
  Room& room = **found;
  const Mixer::Seat seat = room.mixer.enter();
  if (seat == Mixer::no_seat) return false;
  if (seat >= room.legs.size()) room.legs.resize(seat + 1);
  room.legs[seat] = anchor.id;
  const Path path{.kind = Path::Kind::room, .has_comfort_noise = true};
  leave_bridge(anchor, path, now);
  set_feed(anchor, Feed{Path::Kind::room}, path, now);
  anchor.early.reset();
  anchor.chair = std::make_unique<Chair>();
  anchor.chair->room = &room;
  anchor.chair->seat = seat;
  if (wanted.has_beep_in) room.mixer.announce(beep());
  return true;
}

void Engine::leave_room(Anchor& anchor) {
  if (!anchor.chair) return;
  const std::unique_ptr<Chair> chair = std::move(anchor.chair);
  note_buffer(anchor.streams.front().outer.counters, *chair);
  Room& room = *chair->room;
  if (room.speaker == chair->seat) {
    output_.tell(anchor.id, event::Speaker{room.name, false});
    room.speaker = Mixer::no_seat;
  }
  room.mixer.leave(chair->seat);
  room.legs[chair->seat] = AnchorId::none;
  if (room.is_empty()) {
    std::erase_if(rooms_, [&](const auto& one) { return one.get() == &room; });
    return;
  }
  if (chair->has_beep_out) room.mixer.announce(beep());
  arrange_coaches(room);
}

/// Whom a coach whispers to may come later, go, and sit elsewhere than before.
void Engine::arrange_coaches(Room& room) {
  for (const AnchorId id : room.legs) {
    const Anchor* anchor = find(id);
    if (!anchor || !anchor->chair) continue;
    const Chair& chair = *anchor->chair;
    const Mixer::Seat listener = room.seat_of(chair.coached);
    const bool is_coach = chair.coached != AnchorId::none;
    room.mixer.set_coached(chair.seat, !is_coach                    ? Mixer::no_seat
                                       : listener == Mixer::no_seat ? Mixer::nobody
                                                                    : listener);
  }
}

/// What a leg says waits until it is due.
void Engine::say_to_room(Anchor& anchor, Arrival& arrival) {
  if (!anchor.chair || arrival.stream != 0) return;
  Chair& chair = *anchor.chair;
  if (chair.ear && chair.ear_source != arrival.source) chair.ear->restart();
  chair.ear_source = arrival.source;
  if (!arrival.is_coded()) {
    if (chair.ear)
      arrival.is_noise() ? chair.ear->put_noise(arrival.packet, arrival.now) : chair.ear->skip(arrival.packet);
    return;
  }
  if (!chair.ear || !chair.ear_codec.is_equal(*arrival.codec)) {
    auto decoder = codec::make_decoder(settings_of(*arrival.codec, sample_rate));
    if (!decoder) return;
    note_buffer(anchor.streams.front().outer.counters, chair);
    chair.ear =
        std::make_unique<codec::JitterBuffer>(std::move(*decoder), arrival.codec->clock_rate, sample_rate, ear_limits);
    chair.ear_codec = *arrival.codec;
  }
  chair.ear->put(arrival.packet, arrival.now);
}

void Engine::note_buffer(PortCounters& counters, const Chair& chair) {
  if (!chair.ear) return;
  const auto figures = chair.ear->figures();
  counters.discarded += figures.late + figures.overflowed;
  counters.concealed_ms += figures.concealed_ms;
  counters.recovered_ms += figures.recovered_ms;
}

void Engine::tick_rooms(io::Instant now) {
  for (const auto& room : rooms_) tick_room(*room, now);
}

void Engine::tick_room(Room& room, io::Instant now) {
  Mixer& mixer = room.mixer;
  Mixer::Frame frame;
  for (const AnchorId id : room.legs) {
    Anchor* anchor = find(id);
    if (!anchor || !anchor->chair || !anchor->chair->ear) continue;
    const auto content = anchor->chair->ear->take(frame, now);
    if (content != codec::JitterBuffer::Content::nothing) mixer.speak(anchor->chair->seat, frame);
  }
  mixer.mix();
  tell_speaker(room);
  std::array<Payload, 2> common;  // what all hear who listen only, in both laws
  std::array<bool, 2> is_common_made{};
  for (const AnchorId id : room.legs) {
    Anchor* anchor = find(id);
    if (!anchor || !anchor->chair) continue;
    Port& port = anchor->streams.front().outer;
    const Codec* own = port.codecs.own();
    const bool is_spoken_to = anchor->jobs && anchor->jobs->player;
    const bool has_sent = port.out.has_sent() && port.out.last_sent() >= now;  // the end of what was played to it
    if (!own || !port.has_remote || !port.may_send || is_spoken_to || has_sent) continue;
    const auto place = place_own(*anchor, port, false, now);
    if (!place) continue;
    OwnFrame heard;
    const bool is_common = mixer.hear(anchor->chair->seat, heard.samples);
    if (!own->is_g711()) {
      send_own(*anchor, port, heard, *place, now);
      continue;
    }
    const size_t law = own->kind == Codec::Kind::pcmu ? 0 : 1;
    Payload alone;
    if (!is_common)
      encode_g711(own->kind, heard.samples, alone);
    else if (!std::exchange(is_common_made[law], true))
      encode_g711(own->kind, heard.samples, common[law]);
    send_sound(*anchor, port, is_common ? common[law] : alone, *place, now);
  }
  mixer.end_frame();
}

void Engine::tell_speaker(Room& room) {
  const Mixer::Seat speaker = room.mixer.speaker();
  if (speaker == room.speaker) return;
  if (room.speaker != Mixer::no_seat) output_.tell(room.legs[room.speaker], event::Speaker{room.name, false});
  if (speaker != Mixer::no_seat) output_.tell(room.legs[speaker], event::Speaker{room.name, true});
  room.speaker = speaker;
}

}  // namespace nearend::media
