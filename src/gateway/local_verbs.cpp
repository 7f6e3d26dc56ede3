#include "gateway/local_verbs.hpp"

#include <algorithm>

#include "base/json.hpp"
#include "base/text.hpp"
#include "gateway/endings.hpp"
#include "gateway/link_end.hpp"
#include "gateway/node_loss.hpp"
#include "gateway/outbound.hpp"
#include "gateway/pairing.hpp"
#include "link/outcome.hpp"
#include "telemetry/log.hpp"

namespace nearend::gateway {

namespace {

constexpr size_t jobs_max = 16;

bool speaks(const media::PlayRequest& request) {
  return std::ranges::any_of(request.sources,
                             [](const media::Source& s) { return s.kind == media::Source::Kind::speech; });
}

sip::Body json_body(std::string json) {
  return {.type = "application/json", .content = std::move(json)};
}

std::string done_json(uint32_t done) {
  return fmt::format("{{\"done\":{}}}", done);
}

int status_of(const Error& error) {
  switch (error.kind) {
    case Error::Kind::unsupported:
      return 501;
    case Error::Kind::malformed:
    case Error::Kind::invalid:
      return 400;
    case Error::Kind::unavailable:
      return 503;
    default:
      return 500;
  }
}

}  // namespace

bool LocalVerbs::has(std::string_view feature) const {
  return std::ranges::find(parts_.settings.features, feature) != parts_.settings.features.end();
}

void LocalVerbs::on_job(Leg& leg, const link::Item& item, const sip::event::Requested& event) {
  const auto refuse = [&](int status, std::string_view why) { parts_.link_end->respond(leg, event, status, {}, why); };
  const auto number = parse_unsigned(item.parameter("job"));
  if (!number || *number > UINT32_MAX) return refuse(400, "Action: job is a number");
  const auto same = [&](const Orders::Job& job) { return job.number == *number; };
  if (item.name == "stop") {
    const auto job = std::ranges::find_if(leg.orders.jobs, same);
    if (job == leg.orders.jobs.end()) return refuse(481, "no such job");
    refuse(200, "");
    return leg.media.stop(job->id);
  }
  if (std::ranges::any_of(leg.orders.jobs, same)) return refuse(200, "");  // the same request twice is one job
  if (leg.orders.jobs.size() >= jobs_max) return refuse(503, "too many jobs");
  const auto body = parse_json(event.body.content);
  if (!body) return refuse(400, body.error().text);
  const uint32_t job = static_cast<uint32_t>(*number);
  if (item.name == "play") {
    auto request = link::play_from_json(*body);
    if (!request) return refuse(400, request.error().text);
    if (!has("play") || (speaks(*request) && !has("local-tts"))) return refuse(501, "not in this region");
    return leg.scope.spawn(start_play(leg, job, event, std::move(*request)));
  }
  if (item.name == "gather") {
    auto request = link::collect_from_json(*body);
    if (!request) return refuse(400, request.error().text);
    if (!has("collect") || (speaks(request->prompt) && !has("local-tts"))) return refuse(501, "not in this region");
    return leg.scope.spawn(start_gather(leg, job, event, std::move(*request)));
  }
  auto request = link::record_from_json(*body);
  if (!request) return refuse(400, request.error().text);
  if (!has("record")) return refuse(501, "not in this region");
  request->legs = {leg.media.anchor()};
  if (item.has("peer")) {
    const Leg* peer = parts_.legs.by_id(item.parameter("peer"));
    if (peer != nullptr && !peer->is_over) request->legs.push_back(peer->media.anchor());
  }
  leg.scope.spawn(start_record(leg, job, event, std::move(*request)));
}

Task<void> LocalVerbs::start_play(Leg& leg, uint32_t number, sip::event::Requested event, media::PlayRequest request) {
  stop_ring(leg);
  Orders::Job kept{.number = number, .kind = Orders::Job::Kind::play, .play = request};
  auto job = co_await parts_.media.play(leg.media.anchor(), std::move(request));
  started(leg, std::move(kept), event, job);
}

Task<void> LocalVerbs::start_gather(Leg& leg, uint32_t number, sip::event::Requested event,
                                    media::CollectRequest request) {
  stop_ring(leg);
  Orders::Job kept{.number = number, .kind = Orders::Job::Kind::gather, .collect = request};
  auto job = co_await parts_.media.collect(leg.media.anchor(), std::move(request));
  started(leg, std::move(kept), event, job);
}

Task<void> LocalVerbs::start_record(Leg& leg, uint32_t number, sip::event::Requested event,
                                    media::RecordRequest request) {
  // Before there is a file: what a crash cuts short is the router's all the same.
  if (parts_.on_recording) parts_.on_recording({.sid = request.path_hint, .events_url = leg.events_url});
  const std::string sid = request.path_hint;
  auto job = co_await parts_.media.record(leg.media.anchor(), std::move(request));
  if (!job && parts_.on_recording) parts_.on_recording({.sid = sid, .events_url = {}, .is_ended = true});
  Orders::Job kept{.number = number, .kind = Orders::Job::Kind::record, .recording = sid};
  started(leg, std::move(kept), event, job);
}

void LocalVerbs::started(Leg& leg, Orders::Job job, const sip::event::Requested& event,
                         const Result<media::JobId>& id) {
  if (leg.is_over) return;
  if (!id) return parts_.link_end->respond(leg, event, status_of(id.error()), {}, id.error().text);
  job.id = *id;
  leg.orders.jobs.push_back(std::move(job));
  parts_.link_end->respond(leg, event, 200);
}

Orders::Job* LocalVerbs::find(Leg& leg, uint32_t number) {
  const auto found = std::ranges::find(leg.orders.jobs, number, &Orders::Job::number);
  return found == leg.orders.jobs.end() ? nullptr : &*found;
}

void LocalVerbs::begin_again(Leg& leg) {
  std::vector<uint32_t> numbers;
  for (const Orders::Job& job : leg.orders.jobs) numbers.push_back(job.number);
  for (const uint32_t number : numbers) leg.scope.spawn(restart(leg, number));
  leg.orders.ring = media::JobId::none;
  if (!leg.orders.ring_tone.empty()) leg.scope.spawn(play_ring(leg, leg.orders.ring_tone));
  if (leg.orders.continuation && leg.orders.continuation->is_running) leg.scope.spawn(play_next(leg));
}

Task<void> LocalVerbs::restart(Leg& leg, uint32_t number) {
  const Orders::Job job = *find(leg, number);
  if (job.kind == Orders::Job::Kind::record) {
    const media::event::RecordEnded ended{.job = job.id, .reason = "error", .is_partial = true};
    if (parts_.on_recording) parts_.on_recording({.sid = job.recording, .events_url = {}, .is_ended = true});
    co_return done(leg, job.id, "record", to_json(link::to_json(ended)));
  }
  Result<media::JobId> again = fail(Error::Kind::internal, "no such kind of job");
  if (job.kind == Orders::Job::Kind::play)
    again = co_await parts_.media.play(leg.media.anchor(), job.play);
  else
    again = co_await parts_.media.collect(leg.media.anchor(), job.collect);
  Orders::Job* held = find(leg, number);
  if (leg.is_over || held == nullptr) co_return;
  if (again) {
    held->id = *again;
  } else if (job.kind == Orders::Job::Kind::play) {
    const media::event::PlayEnded ended{.job = job.id, .error = again.error()};
    done(leg, job.id, "play", to_json(link::to_json(ended)));
  } else {
    const media::event::CollectEnded ended{.job = job.id, .digits = {}, .finished_on = {}, .is_timeout = true};
    done(leg, job.id, "gather", to_json(link::to_json(ended)));
  }
}

void LocalVerbs::on_ring(Leg& leg, const link::Item& item, const sip::event::Requested& event) {
  stop_ring(leg);
  parts_.link_end->respond(leg, event, 200);
  if (item.has("off") || leg.joint.is_early) return;  // The callee's own ringing is heard.
  std::string tone = "ringback";
  if (item.has("tone")) tone += fmt::format("/{}", item.parameter("tone"));
  leg.scope.spawn(play_ring(leg, std::move(tone)));
}

Task<void> LocalVerbs::play_ring(Leg& leg, std::string tone) {
  leg.orders.ring_tone = tone;
  // Where the armed way is open already, the callee's first words end it, not the news of the answer.
  media::PlayRequest request{.is_yielding = leg.joint.is_listening};
  request.sources.push_back({.kind = media::Source::Kind::tone, .value = std::move(tone), .loop = 0});
  auto job = co_await parts_.media.play(leg.media.anchor(), std::move(request));
  if (leg.is_over) co_return;
  if (!job) {
    telemetry::warn("ring-back not played", {{"leg", leg.id}, {"error", job.error().text}});
    co_return;
  }
  if (leg.joint.state == Joint::State::open || leg.joint.is_early)
    leg.media.stop(*job);  // answered meanwhile, or its own ringing is heard
  else
    leg.orders.ring = *job;
}

void LocalVerbs::stop_ring(Leg& leg) {
  leg.orders.ring_tone.clear();
  leg.media.stop(std::exchange(leg.orders.ring, media::JobId::none));
}

void LocalVerbs::on_continuation(Leg& leg, const sip::event::Requested& event) {
  auto& held = leg.orders.continuation;
  if (event.body.content.empty()) {
    const uint32_t done = held ? held->done : 0;
    if (held) leg.media.stop(held->job);
    held.reset();
    return parts_.link_end->respond(leg, event, 200, json_body(done_json(done)));
  }
  const auto body = parse_json(event.body.content);
  const json::object* object = body ? body->if_object() : nullptr;
  if (object == nullptr)
    return parts_.link_end->respond(leg, event, 400, {}, "continuation: a JSON object is expected");
  auto continuation = std::make_unique<Orders::Continuation>();
  const std::string kind = json_string_or(*object, "kind", "");
  if (kind == "play") {
    auto play = link::play_from_json(*body);
    if (!play) return parts_.link_end->respond(leg, event, 400, {}, play.error().text);
    if (!has("play") || (speaks(*play) && !has("local-tts")))
      return parts_.link_end->respond(leg, event, 501, {}, "not in this region");
    continuation->sources = std::move(play->sources);
    continuation->is_hangup_after = json_bool_or(*object, "hangup", false);
  } else if (kind == "hangup") {
    continuation->is_hangup_after = true;
  } else {
    return parts_.link_end->respond(leg, event, 400, {}, "continuation: kind is hangup or play");
  }
  for (const media::Source& source : continuation->sources)
    if (source.kind == media::Source::Kind::url) parts_.media.prefetch(source.value);
  held = std::move(continuation);
  parts_.link_end->respond(leg, event, 200);
}

void LocalVerbs::run_continuation(Leg& leg) {
  Orders::Continuation& continuation = *leg.orders.continuation;
  continuation.is_running = true;
  if (continuation.sources.empty()) return continued(leg);
  parts_.link_end->info(leg, {.name = "continuing"});
  leg.scope.spawn(play_next(leg));
}

Task<void> LocalVerbs::play_next(Leg& leg) {
  const Orders::Continuation& continuation = *leg.orders.continuation;
  media::PlayRequest request;
  request.sources.push_back(continuation.sources[continuation.done]);
  auto job = co_await parts_.media.play(leg.media.anchor(), std::move(request));
  if (leg.is_over) co_return;
  if (!leg.orders.continuation) {  // taken back meanwhile
    if (job) leg.media.stop(*job);
    co_return;
  }
  if (job)
    leg.orders.continuation->job = *job;
  else
    continued(leg);
}

void LocalVerbs::continued(Leg& leg) {
  const auto continuation = std::move(leg.orders.continuation);
  if (!continuation->sources.empty()) parts_.link_end->info(leg, {.name = "continued"}, done_json(continuation->done));
  const bool is_whole = continuation->done == continuation->sources.size();
  if (continuation->is_hangup_after && is_whole)
    return parts_.endings->end(leg, {.status = 200, .text = "the document has ended", .by = "gateway"});
  parts_.endings->await_router(leg);
}

void LocalVerbs::on_media_event(Leg& leg, const media::Event& event) {
  using namespace media::event;
  if (leg.is_over) {
    if (const auto* ended = std::get_if<RecordEnded>(&event)) {
      done(leg, ended->job, "record", to_json(link::to_json(*ended)));
      parts_.endings->recording_done(leg);
    }
    return;
  }
  if (const auto* ended = std::get_if<PlayEnded>(&event)) return on_play_ended(leg, *ended);
  if (const auto* ended = std::get_if<CollectEnded>(&event))
    return done(leg, ended->job, "gather", to_json(link::to_json(*ended)));
  if (const auto* ended = std::get_if<RecordEnded>(&event))
    return done(leg, ended->job, "record", to_json(link::to_json(*ended)));
  if (const auto* moved = std::get_if<Moved>(&event)) return parts_.ledger.move(leg, *moved);
  if (const auto* silent = std::get_if<Silent>(&event)) return on_silent(leg, silent->since);
  if (const auto* first = std::get_if<FirstPacket>(&event); first != nullptr && first->side == media::Side::outer) {
    parts_.node_loss->on_heard(leg);
    return parts_.outbound->on_first_audio(leg);
  }
  if (const auto* digit = std::get_if<Digit>(&event)) {
    const bool is_caller = leg.is_inbound || leg.parent.empty();
    if (digit->digit == '*' && is_caller && leg.orders.is_star_watched) parts_.pairing->on_star(leg);
    return;
  }
  if (const auto* lost = std::get_if<Lost>(&event)) return parts_.node_loss->on_lost(leg, *lost);
}

/// The file's name is the recording's SID.
void LocalVerbs::tell_recorded(const media::event::RecordEnded& ended) {
  std::string_view name = ended.file;
  if (const size_t slash = name.rfind('/'); slash != std::string_view::npos) name.remove_prefix(slash + 1);
  name = name.substr(0, name.find('.'));
  if (parts_.on_recording && !name.empty())
    parts_.on_recording({.sid = std::string(name), .events_url = {}, .is_ended = true});
}

void LocalVerbs::on_play_ended(Leg& leg, const media::event::PlayEnded& ended) {
  if (ended.job == leg.orders.ring) {
    leg.orders.ring = media::JobId::none;
    leg.orders.ring_tone.clear();
    return;
  }
  auto& continuation = leg.orders.continuation;
  if (continuation && continuation->is_running && ended.job == continuation->job) {
    if (!ended.was_stopped) ++continuation->done;
    if (ended.was_stopped || continuation->done == continuation->sources.size()) return continued(leg);
    return leg.scope.spawn(play_next(leg));
  }
  done(leg, ended.job, "play", to_json(link::to_json(ended)));
}

void LocalVerbs::done(Leg& leg, media::JobId job, std::string_view kind, std::string json) {
  const auto found = std::ranges::find_if(leg.orders.jobs, [&](const Orders::Job& one) { return one.id == job; });
  if (found == leg.orders.jobs.end()) return;
  link::Item action{.name = "done"};
  action.parameters.emplace_back("job", fmt::format("{}", found->number));
  action.parameters.emplace_back("kind", kind);
  leg.orders.jobs.erase(found);
  if (parts_.link_end->info(leg, std::move(action), std::move(json)) == 0) parts_.endings->await_router(leg);
}

/// F6: the caller's silence ends both sides, the callee's only its own; the router does it, or we do when it does not.
void LocalVerbs::on_silent(Leg& leg, std::chrono::milliseconds since) {
  telemetry::info("leg silent", {{"call", leg.call}, {"leg", leg.id}, {"region", parts_.settings.region}});
  const auto end_it = [this, &leg] {
    parts_.endings->end(leg, {.status = 408, .text = "RTP timeout", .by = "gateway"});
  };
  if (leg.dialogs.link == sip::DialogId::none) return end_it();
  const std::string json = fmt::format("{{\"since_ms\":{}}}", since.count());
  if (parts_.link_end->info(leg, {.name = "timeout"}, json) == 0) return end_it();
  leg.orders.is_silent = true;
  leg.limit.start(parts_.settings.router_wait, end_it);
}

void LocalVerbs::on_unheard(Leg& leg) {
  if (leg.orders.is_silent) return parts_.endings->end(leg, {.status = 408, .text = "RTP timeout", .by = "gateway"});
  if (leg.joint.state != Joint::State::open) parts_.endings->await_router(leg);
}

}  // namespace nearend::gateway
