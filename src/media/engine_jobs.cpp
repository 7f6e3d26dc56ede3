// Players, collectors and recorders.
#include <algorithm>

#include "media/engine.hpp"

namespace nearend::media {

AnchorJobs& Engine::jobs_of(Anchor& anchor) {
  if (!anchor.jobs) anchor.jobs = std::make_unique<AnchorJobs>();
  return *anchor.jobs;
}

void Engine::play(AnchorId id, JobId job, std::vector<PlayItem> items, PlayEnds ends, io::Instant now) {
  Anchor* anchor = find(id);
  if (!anchor) return;
  take_back(*anchor, now);
  AnchorJobs& jobs = jobs_of(*anchor);
  if (jobs.player) end_player(*anchor, true, now);
  jobs.player = std::make_unique<Player>(job, std::move(items), ends);
  jobs.is_player_prompt = false;
  activate(*anchor);
}

void Engine::supply(AnchorId id, JobId job, size_t item, Result<ClipPtr> clip) {
  Anchor* anchor = find(id);
  if (!anchor || !anchor->jobs || !anchor->jobs->player || anchor->jobs->player->job() != job) return;
  anchor->jobs->player->supply(item, std::move(clip));
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
  if (prompt.empty()) {
    jobs.collector->deadline = now + request.timeout;
  } else {
    if (jobs.player) end_player(*anchor, true, now);
    jobs.player = std::make_unique<Player>(job, std::move(prompt), PlayEnds{});
    jobs.is_player_prompt = true;
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
    if (jobs.player) end_player(*owner, true, now);
    jobs.player = std::make_unique<Player>(job, std::move(items), PlayEnds{});
    jobs.is_player_prompt = true;
    activate(*owner);
  }
  auto recorder = std::make_unique<Recorder>(job, request, std::move(path), begin);
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
    if (anchor->jobs->player && anchor->jobs->player->job() == job) end_player(*anchor, true, now);
  }
  for (auto& recorder : recorders_)
    if (recorder->job() == job) end_recorder(*recorder, "stopped", now);
}

void Engine::on_digit_begun(Anchor& anchor, io::Instant now) {
  if (!anchor.jobs || !anchor.jobs->player) return;
  const bool is_collecting = anchor.jobs->collector && anchor.jobs->is_player_prompt;
  if (is_collecting || anchor.jobs->player->is_stopped_by_digit()) end_player(anchor, true, now);
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
  Port& port = anchor.streams.front().outer;
  if (port.event.is_open && port.event.source == anchor.own_source) end_event(anchor, port, Side::outer, now);
  if (std::exchange(anchor.jobs->is_player_prompt, false)) {
    if (anchor.jobs->collector && !anchor.jobs->collector->deadline)
      anchor.jobs->collector->deadline = now + anchor.jobs->collector->timeout;
    return;
  }
  event::PlayEnded ended{
      .job = player->job(), .was_stopped = was_stopped, .error = player->error(), .played = player->played()};
  if (!was_stopped && !ended.error && port.has_remote && !port.codecs.own())
    ended.error = Error{Error::Kind::unsupported, "the leg has no codec that can be played to"};
  output_.tell(anchor.id, std::move(ended));
}

void Engine::end_collector(Anchor& anchor, std::string finished_on, bool is_timeout, io::Instant now) {
  std::unique_ptr<Collector> collector = std::move(anchor.jobs->collector);
  if (anchor.jobs->player && anchor.jobs->is_player_prompt && anchor.jobs->player->job() == collector->job)
    end_player(anchor, true, now);
  output_.tell(anchor.id,
               event::CollectEnded{collector->job, std::move(collector->digits), std::move(finished_on), is_timeout});
}

void Engine::tick_jobs(Anchor& anchor, io::Instant now) {
  if (!anchor.jobs) return;
  const Collector* collector = anchor.jobs->collector.get();
  // A key that is down now belongs to the input, however long it is held.
  const bool is_pressing = anchor.streams.front().outer.digits.is_open();
  if (collector && collector->deadline && now >= *collector->deadline && !is_pressing)
    end_collector(anchor, "", true, now);
}

void Engine::tick_recorders(io::Instant now) {
  for (size_t i = 0; i < recorders_.size(); ++i) {
    Recorder& recorder = *recorders_[i];
    if (recorder.is_ending) continue;
    const std::string_view reason = recorder.reason_to_end(now);
    if (!reason.empty())
      end_recorder(recorder, reason, now);
    else
      recorder.flush(worker_, false, now);
  }
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
  recorder.close(
      worker_, [this, owner = recorder.owner(), ended = std::move(ended)](milliseconds length, bool is_whole) mutable {
        ended.length = length;
        ended.is_partial = !is_whole;
        if (!is_whole) ended.reason = "disk-full";
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
  if (anchor.jobs->player) end_player(anchor, true, now);
}

}  // namespace nearend::media
