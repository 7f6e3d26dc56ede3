#pragma once

#include <cstdint>
#include <string_view>

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
inline constexpr Impairment gsm_full_rate{20, 4.3};
/// Of a codec by its RTP name, with concealment where the codec brings none. What G.113 has no narrowband figures for
/// (Opus, G.722, AMR-WB, L16) counts as G.711: it does not sound worse.
Impairment impairment_of(std::string_view rtp_name);

/// What a talk is like for who listens.
struct Conditions {
  double delay_ms = 0;      ///< One way, mouth to ear: network, packetisation, jitter buffer, terminals.
  double loss_percent = 0;  ///< Lost in the network and discarded as late.
  double burst_ratio = 1;   ///< Mean length of losses against that of random ones.
  /// Loss of the talker's echo path in dB (TELR): 65 for ordinary telephones, 100 where echo is cancelled.
  double echo_loss_db = 65;
  Impairment codec;
  double advantage =
      0;  ///< What listeners forgive for what they gain (A): 5 in a building, 10 on the road, at most 20.
};

/// The transmission rating R by the E-model (ITU-T G.107), everything not named in Conditions at its default; 93.2 is
/// the best a narrowband talk can have. Never below 0.
double rating(const Conditions& conditions);
/// What coding and loss alone take from it (Ie,eff), whatever the delay: a rating is that of the delay less this.
double equipment_impairment(const Impairment& codec, double loss_percent, double burst_ratio = 1);
/// Mean opinion score, 1 to 4.5, that belongs to a rating (G.107 annex B). Any thread, all.
double opinion_score(double rating);

}  // namespace nearend::rtp
