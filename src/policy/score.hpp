#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "policy/segment.hpp"
#include "rtp/e_model.hpp"

namespace nearend::policy {

enum class MediaKind : uint8_t { audio, video, screen, text };
/// "audio", "voice", "video", "screen", "text"; anything else counts as audio.
MediaKind media_kind(std::string_view name);
std::string_view to_string(MediaKind kind);
/// What a call of that kind takes of a gateway's capacity; audio is one.
double units_of(MediaKind kind);

/// How routes are compared: by rules alone, by delay and loss whatever the medium is, or by what the medium makes of
/// them.
enum class Mode : uint8_t { static_rules, generic, quality };
std::string_view to_string(Mode mode);

/// What a path is worth to who talks over it.
struct Worth {
  double m2e_ms = 0;  ///< Mouth to ear.
  double rating = 0;  ///< R of the E-model; of media other than audio as if it were G.711.
  double points = 0;  ///< What routes are compared by: more is better, 1 point is worth 1 / 0.06 ms.
};

/// Rates paths. The E-model's delay part comes from a table, so that one rating costs nanoseconds. Any thread.
class Scale {
 public:
  Scale();
  Worth worth(const Estimate& path, MediaKind media, const rtp::Impairment& codec, Mode mode) const;
  double rating(double m2e_ms, double loss, const rtp::Impairment& codec) const;

 private:
  static constexpr double step_ms = 2;
  std::array<float, 501> by_delay_;  // 0 to 1000 ms
};

/// Points that a millisecond of mouth to ear costs on top of its rating, which is nearly flat below 150 ms.
inline constexpr double points_per_ms = 0.06;
/// Mouth to ear without network and jitter: packetisation and terminals.
inline constexpr double terminals_ms = 60;
/// What a jitter buffer settles at, in jitters.
inline constexpr double buffer_per_jitter = 2;

/// One path after the other: delays add up, jitters as deviations do, what gets through is multiplied.
Estimate operator+(const Estimate& a, const Estimate& b);

}  // namespace nearend::policy
