#include "rtp/e_model.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace nearend::rtp {
namespace {

// Names are those of G.107, whose default values these are, in dB unless said.
constexpr double slr = 8, rlr = 2, stmr = 15, lstr = 18, ds = 3, wepl = 110, nc = -70, n_for = -64, ps = 35, pr = 35;
constexpr double olr = slr + rlr;

double power(double db) {
  return std::pow(10, db / 10);
}

/// (1 + (x)^n)^(1/n)
double bend(double x, double n) {
  return std::pow(1 + std::pow(x, n), 1 / n);
}

/// The sum of all noises, at the 0 dBr point.
double noise() {
  const double nos = ps - slr - ds - 100 + 0.004 * std::pow(ps - olr - ds - 14, 2);
  const double pre = pr + 10 * std::log10(1 + power(10 - lstr));
  const double nor = rlr - 121 + pre + 0.008 * std::pow(pre - 35, 2);
  const double nfo = n_for + rlr;
  return 10 * std::log10(power(nc) + power(nos) + power(nor) + power(nfo));
}

double basic_ratio(double no) {
  return 15 - 1.5 * (slr + no);
}

/// Sidetone that is not loud enough, or too loud.
double sidetone(double delay, double telr) {
  const double stmro = -10 * std::log10(power(-stmr) + std::exp(-delay / 4) * power(-telr));
  return 12 * bend((stmro - 13) / 6, 8) - 28 * bend((stmro + 1) / 19.4, 35) - 13 * bend((stmro - 3) / 33, 13) + 29;
}

/// What is heard together with the voice: loudness, sidetone, quantising.
double simultaneous(double no, double ro, double delay, double telr) {
  const double xolr = olr + 0.2 * (64 + no - rlr);
  const double iolr = 20 * (bend(xolr / 8, 8) - xolr / 8);
  const double q = 37;  // one quantising distortion unit
  const double g = 1.07 + 0.258 * q + 0.0602 * q * q;
  const double y = (ro - 100) / 15 + 46 / 8.4 - g / 9;
  const double z = 46.0 / 30 - g / 40;
  const double iq = 15 * std::log10(1 + std::pow(10, y) + std::pow(10, z));
  return iolr + sidetone(delay, telr) + iq;
}

double talker_echo(double no, double delay, double telr) {
  const double roe = -1.5 * (no - rlr);
  const double terv = telr - 40 * std::log10((1 + delay / 10) / (1 + delay / 150)) + 6 * std::exp(-0.3 * delay * delay);
  const double re = 80 + 2.5 * (terv - 14);
  const double half = (roe - re) / 2;
  return (half + std::sqrt(half * half + 100) - 1) * (1 - std::exp(-delay));
}

double listener_echo(double ro, double delay) {
  const double rle = 10.5 * (wepl + 7) * std::pow(2 * delay + 1, -0.25);
  const double half = (ro - rle) / 2;
  return half + std::sqrt(half * half + 169);
}

double pure_delay(double delay) {
  if (delay <= 100) return 0;
  const double x = std::log2(delay / 100);
  return 25 * (bend(x, 6) - 3 * bend(x / 3, 6) + 2);
}

struct NamedImpairment {
  std::string_view name;
  Impairment impairment;
};
constexpr NamedImpairment named_impairments[] = {
    {"PCMU", g711_concealed}, {"PCMA", g711_concealed}, {"G729", g729a},       {"G723", g723_6k3},
    {"AMR", gsm_efr},         {"GSM-EFR", gsm_efr},     {"GSM", gsm_full_rate}};

}  // namespace

Impairment impairment_of(std::string_view rtp_name) {
  const auto found = std::ranges::find(named_impairments, rtp_name, &NamedImpairment::name);
  return found == std::end(named_impairments) ? g711_concealed : found->impairment;
}

double equipment_impairment(const Impairment& codec, double loss_percent, double burst_ratio) {
  const double loss = std::clamp(loss_percent, 0.0, 100.0);
  return codec.ie + (95 - codec.ie) * loss / (loss / std::max(burst_ratio, 1.0) + codec.bpl);
}

double rating(const Conditions& conditions) {
  static const double no = noise();
  const double ro = basic_ratio(no);
  const double delay = std::max(conditions.delay_ms, 0.0);
  const double late = talker_echo(no, delay, conditions.echo_loss_db) + listener_echo(ro, delay) + pure_delay(delay);
  const double is = simultaneous(no, ro, delay, conditions.echo_loss_db);
  const double coded = equipment_impairment(conditions.codec, conditions.loss_percent, conditions.burst_ratio);
  return std::max(0.0, ro - is - late - coded + std::clamp(conditions.advantage, 0.0, 20.0));
}

double opinion_score(double rating) {
  if (rating <= 6.5) return 1;
  if (rating >= 100) return 4.5;
  return 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6;
}

}  // namespace nearend::rtp
