// Legs whose sound goes to and comes from engines over WebSockets.
#include "media/node_control.hpp"

namespace nearend::media {

Task<Result<JobId>> NodeControl::stream(AnchorId anchor, StreamRequest request) {
  co_return stream_now(anchor, std::move(request));
}

Result<JobId> NodeControl::stream_now(AnchorId anchor, StreamRequest request) {
  auto held = find(anchor);
  if (!held) return pass(held);
  if (!world_) return fail(Error::Kind::unsupported, "this media node reaches no engines");
  if (request.rate != 8000 && request.rate != 16'000 && request.rate != 24'000)
    return fail(Error::Kind::invalid, "rate {}: 8000, 16000 and 24000 are possible", request.rate);
  const auto begun = begin_job(JobKind::stream);
  if (!begun) return begun;
  const JobId job = *begun;
  const bool is_heard = request.direction != StreamRequest::Direction::to_leg;
  const bool is_spoken = request.direction != StreamRequest::Direction::from_leg;
  auto pipe = std::make_shared<SoundPipe>(is_heard, is_spoken);
  std::unique_ptr<Player> player;
  if (is_spoken) {
    std::vector<PlayItem> items(1);
    items[0].pipe = pipe;
    player = std::make_unique<Player>(job, std::move(items), PlayEnds{});
  }
  streams_.emplace(job,
                   std::make_unique<LegSocket>(
                       *world_,
                       LegSocket::Settings{.job = job,
                                           .anchor = anchor,
                                           .call = (*held)->call,
                                           .leg = (*held)->leg,
                                           .request = std::move(request),
                                           .may_reach_internal = settings_.may_reach_internal},
                       pipe, [this, anchor](event::StreamEnded ended) { on_stream_ended(anchor, std::move(ended)); }));
  command(anchor, [anchor, job, pipe, player = std::move(player), is_heard](Engine& engine, io::Instant now) mutable {
    engine.stream(anchor, job, std::move(pipe), std::move(player), is_heard, now);
  });
  return job;
}

void NodeControl::on_stream_ended(AnchorId anchor, event::StreamEnded ended) {
  const JobId job = ended.job;
  if (held_.contains(anchor))
    command(anchor, [anchor, job](Engine& engine, io::Instant now) { engine.stop(anchor, job, now); });
  const auto gone = streams_.extract(job);  // destroyed when the event has been told
  on_event(anchor, std::move(ended));
}

bool NodeControl::stop_stream(JobId job) {
  const auto found = streams_.find(job);
  if (found == streams_.end()) return false;
  found->second->stop();
  return true;
}

void NodeControl::tell_streams(AnchorId anchor, char digit) {
  for (const auto& [job, socket] : streams_)
    if (socket->anchor() == anchor) socket->tell_digit(digit);
}

}  // namespace nearend::media
