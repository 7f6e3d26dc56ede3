#pragma once

#include <cstdint>

#include "io/loop.hpp"
#include "media/control.hpp"

namespace nearend::gateway {

/// Packets that a way was given, and how many of them it has lost; below 0 where more came than the sender's count
/// said.
struct WayCount {
  uint32_t packets = 0;
  int32_t missing = 0;
};

/// What one second of a leg tells of the way to it.
struct WayVerdict {
  WayCount earlier;        ///< Before the way began to lose;
  WayCount now;            ///< of late.
  bool is_clean = false;   ///< The talker's stream has had its holes before this way.
  bool is_guilty = false;  ///< The way itself loses.
  bool is_mixed = false;   ///< It was heard on two ways, and tells nothing of either.
};

/// Tells what a way loses from the holes that the talker's stream had before it. The holes in the numbering are known
/// each second, whose they are only when the sender counts (RTCP SR, RFC 3550 6.4.1), which it is asked to when there
/// are many; for a while after a count that says they are the way's, new ones are held to be the way's too. Gateway's
/// loop only.
class WayBlame {
 public:
  WayVerdict hear(const media::LegSecond& second, io::Instant now);

 private:
  WayVerdict weigh(const media::LegSecond& second, io::Instant now);

  WayCount holey_;  // whole seconds since the sender's last count, from the first that had holes on
  io::Instant guilty_until_{};
};

}  // namespace nearend::gateway
