#pragma once

#include "media/engine.hpp"

namespace nearend::media {

/// One packet on its way through the engine.
struct Engine::Arrival {
  Arrival(std::span<uint8_t> bytes, const rtp::Packet& view, io::Instant at, const Inlet& inlet)
      : datagram(bytes), packet(view), now(at), stream(inlet.stream), side(inlet.side) {}

  std::span<uint8_t> datagram;
  rtp::Packet packet;
  io::Instant now;
  uint8_t stream = 0;
  Side side = Side::outer;
  Port* in = nullptr;                 ///< Where it came in.
  const CodecList* codecs = nullptr;  ///< Of the side it came in on.
  const Codec* codec = nullptr;       ///< Null where nothing was negotiated and all passes.
  uint64_t source = 0;
  uint32_t clock_rate = 8000;
  uint32_t frame = 160;  ///< Ticks it lasts.
  bool is_event = false;
  rtp::EventPayload event;
  bool is_previous = false;  ///< From the remote before the last set_remote.
  bool is_late = false;      ///< And that one's time is over: only the rest of a digit may pass.

  bool is_unheard = false;  ///< No other path has brought this frame.

  bool is_heard = false;  ///< Was decoded.
  codec::StreamDecoder::Heard heard{};
  uint32_t heard_rate = 8000;

  bool is_coded() const { return codec && codec->is_coded; }
  bool is_g711() const { return codec && codec->is_g711(); }
  bool is_noise() const { return codec && codec->kind == Codec::Kind::comfort_noise; }
};

}  // namespace nearend::media
