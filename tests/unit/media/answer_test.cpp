#include <random>

#include "media/control_json.hpp"
#include "media/speech.hpp"
#include "unit/media/line.hpp"

using namespace nearend;
using namespace nearend::media;
using namespace nearend::media::test;

namespace {

/// A callee, and the judgement of who it is.
struct Callee {
  Line line;
  std::mt19937 random{5};
  JobId job = JobId::none;
  bool has_noise = true;

  explicit Callee(AnswerRules rules) {
    const auto begun = line.world.wait(line.world.node->listen(line.leg.id, {.answer = rules}));
    REQUIRE(begun);
    job = *begun;
  }
  std::optional<event::ListenEnded> verdict() const {
    const auto all = line.world.events.find(line.leg.id);
    if (all == line.world.events.end()) return std::nullopt;
    for (const Event& one : all->second)
      if (const auto* ended = std::get_if<event::ListenEnded>(&one)) return *ended;
    return std::nullopt;
  }
  std::string by() const { return verdict() ? verdict()->answered_by : ""; }
  void hear(std::vector<int16_t> samples) {
    std::uniform_int_distribution<int> noise(-20, 20);
    if (has_noise)
      for (int16_t& sample : samples) sample = static_cast<int16_t>(std::clamp(sample + noise(random), -32768, 32767));
    for (size_t at = 0; at + 160 <= samples.size() && by().empty(); at += 160)
      line.say(std::span(samples).subspan(at, 160));
  }
  void silence(milliseconds length) { hear(std::vector<int16_t>(static_cast<size_t>(length.count()) * 8)); }
  void tone(milliseconds length, double hz) {
    std::vector<int16_t> samples(static_cast<size_t>(length.count()) * 8);
    for (size_t i = 0; i < samples.size(); ++i)
      samples[i] = static_cast<int16_t>(7000 * std::sin(2 * std::numbers::pi * hz * static_cast<double>(i) / 8000));
    hear(std::move(samples));
  }
  void say(std::string_view text) {
    const auto clip = speak(text, "man", "en-US");
    REQUIRE(clip);
    hear(clip->samples);
  }
};

constexpr std::string_view greeting =
    "You have reached the Miller family. We are not at home right now. Please leave a message after the tone.";

}  // namespace

TEST_CASE("who says a word and waits is a person, as soon as he has waited long enough") {
  for (const bool waits_for_end : {false, true}) {
    for (const std::string_view word : {"Hello?", "Miller speaking, good morning."}) {
      CAPTURE(word);
      Callee callee({.waits_for_end = waits_for_end});
      callee.silence(700ms);
      callee.say(word);
      CHECK(callee.by().empty());
      callee.silence(700ms);
      CHECK(callee.by().empty());
      callee.silence(1200ms);
      CHECK(callee.by() == "human");
      CHECK(callee.verdict()->silence_after >= 1200ms);
    }
  }
}

TEST_CASE("who goes on speaking is a machine: told at once, or at its beep, or when it falls silent") {
  Callee at_once({});
  at_once.silence(400ms);
  at_once.say(greeting);
  CHECK(at_once.by() == "machine_start");
  CHECK(at_once.verdict()->length < 3600ms);

  Callee beeping({.waits_for_end = true});
  beeping.silence(400ms);
  beeping.say(greeting);
  CHECK(beeping.by().empty());
  beeping.silence(900ms);
  beeping.tone(600ms, 1000);  // longer than what was left of the silence
  CHECK(beeping.by().empty());
  beeping.silence(200ms);
  CHECK(beeping.by() == "machine_end_beep");

  Callee quiet({.waits_for_end = true});
  quiet.silence(400ms);
  quiet.say(greeting);
  quiet.silence(2000ms);
  CHECK(quiet.by() == "machine_end_silence");

  // One that says little is told by its beep.
  for (const bool waits_for_end : {false, true}) {
    Callee brief({.waits_for_end = waits_for_end});
    brief.silence(300ms);
    brief.say("Leave a message.");
    brief.silence(500ms);
    brief.tone(400ms, 1400);
    brief.silence(300ms);
    CHECK(brief.by() == (waits_for_end ? "machine_end_beep" : "machine_start"));
  }
}

TEST_CASE("the parameters decide: the same word is a machine's where less is allowed, the same pause an end or not") {
  Callee strict({.speech_threshold = 1000ms});
  strict.silence(300ms);
  strict.say("Miller speaking, good morning, how may I help you?");
  CHECK(strict.by() == "machine_start");
  Callee patient({.speech_end = 3000ms});
  patient.silence(300ms);
  patient.say("Hello?");
  patient.silence(2500ms);
  CHECK(patient.by().empty());
  patient.silence(1000ms);
  CHECK(patient.by() == "human");
}

TEST_CASE("who says nothing, is not judged in time or hangs up is unknown") {
  Callee silent({});
  silent.silence(4800ms);
  CHECK(silent.by().empty());
  silent.silence(500ms);
  CHECK(silent.by() == "unknown");
  // Not even packets come.
  Callee dead({.silence_timeout = 2000ms});
  dead.line.world.loop.run_for(2500ms);
  CHECK(dead.by() == "unknown");
  Callee endless({.waits_for_end = true, .timeout = 6000ms});
  for (int i = 0; i < 3; ++i) endless.say(greeting);
  CHECK(endless.by() == "machine_end_other");
  CHECK(endless.verdict()->length <= 6300ms);
  Callee gone({});
  gone.silence(500ms);
  gone.line.world.node->stop(gone.line.leg.id, gone.job);
  gone.line.world.loop.run_for(50ms);
  CHECK(gone.by() == "unknown");
  CHECK(gone.verdict()->was_stopped);
}

TEST_CASE("a fax machine's answer is heard before its tone ends, and a beep of the same pitch is none") {
  Callee fax({.waits_for_end = true});
  fax.silence(1000ms);
  fax.tone(3000ms, 2100);
  CHECK(fax.by() == "fax");
  Callee beep({.waits_for_end = true});
  beep.silence(200ms);
  beep.say(greeting);
  beep.silence(300ms);
  beep.tone(300ms, 1100);
  beep.silence(300ms);
  CHECK(beep.by() == "machine_end_beep");
}

TEST_CASE("what is to be judged by survives its JSON, and what lies beyond the limits is refused") {
  const ListenRequest asked{.answer = AnswerRules{.waits_for_end = true, .timeout = 20s, .speech_threshold = 3s}};
  const auto read = read_listen(to_value(asked));
  REQUIRE(read);
  REQUIRE(read->answer);
  CHECK(read->answer->waits_for_end);
  CHECK(read->answer->timeout == 20s);
  CHECK(read->answer->speech_threshold == 3s);
  CHECK(read->answer->speech_end == 1200ms);
  for (const char* name : {"timeout_ms", "speech_threshold_ms", "speech_end_ms", "silence_timeout_ms"})
    for (const int value : {100, 61'000}) CHECK(!read_listen(json::object{{"answer", json::object{{name, value}}}}));
}
