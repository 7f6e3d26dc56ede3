// Who hears an endpoint: streams, and watches for speech, pauses and beeps.
#include "media/engine.hpp"

namespace nearend::media {
namespace {
constexpr milliseconds answer_delay{500};  // the line of what was heard is behind the clock; a verdict ends it first
}

void Engine::listen(AnchorId id, JobId job, const ListenRequest& request, io::Instant now) {
  Anchor* anchor = find(id);
  if (!anchor) return;
  take_back(*anchor, now);
  AnchorJobs& jobs = jobs_of(*anchor);
  if (jobs.listening) end_listening(*anchor, true);
  const auto& rules = request.answer;
  jobs.listening = std::make_unique<Listening>(
      Listening{.job = job,
                .listener = Listener(rules ? rules->speech_end : request.pause, now),
                .end_at = now + (rules ? rules->timeout + answer_delay : request.length_max),
                .judge = rules ? std::make_unique<AnswerJudge>(*rules) : nullptr});
  activate(*anchor);
}

void Engine::stream(AnchorId id, JobId job, std::shared_ptr<SoundPipe> pipe, std::unique_ptr<Player> player,
                    bool is_heard, io::Instant now) {
  Anchor* anchor = find(id);
  if (!anchor) {
    pipe->is_leg_gone = true;
    return;
  }
  take_back(*anchor, now);
  if (is_heard) jobs_of(*anchor).pipes.emplace_back(job, std::move(pipe));
  if (player) play(id, std::move(player), false, now);
}

void Engine::feed_listeners(AnchorJobs& jobs, std::span<const int16_t> samples, io::Instant now) {
  for (const auto& [job, pipe] : jobs.pipes) pipe->heard.write(samples);
  if (jobs.listening) jobs.listening->listener.feed(samples, now);
  if (jobs.listening && jobs.listening->judge) jobs.listening->judge->feed(samples);
  if (jobs.collector && jobs.collector->listener) jobs.collector->listener->feed(samples, now);
}

void Engine::tick_listeners(Anchor& anchor, io::Instant now) {
  if (Listening* listening = anchor.jobs->listening.get()) {
    listening->listener.on_time(now);
    while (const auto found = listening->listener.next()) tell_heard(anchor, listening->job, *found);
    const auto verdict = listening->judge ? listening->judge->verdict(listening->listener) : std::nullopt;
    if (verdict) listening->verdict = *verdict;
    if (verdict || now >= listening->end_at) end_listening(anchor, false);
  }
  if (!anchor.jobs->collector || !anchor.jobs->collector->listener) return;
  anchor.jobs->collector->listener->on_time(now);
  while (anchor.jobs->collector) {
    const auto found = anchor.jobs->collector->listener->next();
    if (!found) break;
    tell_heard(anchor, anchor.jobs->collector->job, *found);
    on_speech(anchor, *found, now);
  }
}

void Engine::tell_heard(Anchor& anchor, JobId job, const Listener::Found& found) {
  switch (found.kind) {
    case Listener::Found::Kind::speech_started:
      return output_.tell(anchor.id, event::SpeechStarted{job, found.at});
    case Listener::Found::Kind::speech_ended:
      return output_.tell(anchor.id, event::SpeechEnded{job, found.at, found.length});
    case Listener::Found::Kind::beep:
      return output_.tell(anchor.id, event::Beep{job, found.at, found.length, found.hz});
  }
}

/// What speech does to the input that it may answer: as a digit, but that its end ends it.
void Engine::on_speech(Anchor& anchor, const Listener::Found& found, io::Instant now) {
  Collector& collector = *anchor.jobs->collector;
  if (!collector.digits.empty()) return;  // it is being answered with keys
  if (found.kind == Listener::Found::Kind::speech_started && anchor.jobs->is_prompting()) end_player(anchor, true, now);
  if (found.kind != Listener::Found::Kind::speech_ended) return;
  collector.has_speech = true;
  end_collector(anchor, "", false, now);
}

void Engine::end_listening(Anchor& anchor, bool was_stopped) {
  const std::unique_ptr<Listening> ended = std::move(anchor.jobs->listening);
  const Listener::Summary all = ended->listener.summary();
  output_.tell(anchor.id, event::ListenEnded{.job = ended->job,
                                             .was_stopped = was_stopped,
                                             .length = all.length,
                                             .initial_silence = all.initial_silence,
                                             .greeting = all.greeting,
                                             .silence_after = all.silence_after,
                                             .stretches = all.stretches,
                                             .beeps = all.beeps,
                                             .answered_by = std::string(ended->judge ? ended->verdict : "")});
}

}  // namespace nearend::media
