#pragma once

#include <memory>
#include <string>
#include <vector>

#include "codec/jitter_buffer.hpp"
#include "media/formats.hpp"
#include "media/mixer.hpp"

namespace nearend::media {

/// A conference room of an engine: its sound, and who sits in which of the mixer's seats. Lives while somebody is
/// there.
struct Room {
  std::string name;
  Mixer mixer;
  std::vector<AnchorId> legs;  ///< By seat; none where it is free.
  Mixer::Seat speaker = Mixer::no_seat;

  Mixer::Seat seat_of(AnchorId leg) const;
  bool is_empty() const { return mixer.count() == 0; }
};

/// A leg in a room: its place, and what it says, put in order and in time by a buffer made with its first packet.
struct Chair {
  Room* room = nullptr;
  Mixer::Seat seat = Mixer::no_seat;
  AnchorId coached = AnchorId::none;
  bool has_beep_out = false;
  std::unique_ptr<codec::JitterBuffer> ear;
  Codec ear_codec;
  uint64_t ear_source = 0;
};

}  // namespace nearend::media
