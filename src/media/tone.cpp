#include "media/tone.hpp"

#include <cmath>
#include <numbers>

#include "base/text.hpp"

namespace nearend::media {
namespace {

constexpr float amplitude = 4000;    // about -18 dBm0 each, as networks send them
constexpr float modulation = 0.85F;  // how deep

constexpr Tone tone(std::initializer_list<ToneStep> steps, bool is_repeated = true) {
  Tone made;
  for (const ToneStep& step : steps) made.steps[made.count++] = step;
  made.is_repeated = is_repeated;
  return made;
}

/// One second of 1 Hz: any whole frequency is a walk through it.
const std::array<float, 8000>& sines() {
  static const auto table = [] {
    std::array<float, 8000> made{};
    for (size_t i = 0; i < made.size(); ++i)
      made[i] = static_cast<float>(std::sin(2 * std::numbers::pi * static_cast<double>(i) / 8000));
    return made;
  }();
  return table;
}

int16_t sample(const ToneStep& step, uint32_t position) {
  const auto& table = sines();
  const auto sine = [&](uint32_t hz) { return hz ? table[position % 8000 * hz % 8000] : 0.0F; };
  float value = sine(step.first_hz);
  if (step.is_modulated)
    value *= 1 + modulation * sine(step.second_hz);
  else
    value += sine(step.second_hz);
  return static_cast<int16_t>(value * amplitude);
}

Result<ToneStep> parse_step(std::string_view text) {
  const auto wrong = [&] {
    return fail(Error::Kind::invalid, "tone: \"{}\" is no step of a cadence, \"440+480/2000\" would be one", text);
  };
  ToneStep step{.length_ms = 1000};
  const size_t slash = text.find('/');
  std::string_view tones = text.substr(0, slash);
  if (slash != std::string_view::npos) {
    const auto length = parse_unsigned(text.substr(slash + 1));
    if (!length || *length == 0 || *length > 60'000) return wrong();
    step.length_ms = static_cast<uint16_t>(*length);
  }
  const size_t sign = tones.find_first_of("+*");
  const auto first = parse_unsigned(tones.substr(0, sign));
  if (!first || *first > 3900) return wrong();
  step.first_hz = static_cast<uint16_t>(*first);
  if (sign == std::string_view::npos) return step;
  step.is_modulated = tones[sign] == '*';
  const auto second = parse_unsigned(tones.substr(sign + 1));
  if (!second || *second > 3900) return wrong();
  step.second_hz = static_cast<uint16_t>(*second);
  return step;
}

}  // namespace

uint32_t Tone::length_ms() const {
  uint32_t total = 0;
  for (uint8_t i = 0; i < count; ++i) total += steps[i].length_ms;
  return total;
}

Result<Tone> parse_cadence(std::string_view text) {
  Tone made;
  for (std::string_view part : split(text, ',')) {
    auto step = parse_step(trim(part));
    if (!step) return pass(step);
    if (made.count >= made.steps.size())
      return fail(Error::Kind::invalid, "tone: a cadence has {} steps at most", made.steps.size());
    made.steps[made.count++] = *step;
  }
  if (made.count == 0) return fail(Error::Kind::invalid, "tone: a cadence without steps");
  return made;
}

Result<Tone> find_tone(std::string_view name, std::string_view country) {
  if (name == "beep") return tone({{1000, 0, 250}}, false);
  if (!name.empty() && name[0] >= '0' && name[0] <= '9') return parse_cadence(name);
  const size_t slash = name.find('/');
  const std::string code = to_lower(slash == std::string_view::npos ? country : name.substr(slash + 1));
  const std::string_view cadence = country_cadence(name.substr(0, slash), code);
  if (!cadence.empty()) return parse_cadence(cadence);
  return fail(Error::Kind::not_found,
              "tone \"{}\" is none of ringback, busy, congestion, dial with a known country, beep, or a cadence", name);
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
