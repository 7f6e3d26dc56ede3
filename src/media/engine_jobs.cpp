// Players, collectors and recorders.
#include <algorithm>

#include "media/engine.hpp"

namespace nearend::media {

namespace {

/// The player of that job, at work or waiting.
Player* find_player(const AnchorJobs* jobs, JobId job) {
  if (!jobs) return nullptr;
  if (jobs->player && jobs->player->job() == job) return jobs->player.get();
  for (const auto& waiting : jobs->queued)
    if (waiting->job() == job) return waiting.get();
  return nullptr;
}

}  // namespace

AnchorJobs& Engine::jobs_of(Anchor& anchor) {
  if (!anchor.jobs) anchor.jobs = std::make_unique<AnchorJobs>();
  return *anchor.jobs;
}

void Engine::play(AnchorId id, std::unique_ptr<Player> player, bool is_queued, io::Instant now) {
  Anchor* anchor = find(id);
  if (!anchor) return;
  take_back(*anchor, now);
  AnchorJobs& jobs = jobs_of(*anchor);
  if (is_queued && jobs.player) {
    if (jobs.queued.size() < queued_max) {
      jobs.queued.push_back(std::move(player));
    } else {
      const Error full{Error::Kind::unavailable, "too many plays wait on the leg already"};
      tell_play_ended(*anchor, *player, true, full);
    }
    return;
  }
  end_queued(*anchor);
  if (jobs.player) end_player(*anchor, true, now);
  jobs.player = std::move(player);
  activate(*anchor);
}

void Engine::supply(AnchorId id, JobId job, size_t item, Result<ClipPtr> clip) {
  Anchor* anchor = find(id);
  if (Player* player = anchor ? find_player(anchor->jobs.get(), job) : nullptr) player->supply(item, std::move(clip));
}

void Engine::collect(AnchorId id, JobId job, const CollectRequest& request, std::vector<PlayItem> prompt,
                     io::Instant now) {
  Anchor* anchor = find(id);
  if (!anchor) return;
  take_back(*anchor, now);
  AnchorJobs& jobs = jobs_of(*anchor);
  if (jobs.collector) end_collector(*anchor, "", false, now);
  jobs.collector = std::make_unique<Collector>();
  jobs.collector->job = job;
  jobs.collector->digits_max = request.digits_max;
  jobs.collector->finish_on_digits = request.finish_on_digits;
  jobs.collector->timeout = request.timeout;
  jobs.collector->first_timeout = request.first_timeout.count() > 0 ? request.first_timeout : request.timeout;
  if (request.speech_timeout) jobs.collector->listener = std::make_unique<Listener>(*request.speech_timeout, now);
  if (prompt.empty()) {
    jobs.collector->deadline = now + jobs.collector->first_timeout;
  } else {
    end_queued(*anchor);
    if (jobs.player) end_player(*anchor, true, now);
    jobs.player =
        std::make_unique<Player>(job, std::move(prompt), PlayEnds{.is_told = false}, request.prompt.volume_db);
  }
  activate(*anchor);
}

void Engine::record(JobId job, const RecordRequest& request, std::string path, io::Instant now) {
  Anchor* owner = request.legs.empty() ? nullptr : find(request.legs.front());
  if (!owner) return;
  io::Instant begin = now;
  if (request.has_beep) {
    const Tone beep = *find_tone("beep");
    std::vector<PlayItem> items(1);
    items[0].kind = Source::Kind::tone;
    items[0].tone = beep;
    items[0].length = milliseconds(beep.length_ms());
    begin += items[0].length;
    AnchorJobs& jobs = jobs_of(*owner);
    end_queued(*owner);
    if (jobs.player) end_player(*owner, true, now);
    jobs.player = std::make_unique<Player>(job, std::move(items), PlayEnds{.is_told = false});
    activate(*owner);
  }
  auto recorder = std::make_unique<Recorder>(job, request, std::move(path), static_cast<uint32_t>(random()), begin);
  for (size_t i = 0; i < recorder->legs().size(); ++i)
    if (Anchor* leg = find(recorder->legs()[i].anchor)) {
      take_back(*leg, now);
      jobs_of(*leg).taps.push_back({recorder.get(), static_cast<uint8_t>(i)});
    }
  recorders_.push_back(std::move(recorder));
}

void Engine::stop(AnchorId id, JobId job, io::Instant now) {
  Anchor* anchor = find(id);
  if (anchor) end_tap(*anchor, job);
  if (anchor && anchor->jobs) {
    if (anchor->jobs->collector && anchor->jobs->collector->job == job) end_collector(*anchor, "", false, now);
    std::erase_if(anchor->jobs->pipes, [job](const auto& one) { return one.first == job; });
    if (anchor->jobs->listening && anchor->jobs->listening->job == job) end_listening(*anchor, true);
    auto& queued = anchor->jobs->queued;
    const auto waiting = std::ranges::find(queued, job, &Player::job);
    if (waiting != queued.end()) {
      tell_play_ended(*anchor, **waiting, true, std::nullopt);
      queued.erase(waiting);
    }
    if (anchor->jobs->player && anchor->jobs->player->job() == job) end_player(*anchor, true, now);
  }
  for (auto& recorder : recorders_)
    if (recorder->job() == job) end_recorder(*recorder, "stopped", now);
}

void Engine::change(AnchorId id, JobId job, const JobChange& change, io::Instant now) {
  const Anchor* anchor = find(id);
  if (Player* player = anchor ? find_player(anchor->jobs.get(), job) : nullptr) {
    if (change.is_paused) player->set_paused(*change.is_paused);
    if (change.volume_db) player->set_volume(*change.volume_db);
  }
  for (auto& recorder : recorders_) {
    if (recorder->job() != job || recorder->is_ending || !change.is_paused) continue;
    if (*change.is_paused)
      recorder->pause(change.is_gap_silent, now);
    else
      recorder->resume(now);
  }
}

void Engine::on_digit_begun(Anchor& anchor, io::Instant now) {
  if (!anchor.jobs || !anchor.jobs->player) return;
  const bool is_collecting = anchor.jobs->collector && anchor.jobs->is_prompting();
  if (!is_collecting && !anchor.jobs->player->is_stopped_by_digit()) return;
  end_queued(anchor);  // a digit answers all that was about to be said
  end_player(anchor, true, now);
}

void Engine::on_digit(Anchor& anchor, const rtp::EventDetector::Pressed& pressed, bool is_in_band, io::Instant now) {
  output_.tell(anchor.id, event::Digit{pressed.digit, pressed.length, is_in_band});
  if (!anchor.jobs) return;
  for (size_t i = anchor.jobs->taps.size(); i-- > 0;) {
    Recorder& recorder = *anchor.jobs->taps[i].recorder;
    if (!recorder.is_ending && recorder.on_digit(pressed.digit)) end_recorder(recorder, "digit", now);
  }
  Collector* collector = anchor.jobs->collector.get();
  if (!collector) return;
  collector->deadline = now + collector->timeout;
  if (collector->listener && is_in_band) collector->listener->forget_speech();
  if (collector->finish_on_digits.find(pressed.digit) != std::string::npos) {
    end_collector(anchor, std::string(1, pressed.digit), false, now);
    return;
  }
  collector->digits += pressed.digit;
  if (collector->digits_max > 0 && collector->digits.size() >= collector->digits_max)
    end_collector(anchor, "", false, now);
}

void Engine::end_player(Anchor& anchor, bool was_stopped, io::Instant now) {
  std::unique_ptr<Player> player = std::move(anchor.jobs->player);
  end_film_show(anchor);
  Port& port = anchor.streams.front().outer;
  if (port.event.is_open && port.event.source == anchor.own_source) end_event(anchor, port, Side::outer, now);
  if (!player->is_told()) {
    Collector* collector = anchor.jobs->collector.get();
    if (collector && !collector->deadline) collector->deadline = now + collector->first_timeout;
  } else {
    std::optional<Error> error = player->error();
    if (!was_stopped && !error && port.has_remote && !port.codecs.own())
      error = Error{Error::Kind::unsupported, "the leg has no codec that can be played to"};
    tell_play_ended(anchor, *player, was_stopped, std::move(error));
  }
  if (anchor.jobs->queued.empty()) return;
  anchor.jobs->player = std::move(anchor.jobs->queued.front());
  anchor.jobs->queued.pop_front();
  activate(anchor);
}

/// A key that came as an event for a leg that knows none: its tone, once.
void Engine::key_tone(Anchor& anchor, uint64_t source, uint32_t timestamp, uint8_t event) {
  AnchorJobs& jobs = jobs_of(anchor);
  if (jobs.keyed_source == source && jobs.keyed_timestamp == timestamp) return;
  jobs.keyed_source = source;
  jobs.keyed_timestamp = timestamp;
  if (event > 15 || jobs.queued.size() >= queued_max || (jobs.player && jobs.player->is_told())) return;
  std::vector<PlayItem> items(1);
  items[0].kind = Source::Kind::digits;
  items[0].digits = std::string(1, rtp::digit_of_event(event));
  auto tone = std::make_unique<Player>(JobId::none, std::move(items), PlayEnds{.is_told = false});
  if (jobs.player)
    jobs.queued.push_back(std::move(tone));
  else
    jobs.player = std::move(tone);
  activate(anchor);
}

void Engine::tell_play_ended(Anchor& anchor, const Player& player, bool was_stopped, std::optional<Error> error) {
  if (player.is_stream()) return;  // its end is told by whoever holds the other end
  output_.tell(anchor.id, event::PlayEnded{.job = player.job(),
                                           .was_stopped = was_stopped,
                                           .error = std::move(error),
                                           .played = player.played(),
                                           .source = player.item(),
                                           .position = player.position(),
                                           .pictures = std::string(player.pictures())});
}

/// Those that wait will not be heard.
void Engine::end_queued(Anchor& anchor) {
  for (const auto& waiting : std::exchange(anchor.jobs->queued, {}))
    if (waiting->is_told()) tell_play_ended(anchor, *waiting, true, std::nullopt);
}

void Engine::end_collector(Anchor& anchor, std::string finished_on, bool is_timeout, io::Instant now) {
  std::unique_ptr<Collector> collector = std::move(anchor.jobs->collector);
  if (anchor.jobs->is_prompting() && anchor.jobs->player->job() == collector->job) end_player(anchor, true, now);
  output_.tell(anchor.id, event::CollectEnded{collector->job, std::move(collector->digits), std::move(finished_on),
                                              is_timeout, collector->has_speech});
}

void Engine::tick_jobs(Anchor& anchor, io::Instant now) {
  if (!anchor.jobs) return;
  if (anchor.jobs->listening || anchor.jobs->collector) tick_listeners(anchor, now);
  const Collector* collector = anchor.jobs->collector.get();
  // A key that is down now belongs to the input, however long it is held.
  const bool is_pressing = anchor.streams.front().outer.digits.is_open();
  const bool is_speaking =
      collector && collector->listener && collector->digits.empty() && collector->listener->is_speaking();
  if (collector && collector->deadline && now >= *collector->deadline && !is_pressing && !is_speaking)
    end_collector(anchor, "", true, now);
}

void Engine::tick_recorders(io::Instant now) {
  for (size_t i = 0; i < recorders_.size(); ++i) {
    Recorder& recorder = *recorders_[i];
    if (recorder.is_ending) continue;
    const std::string_view reason = recorder.reason_to_end(now);
    if (!reason.empty()) {
      end_recorder(recorder, reason, now);
      continue;
    }
    recorder.flush(worker_, false, now);
    if (recorder.has_pictures()) ask_for_pictures(recorder, now);
  }
}

void Engine::ask_for_pictures(Recorder& recorder, io::Instant now) {
  const auto wish = recorder.next_wish(now);
  Anchor* leg = wish ? find(recorder.legs()[wish->leg].anchor) : nullptr;
  if (leg && wish->stream < leg->streams.size()) request_picture(leg->streams[wish->stream].outer, wish->ssrc);
}

void Engine::end_recorder(Recorder& recorder, std::string_view reason, io::Instant now) {
  if (recorder.is_ending) return;
  recorder.is_ending = true;
  recorder.flush(worker_, true, now);
  for (Recorder::Leg& leg : recorder.legs()) {
    Anchor* anchor = find(leg.anchor);
    if (!anchor || !anchor->jobs) continue;
    std::erase_if(anchor->jobs->taps, [&](const AnchorJobs::Tap& tap) { return tap.recorder == &recorder; });
  }
  event::RecordEnded ended{.job = recorder.job(),
                           .reason = std::string(reason),
                           .digits = recorder.digits(),
                           .file = recorder.path(),
                           .channels = recorder.channels()};
  if (reason == "hangup") ended.digits = "hangup";
  recorder.close(worker_, [this, owner = recorder.owner(), ended = std::move(ended)](milliseconds length,
                                                                                     std::string_view failure) mutable {
    ended.length = length;
    ended.is_partial = !failure.empty();
    if (!failure.empty()) ended.reason = failure;
    std::erase_if(recorders_, [&](const auto& one) { return one->job() == ended.job; });
    output_.tell(owner, std::move(ended));
  });
}

void Engine::end_jobs(Anchor& anchor, io::Instant now) {
  if (!anchor.jobs) return;
  while (!anchor.jobs->taps.empty()) {
    Recorder* recorder = anchor.jobs->taps.back().recorder;
    const bool has_other_leg = recorder->legs().size() > 1 && recorder->owner() != anchor.id;
    if (has_other_leg)
      anchor.jobs->taps.pop_back();
    else
      end_recorder(*recorder, "hangup", now);
  }
  if (anchor.jobs->collector) end_collector(anchor, "", false, now);
  if (anchor.jobs->listening) end_listening(anchor, true);
  for (const auto& [job, pipe] : std::exchange(anchor.jobs->pipes, {})) pipe->is_leg_gone = true;
  end_queued(anchor);
  if (anchor.jobs->player) end_player(anchor, true, now);
}

}  // namespace nearend::media
