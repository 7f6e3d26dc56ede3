#include "media/tone.hpp"

#include <cmath>
#include <numbers>

#include "base/text.hpp"

namespace nearend::media {
namespace {

constexpr double amplitude = 4000;  // about -18 dBm0 each, as networks send them

struct Country {
  std::string_view code;
  Tone ringback, busy, congestion, dial;
};

constexpr Tone tone(std::initializer_list<ToneStep> steps, bool is_repeated = true) {
  Tone made;
  for (const ToneStep& step : steps) made.steps[made.count++] = step;
  made.is_repeated = is_repeated;
  return made;
}

constexpr Tone british_ringback = tone({{400, 450, 400}, {0, 0, 200}, {400, 450, 400}, {0, 0, 2000}});
constexpr Tone european_ringback = tone({{425, 0, 1000}, {0, 0, 4000}});
constexpr Tone european_busy = tone({{425, 0, 500}, {0, 0, 500}});
constexpr Tone european_congestion = tone({{425, 0, 250}, {0, 0, 250}});
constexpr Tone european_dial = tone({{425, 0, 1000}});

constexpr Country countries[] = {
    {"us", tone({{440, 480, 2000}, {0, 0, 4000}}), tone({{480, 620, 500}, {0, 0, 500}}),
     tone({{480, 620, 250}, {0, 0, 250}}), tone({{350, 440, 1000}})},
    {"gb", british_ringback, tone({{400, 0, 375}, {0, 0, 375}}),
     tone({{400, 0, 400}, {0, 0, 350}, {400, 0, 225}, {0, 0, 525}}), tone({{350, 440, 1000}})},
    {"de", european_ringback, tone({{425, 0, 480}, {0, 0, 480}}), tone({{425, 0, 240}, {0, 0, 240}}), european_dial},
    {"fr", tone({{440, 0, 1500}, {0, 0, 3500}}), tone({{440, 0, 500}, {0, 0, 500}}), tone({{440, 0, 250}, {0, 0, 250}}),
     tone({{440, 0, 1000}})},
    {"es", tone({{425, 0, 1500}, {0, 0, 3000}}), tone({{425, 0, 200}, {0, 0, 200}}), european_congestion,
     european_dial},
    {"it", european_ringback, european_busy, tone({{425, 0, 200}, {0, 0, 200}}),
     tone({{425, 0, 200}, {0, 0, 200}, {425, 0, 600}, {0, 0, 1000}})},
    {"ie", british_ringback, european_busy, european_congestion, european_dial},
    {"au", tone({{400, 450, 400}, {0, 0, 200}, {400, 450, 400}, {0, 0, 2000}}), tone({{425, 0, 375}, {0, 0, 375}}),
     tone({{425, 0, 375}, {0, 0, 375}}), tone({{413, 438, 1000}})},
    {"jp", tone({{400, 384, 1000}, {0, 0, 2000}}), tone({{400, 0, 500}, {0, 0, 500}}),
     tone({{400, 0, 500}, {0, 0, 500}}), tone({{400, 0, 1000}})},
    {"sg", tone({{401, 425, 400}, {0, 0, 200}, {401, 425, 400}, {0, 0, 2000}}), tone({{425, 0, 750}, {0, 0, 750}}),
     european_congestion, european_dial},
    {"in", tone({{400, 25, 400}, {0, 0, 200}, {400, 25, 400}, {0, 0, 2000}}), tone({{400, 0, 750}, {0, 0, 750}}),
     tone({{400, 0, 250}, {0, 0, 250}}), tone({{400, 25, 1000}})},
    {"br", european_ringback, tone({{425, 0, 250}, {0, 0, 250}}),
     tone({{425, 0, 250}, {0, 0, 250}, {425, 0, 750}, {0, 0, 250}}), european_dial},
};

int16_t sample(const ToneStep& step, uint32_t position) {
  const double t = position * (2 * std::numbers::pi / 8000);
  double value = 0;
  if (step.first_hz) value += std::sin(t * step.first_hz);
  if (step.second_hz) value += std::sin(t * step.second_hz);
  return static_cast<int16_t>(value * amplitude);
}

}  // namespace

uint32_t Tone::length_ms() const {
  uint32_t total = 0;
  for (uint8_t i = 0; i < count; ++i) total += steps[i].length_ms;
  return total;
}

Result<Tone> find_tone(std::string_view name) {
  if (name == "beep") return tone({{1000, 0, 250}}, false);
  const size_t slash = name.find('/');
  const std::string_view kind = name.substr(0, slash);
  std::string code = slash == std::string_view::npos ? "us" : to_lower(name.substr(slash + 1));
  if (code == "uk") code = "gb";
  for (const Country& country : countries) {
    if (country.code != code) continue;
    if (kind == "ringback") return country.ringback;
    if (kind == "busy") return country.busy;
    if (kind == "congestion") return country.congestion;
    if (kind == "dial") return country.dial;
  }
  return fail(Error::Kind::not_found,
              "tone \"{}\" is none of ringback, busy, congestion, dial with a known country, beep", name);
}

std::optional<Tone> dtmf_tone(char digit) {
  constexpr std::string_view keys = "123A456B789C*0#D";
  constexpr uint16_t rows[] = {697, 770, 852, 941};
  constexpr uint16_t columns[] = {1209, 1336, 1477, 1633};
  const size_t at = keys.find(digit >= 'a' && digit <= 'd' ? static_cast<char>(digit - 'a' + 'A') : digit);
  if (at == std::string_view::npos) return std::nullopt;
  return tone({{rows[at / 4], columns[at % 4], 160}, {0, 0, 80}}, false);
}

bool ToneGenerator::fill(std::span<int16_t> out) {
  for (int16_t& value : out) {
    value = 0;
    if (step_ >= tone_.count) continue;
    const ToneStep& step = tone_.steps[step_];
    value = sample(step, in_step_);
    if (++in_step_ < step.length_ms * 8u) continue;
    in_step_ = 0;
    ++step_;
    if (step_ == tone_.count && tone_.is_repeated) step_ = 0;
  }
  return step_ < tone_.count;
}

}  // namespace nearend::media
