#include "router/verbs.hpp"

#include <algorithm>

namespace nearend::router {

namespace {

std::string play_name(const media::PlayRequest& request) {
  const bool is_spoken = std::ranges::any_of(
      request.sources, [](const media::Source& source) { return source.kind == media::Source::Kind::speech; });
  return is_spoken ? "Say" : "Play";
}

/// What any work may come to: the party gone, or an error.
template <class Outcome>
bool is_done(const Party::WorkEnd& end, Outcome& outcome) {
  outcome.is_caller_gone = std::holds_alternative<std::monostate>(end);
  if (const auto* error = std::get_if<Error>(&end)) outcome.error = *error;
  return !outcome.is_caller_gone && !outcome.error;
}

}  // namespace

Task<call::PlayResult> play_to(Party& party, media::PlayRequest request) {
  std::string name = play_name(request);
  Party::WorkEnd end = co_await party.run(std::move(name), std::move(request));
  call::PlayResult result;
  if (!is_done(end, result)) co_return result;
  if (const auto* played = std::get_if<media::event::PlayEnded>(&end)) {
    result.was_stopped = played->was_stopped;
    result.error = played->error;
  }
  co_return result;
}

Task<call::PlayResult> pause_for(Party& party, io::Loop& loop, call::milliseconds length) {
  const io::Instant until = loop.now() + length;
  co_await party.wait_over(until);
  co_return call::PlayResult{.is_caller_gone = party.leg().is_over(), .error = {}};
}

Task<call::GatherResult> gather_from(Party& party, media::CollectRequest request) {
  Party::WorkEnd end = co_await party.run("Gather", std::move(request));
  call::GatherResult result;
  if (!is_done(end, result)) co_return result;
  if (auto* collected = std::get_if<media::event::CollectEnded>(&end)) {
    result.digits = std::move(collected->digits);
    result.finished_on = std::move(collected->finished_on);
  }
  co_return result;
}

Task<call::RecordResult> record_from(Party& party, media::RecordRequest request) {
  std::string sid = request.path_hint;
  Party::WorkEnd end = co_await party.run("Record", std::move(request));
  call::RecordResult result;
  result.recording_sid = std::move(sid);
  if (auto* recorded = std::get_if<media::event::RecordEnded>(&end)) result.recording = std::move(*recorded);
  (void)is_done(end, result);
  // What the caller said before it hung up is there all the same.
  result.is_caller_gone |= party.leg().is_over();
  co_return result;
}

}  // namespace nearend::router
