#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "media/listener.hpp"

namespace nearend::media {

/// Hears a fax machine or modem that answers: the tone of 2100 Hz (ITU-T T.30 CED, V.25) or the preamble of V.21.
class FaxEar {
 public:
  FaxEar();
  ~FaxEar();
  FaxEar(const FaxEar&) = delete;
  void feed(std::span<const int16_t> samples);
  bool has_heard() const { return has_heard_; }

 private:
  struct State;
  std::unique_ptr<State> state_;
  bool has_heard_ = false;
};

/// Says who answered a call, by what was said and how long: a person says a word and waits, a machine goes on.
/// Media thread; takes no memory after it was made.
class AnswerJudge {
 public:
  explicit AnswerJudge(const AnswerRules& rules) : rules_(rules) {}
  void feed(std::span<const int16_t> samples) { fax_.feed(samples); }
  /// Once a tick. "human", "machine_start", "machine_end_beep", "machine_end_silence", "machine_end_other", "fax",
  /// "unknown"; nothing before it is sure.
  std::optional<std::string_view> verdict(const Listener& listener);

 private:
  AnswerRules rules_;
  FaxEar fax_;
  bool is_machine_ = false;
};

}  // namespace nearend::media
