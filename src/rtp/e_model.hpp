#pragma once

#include <cstdint>

namespace nearend::rtp {

/// How a codec bears loss (ITU-T G.113 appendix I): equipment impairment without loss, and its robustness against
/// random loss.
struct Impairment {
  double ie = 0;
  double bpl = 25.1;
};

/// G.711 with concealment (G.711 appendix I), and as it sounds where nothing conceals.
inline constexpr Impairment g711_concealed{0, 25.1};
inline constexpr Impairment g711_bare{0, 4.3};
/// G.729A with voice activity detection, G.723.1 at 6.3 kbit/s, GSM EFR (AMR at 12.2 kbit/s is the same codec).
inline constexpr Impairment g729a{11, 19};
inline constexpr Impairment g723_6k3{15, 16.1};
inline constexpr Impairment gsm_efr{5, 10};

/// What a talk is like for who listens.
struct Conditions {
  double delay_ms = 0;      ///< One way, mouth to ear: network, packetisation, jitter buffer, terminals.
  double loss_percent = 0;  ///< Lost in the network and discarded as late.
  double burst_ratio = 1;   ///< Mean length of losses against that of random ones.
  /// Loss of the talker's echo path in dB (TELR): 65 for ordinary telephones, 100 where echo is cancelled.
  double echo_loss_db = 65;
  Impairment codec;
};

/// The transmission rating R by the E-model (ITU-T G.107), everything not named in Conditions at its default; 93.2 is
/// the best a narrowband talk can have. Never below 0.
double rating(const Conditions& conditions);
/// Mean opinion score, 1 to 4.5, that belongs to a rating (G.107 annex B). Any thread, both.
double opinion_score(double rating);

}  // namespace nearend::rtp
