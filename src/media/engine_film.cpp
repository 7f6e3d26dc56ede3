// Films: the pictures that belong to what is played, on the leg's line for pictures.
#include <array>

#include "codec/picture_packets.hpp"
#include "media/engine.hpp"

namespace nearend::media {
namespace {
constexpr std::chrono::seconds film_report_interval{3};
}

/// The m-line that takes pictures of that kind; nothing where there is none.
std::optional<uint8_t> Engine::screen_of(Anchor& anchor, codec::PictureKind kind) {
  for (size_t i = 1; i < anchor.streams.size(); ++i) {
    const Port& port = anchor.streams[i].outer;
    const bool is_seen = anchor.streams[i].kind == StreamKind::video && port.has_remote && port.may_send;
    if (is_seen && port.gate.rtp_target().port != 0 && port.codecs.find_pictures(kind)) return static_cast<uint8_t>(i);
  }
  return std::nullopt;
}

void Engine::set_screen(Anchor& anchor, Player& player) {
  const ClipPtr clip = player.clip();
  if (clip && clip->film) player.set_screen(screen_of(anchor, clip->film->kind).has_value());
}

uint32_t Engine::film_clock(io::Instant now) const {
  const auto since = std::chrono::duration_cast<milliseconds>(now - start_).count();
  return static_cast<uint32_t>(since * (FilmShow::clock_rate / 1000));
}

/// Once a tick while something is played, after the sound of the tick was made.
void Engine::show_film(Anchor& anchor, Player& player, io::Instant now) {
  const ClipPtr clip = player.clip();
  const Film* film = clip ? clip->film.get() : nullptr;
  const auto stream = film ? screen_of(anchor, film->kind) : std::nullopt;
  if (film) player.note_pictures(stream.has_value());
  if (!stream) return end_film_show(anchor);
  if (anchor.show && anchor.show->stream() != *stream) end_film_show(anchor);
  if (!anchor.show) anchor.show = std::make_unique<FilmShow>(*stream, static_cast<uint16_t>(random()));
  FilmShow& show = *anchor.show;
  if (show.stream() != *stream) return;  // a line of numbers belongs to one m-line
  Port& port = anchor.streams[*stream].outer;
  show.advance(clip, player.rounds(), static_cast<uint32_t>(player.position().count()), film_clock(now));
  const uint8_t payload_type = port.codecs.find_pictures(film->kind)->payload_type;
  std::array<uint8_t, rtp::fixed_header_size + codec::PicturePackets::payload_max> datagram;
  std::array<uint8_t, codec::PicturePackets::payload_max> payload;
  while (const auto due = show.next()) {
    codec::PicturePackets packets(due->kind, due->frame, due->is_key);
    while (const size_t size = packets.next(payload)) {
      const rtp::Packet packet{.marker = packets.is_last(),
                               .payload_type = payload_type,
                               .sequence = show.next_sequence(),
                               .timestamp = due->timestamp,
                               .ssrc = port.out.ssrc(),
                               .payload = {payload.data(), size}};
      send_rtp(anchor, port, Side::outer, {datagram.data(), rtp::write_packet(datagram, packet)}, now);
      ++show.packets;
      show.octets += static_cast<uint32_t>(size);
    }
  }
  if (show.packets > 0 && now >= show.next_report) report_film(anchor, port, now);
}

/// So that the far end hears and sees what belongs together at the same moment.
void Engine::report_film(Anchor& anchor, Port& port, io::Instant now) {
  FilmShow& show = *anchor.show;
  show.next_report = now + film_report_interval;
  const Endpoint to = port.gate.rtcp_target();
  if (to.port == 0) return;
  std::array<uint8_t, 128> buffer;
  rtp::RtcpWriter writer(buffer);
  writer.sender_report(
      port.out.ssrc(),
      {.ntp = ntp(now), .rtp_timestamp = film_clock(now), .packets = show.packets, .octets = show.octets}, {});
  write_name(writer, anchor, port);
  send_rtcp(port, to, {buffer.data(), writer.size()});
}

/// What is relayed may be seen again, from its next key frame on.
void Engine::end_film_show(Anchor& anchor) {
  if (!anchor.show || !anchor.show->is_on()) return;
  anchor.show->end();
  anchor.streams[anchor.show->stream()].outer.fed_by = 0;
}

}  // namespace nearend::media
