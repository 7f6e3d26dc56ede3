// Media whose codec the other side does not know: samples of it, and of those what the other side does know. Packet by
// packet: nothing waits here, the far end has a jitter buffer of its own.
#include <algorithm>

#include "media/arrival.hpp"

namespace nearend::media {
namespace {

/// Numbers that we gave ourselves are another line than those that the source gave.
constexpr uint64_t own_numbers = uint64_t{1} << 63;

uint32_t hearing_of(const Codec& codec) {
  return codec::full_rate(settings_of(codec, 48000));
}

}  // namespace

PortAudio& Engine::audio_of(Port& port) {
  if (!port.audio) port.audio = std::make_unique<PortAudio>();
  return *port.audio;
}

/// Decodes the packet, once however many want it; false where there is nothing to hear.
bool Engine::hear(Arrival& arrival) {
  if (std::exchange(arrival.is_heard, true)) return !arrival.heard.samples.empty();
  PortAudio& audio = audio_of(*arrival.in);
  const auto settings = settings_of(*arrival.codec, audio.ear_other_rate);
  if (!audio.ear || !audio.ear_codec.is_equal(*arrival.codec) || audio.ear->sample_rate() != settings.sample_rate) {
    auto decoder = codec::make_decoder(settings);
    if (!decoder) return false;
    note_decoder(arrival.in->counters, audio);
    audio.ear = std::make_unique<codec::StreamDecoder>(std::move(*decoder), settings.clock_rate);
    audio.ear_codec = *arrival.codec;
  }
  if (std::exchange(audio.ear_source, arrival.source) != arrival.source) audio.ear->restart();
  arrival.heard = audio.ear->take(arrival.packet);
  arrival.heard_rate = audio.ear->sample_rate();
  return !arrival.heard.samples.empty();
}

void Engine::note_decoder(PortCounters& counters, const PortAudio& audio) {
  if (!audio.ear) return;
  const auto& figures = audio.ear->figures();
  const uint64_t per_ms = audio.ear->sample_rate() / 1000;
  counters.discarded += figures.late;
  counters.concealed_ms += (figures.concealed - std::min(figures.recovered, figures.concealed)) / per_ms;
  counters.recovered_ms += figures.recovered / per_ms;
}

/// At the rate of recorders and detectors.
std::span<const int16_t> Engine::heard_narrow(Arrival& arrival, std::span<int16_t> room) {
  if (!hear(arrival)) return {};
  if (arrival.heard_rate == sample_rate) return arrival.heard.samples;
  auto& narrow = arrival.in->audio->to_narrow;
  if (!narrow || narrow->from() != arrival.heard_rate) narrow.emplace(arrival.heard_rate, sample_rate);
  return room.first(narrow->process(arrival.heard.samples, room));
}

codec::StreamEncoder* Engine::voice_of(Port& port, const Codec& codec, uint32_t other_rate) {
  PortAudio& audio = audio_of(port);
  const auto settings = settings_of(codec, other_rate);
  const bool is_right = audio.voice && audio.voice_codec.is_equal(codec) && audio.voice_ptime_ms == port.ptime_ms &&
                        audio.voice->encoder().sample_rate() >= settings.sample_rate;
  if (is_right) return audio.voice.get();
  auto encoder = codec::make_encoder(settings);
  if (!encoder) return nullptr;
  auto voice = std::make_unique<codec::StreamEncoder>(std::move(*encoder), settings.clock_rate, port.ptime_ms);
  if (audio.voice) voice->follow(*audio.voice);
  audio.voice = std::move(voice);
  audio.voice_codec = codec;
  audio.voice_ptime_ms = port.ptime_ms;
  return audio.voice.get();
}

void Engine::transcode(Anchor& target, Port& port, Side side, Arrival& arrival, const Feed& from) {
  const Codec* own = port.codecs.own();
  if (!arrival.is_coded() || !own) {
    if (arrival.in->audio && arrival.in->audio->ear) arrival.in->audio->ear->skip(arrival.packet);
    if (arrival.is_noise() && own)
      pause(target, port, side, arrival, arrival.packet.payload);
    else
      ++port.counters.dropped_format;
    return;
  }
  if (!may_enter(target, side, arrival, from)) {
    ++port.counters.late;
    return;
  }
  audio_of(*arrival.in).ear_other_rate = hearing_of(*own);
  if (!hear(arrival)) return;
  codec::StreamEncoder* voice = voice_of(port, *own, hearing_of(*arrival.codec));
  if (!voice) {
    ++port.counters.dropped_format;
    return;
  }
  if (const auto mode = arrival.in->audio->ear->decoder().requested_mode(); mode && arrival.in->audio->voice)
    arrival.in->audio->voice->encoder().request_mode(*mode);
  PortAudio& audio = *port.audio;
  const bool is_new = std::exchange(audio.voice_source, arrival.source) != arrival.source;
  if (is_new) audio.has_event = false;
  const uint64_t source = arrival.source | own_numbers;
  // What was missing while somebody else was to be heard is nobody's loss.
  if (is_new || !port.out.is_fed_by(source))
    voice->put(arrival.heard.samples.subspan(arrival.heard.concealed), arrival.heard_rate, 0);
  else
    voice->put(arrival.heard.samples, arrival.heard_rate, arrival.heard.gap);
  for (bool is_first = true; auto packet = voice->next(); is_first = false) {
    const rtp::Packet numbered{.marker = packet->marker,
                               .payload_type = own->payload_type,
                               .sequence = packet->sequence,
                               .timestamp = packet->timestamp,
                               .payload = packet->payload};
    const auto place = port.out.place(source, numbered, packet->ticks, voice->clock_rate(), false, arrival.now,
                                      rtp::Continuity::Maker::far_end, arrival.is_unheard);
    if (!place) {
      ++port.counters.late;
      continue;
    }
    const OpenEvent& open = port.event;
    if (place->is_switch && open.is_open && open.source != source) hold_event(target, port, arrival.now);
    if (is_first && target.move && side == Side::outer && arrival.stream == 0 && !target.move->was_out)
      target.move->report.lost += place->missed_frames;
    rtp::Packet header = numbered;
    header.marker = place->marker;
    header.sequence = place->sequence;
    header.timestamp = place->timestamp;
    header.ssrc = port.out.ssrc();
    std::array<uint8_t, rtp::fixed_header_size + codec::payload_bytes_max> datagram;
    send_rtp(target, port, side, {datagram.data(), rtp::write_packet(datagram, header)}, arrival.now);
  }
  if (arrival.in->audio->ear->decoder().is_pausing()) {
    const std::array<uint8_t, 1> level{codec::noise_level_of(arrival.heard.samples)};
    pause(target, port, side, arrival, level);
  }
}

/// The source pauses. Its listener is told in the way that he knows; to one who knows none, noise is sent by the tick.
void Engine::pause(Anchor& target, Port& port, Side side, Arrival& arrival, std::span<const uint8_t> noise) {
  if (port.codecs.find_kind(Codec::Kind::comfort_noise)) return send_noise(target, port, side, arrival, noise);
  if (side == Side::inner || arrival.stream != 0) return;  // there nothing of our own is ever sent
  PortAudio& audio = audio_of(port);
  if (!audio.noise.update(noise)) return;
  audio.pausing_since = arrival.now;
  activate(target);
}

void Engine::send_noise(Anchor& target, Port& port, Side side, const Arrival& arrival, std::span<const uint8_t> noise) {
  PortAudio& audio = audio_of(port);
  if (!audio.voice || audio.voice_source != arrival.source) return;
  rtp::Packet packet{.payload_type = port.codecs.find_kind(Codec::Kind::comfort_noise)->payload_type,
                     .sequence = audio.voice->take_sequence(),
                     .timestamp = audio.voice->timestamp(),
                     .payload = noise};
  const uint32_t clock_rate = audio.voice->clock_rate();
  const auto place =
      port.out.place(arrival.source | own_numbers, packet, clock_rate / 50, clock_rate, false, arrival.now);
  if (!place) return;
  packet.sequence = place->sequence;
  packet.timestamp = place->timestamp;
  packet.ssrc = port.out.ssrc();
  std::array<uint8_t, rtp::fixed_header_size + 16> datagram;
  send_rtp(target, port, side, {datagram.data(), rtp::write_packet(datagram, packet)}, arrival.now);
}

/// An event or comfort noise of a source whose sound is transcoded takes its place on the line of numbers that the
/// sound has.
void Engine::renumber(Port& port, Arrival& arrival) {
  PortAudio& audio = *port.audio;
  if (arrival.in->audio && arrival.in->audio->ear) arrival.in->audio->ear->skip(arrival.packet);
  if (!arrival.is_event) {
    arrival.packet.timestamp = audio.voice->timestamp();
  } else if (!audio.has_event || audio.event_in != arrival.packet.timestamp) {
    audio.has_event = true;
    audio.event_in = arrival.packet.timestamp;
    audio.event_out = audio.voice->timestamp();
  }
  arrival.source |= own_numbers;
  arrival.packet.sequence = audio.voice->take_sequence();
  if (arrival.is_event) arrival.packet.timestamp = audio.event_out;
  arrival.clock_rate = audio.voice->clock_rate();
  arrival.frame = arrival.clock_rate / 50;
}

}  // namespace nearend::media
