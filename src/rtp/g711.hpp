#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace nearend::rtp {

/// G.711 by tables. Any thread, no allocation.
uint8_t encode_ulaw(int16_t sample);
uint8_t encode_alaw(int16_t sample);
int16_t decode_ulaw(uint8_t code);
int16_t decode_alaw(uint8_t code);
/// One law to the other through linear, as G.711's own tables do for the levels that matter.
uint8_t alaw_of_ulaw(uint8_t code);
uint8_t ulaw_of_alaw(uint8_t code);

}  // namespace nearend::rtp
