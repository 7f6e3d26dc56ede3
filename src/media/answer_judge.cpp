#include "media/answer_judge.hpp"

#include <spandsp.h>

namespace nearend::media {

struct FaxEar::State {
  modem_connect_tones_rx_state_t* tones =
      modem_connect_tones_rx_init(nullptr, MODEM_CONNECT_TONES_FAX_CED_OR_PREAMBLE, nullptr, nullptr);
  State() = default;
  State(const State&) = delete;
  ~State() {
    if (tones) modem_connect_tones_rx_free(tones);
  }
};

FaxEar::FaxEar() : state_(std::make_unique<State>()) {}
FaxEar::~FaxEar() = default;

void FaxEar::feed(std::span<const int16_t> samples) {
  if (samples.empty() || has_heard_ || !state_->tones) return;
  modem_connect_tones_rx(state_->tones, samples.data(), static_cast<int>(samples.size()));
  has_heard_ = modem_connect_tones_rx_get(state_->tones) != MODEM_CONNECT_TONES_NONE;
}

std::optional<std::string_view> AnswerJudge::verdict(const Listener& listener) {
  const Listener::Summary heard = listener.summary();
  const bool is_over = heard.length >= rules_.timeout;
  if (fax_.has_heard()) return "fax";
  // What a tone that is heard now will turn out to be is not known before it ends.
  if (listener.is_in_tone() && !is_over) return std::nullopt;
  const bool has_beep = heard.beeps > 0;
  const bool is_silent = heard.stretches > 0 && heard.silence_after >= rules_.speech_end;
  if (!is_machine_) {
    is_machine_ = has_beep || (heard.stretches > 0 && heard.greeting > rules_.speech_threshold);
    if (!is_machine_ && is_silent) return "human";
    if (!is_machine_ && heard.stretches == 0 && heard.length >= rules_.silence_timeout) return "unknown";
    if (is_machine_ && !rules_.waits_for_end) return "machine_start";
  }
  if (is_machine_ && has_beep) return "machine_end_beep";
  if (is_machine_ && is_silent) return "machine_end_silence";
  if (!is_over) return std::nullopt;
  return is_machine_ ? "machine_end_other" : "unknown";
}

}  // namespace nearend::media
