#include "media/node.hpp"

#include "media/tone.hpp"

namespace nearend::media {

Result<void> NodeSettings::checked() const {
  using enum Error::Kind;
  if (port_first < 1024) return fail(invalid, "port_first {} is below 1024", port_first);
  if (port_last < port_first + 3)
    return fail(invalid, "port_last {} leaves no room above port_first {}", port_last, port_first);
  if (bind_outer.is_v6())
    return fail(invalid, "bind_outer {} is no IPv4 address; use bind_outer_v6", bind_outer.to_string());
  if (bind_outer_v6 && !bind_outer_v6->is_v6())
    return fail(invalid, "bind_outer_v6 {} is no IPv6 address", bind_outer_v6->to_string());
  if (recordings.empty()) return fail(invalid, "recordings is empty; a directory is needed");
  if (anchors_max == 0) return fail(invalid, "anchors_max is 0; at least 1 is needed");
  if (cores == 0 || cores > 64) return fail(invalid, "cores {} is not within 1 to 64", cores);
  if (workers == 0 || workers > 64) return fail(invalid, "workers {} is not within 1 to 64", workers);
  if (tiers != "auto" && tiers != "kernel" && tiers != "range" && tiers != "sockets")
    return fail(invalid, "tiers \"{}\" is none of auto, kernel, range, sockets", tiers);
  if (!find_tone("ringback", tone_country))
    return fail(invalid, "tone_country \"{}\" is none whose tones are known; de, fr, gb or us would be", tone_country);
  if (bind_outer.is_unspecified() && !advertised_outer)
    return fail(invalid, "advertised_outer is needed when bind_outer is {}", bind_outer.to_string());
  if (bind_inner.is_unspecified() && !advertised_inner)
    return fail(invalid, "advertised_inner is needed when bind_inner is {}", bind_inner.to_string());
  return {};
}

}  // namespace nearend::media
