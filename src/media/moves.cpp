// Paths and moves: which feed an endpoint hears, and how one takes over from another without a step.
#include <algorithm>
#include <utility>

#include "media/arrival.hpp"

namespace nearend::media {
namespace {
constexpr std::chrono::milliseconds frame{20};
constexpr std::chrono::seconds talking{1};
constexpr std::chrono::milliseconds speaks_for{60};  // an old feed that has paused for longer is not waited for
}  // namespace

void Engine::connect(AnchorId id, const Path& path, io::Instant now) {
  Anchor* anchor = find(id);
  if (!anchor) return;
  Anchor* peer = path.kind == Path::Kind::bridge ? find(path.peer) : nullptr;
  if (path.kind == Path::Kind::bridge && (!peer || peer == anchor)) return;
  take_back(*anchor, now);
  if (peer) take_back(*peer, now);
  const bool is_other = anchor->feed != Feed{path.kind, path.peer};
  const bool is_other_for_peer = peer && peer->feed != Feed{Path::Kind::bridge, id};
  if (is_other) leave_bridge(*anchor, path, now);
  if (peer) {
    if (is_other_for_peer) leave_bridge(*peer, path, now);
    set_feed(*peer, {Path::Kind::bridge, id}, path, now);
  }
  set_feed(*anchor, {path.kind, peer ? path.peer : AnchorId::none}, path, now);
  if (is_other) replay_early(*anchor, now);
  if (is_other_for_peer) replay_early(*peer, now);
}

void Engine::expect(AnchorId id, const Path& path, io::Instant now) {
  Anchor* anchor = find(id);
  Anchor* peer = path.kind == Path::Kind::bridge ? find(path.peer) : nullptr;
  for (Anchor* one : {anchor, peer}) {
    if (!one) continue;
    take_back(*one, now);
    if (!one->early) one->early = std::make_unique<EarlyPackets>();
  }
}

/// The one who stays behind hears the old feed until it gets a path of its own, for prove_within at most: both ends of
/// a bridge are usually moved by two commands, one right after the other.
void Engine::leave_bridge(Anchor& anchor, const Path& path, io::Instant now) {
  if (anchor.feed.kind != Path::Kind::bridge) return;
  Anchor* peer = find(anchor.feed.peer);
  if (!peer || peer->feed != Feed{Path::Kind::bridge, anchor.id}) return;
  const Feed old = peer->feed;
  peer->feed = Feed{};
  peer->feed_since = now;
  hold_open_events(*peer, now);
  begin_move(*peer, old, false, path.prove_within, path.overlap, now);
}

void Engine::set_feed(Anchor& anchor, const Feed& feed, const Path& path, io::Instant now) {
  anchor.has_comfort_noise = path.has_comfort_noise;
  const bool was_out = feed.kind != Path::Kind::idle && std::exchange(anchor.is_out, false);
  if (was_out)
    for (Stream& stream : anchor.streams) begin_source(stream.outer);  // what was said meanwhile was not lost here
  anchor.is_out = anchor.is_out || (feed.kind == Path::Kind::idle && !path.has_comfort_noise);
  activate(anchor);
  if (feed == anchor.feed) {
    if (anchor.move) return;  // its report is under way
    begin_move(anchor, feed, false, path.prove_within, path.overlap, now);
    switch_move(anchor, true, now);
    return;
  }
  if (feed.kind != Path::Kind::room) leave_room(anchor);
  if (PortAudio* audio = anchor.streams.front().outer.audio.get()) audio->pausing_since.reset();
  const Feed old = anchor.move && !anchor.move->is_switched ? anchor.move->old : anchor.feed;
  anchor.feed = feed;
  anchor.feed_since = now;
  hold_open_events(anchor, now);
  begin_move(anchor, old, false, path.prove_within, path.overlap, now);
  anchor.move->was_out = was_out;
  if (was_out) anchor.move->last_sent = {};
  // A leg that is put on hold hears no more at once. One that steps out of the media (DIRECT) still needs what is on
  // its way here, because the far ends do not turn to each other at the same moment. A room's sound is ours: it is
  // there at once.
  const bool is_held = feed.kind == Path::Kind::idle && path.has_comfort_noise;
  if (is_held || feed.kind == Path::Kind::room) switch_move(anchor, true, now);
}

void Engine::begin_move(Anchor& anchor, const Feed& old, bool is_old_remote, milliseconds prove_within,
                        milliseconds overlap, io::Instant now) {
  if (anchor.move && anchor.move->is_switched) report_move(anchor, now);  // it was over but for the last of its figures
  auto move = std::make_unique<Move>();
  move->old = old;
  move->is_old_remote = is_old_remote;
  move->overlap = overlap;
  move->switch_by = now + prove_within;
  // The second command of two that are one move: what the old path has brought since the first one still counts.
  if (anchor.move) {
    move->frames = anchor.move->frames;
    move->old_spoke = anchor.move->old_spoke;
    move->longest_pause = anchor.move->longest_pause;
    move->report.lost = anchor.move->report.lost;
  } else if (const auto lately = std::move(anchor.lately); lately && now < anchor.lately_until) {
    move->frames = *lately;
  }
  const auto& out = anchor.streams.front().outer.out;
  if (out.has_sent() && now - out.last_sent() < talking) move->last_sent = out.last_sent();
  anchor.move = std::move(move);
  activate(anchor);
}

void Engine::switch_move(Anchor& anchor, bool is_proven, io::Instant now) {
  Move& move = *anchor.move;
  move.is_switched = true;
  move.report.was_proven = move.report.was_proven || is_proven;
  move.report_at = now + move.overlap;
}

/// Which of two paths a frame may come by: the first that brings it. The new path takes over with the first frame that
/// the old one has not brought; noise and copies prove it, and wait while the old one speaks.
bool Engine::wins(Anchor& target, Arrival& arrival, bool is_new, bool is_old) {
  Move& move = *target.move;
  if (arrival.is_event) {
    if (is_new && !move.is_switched) switch_move(target, true, arrival.now);
    return is_new || (is_old && !move.is_switched);
  }
  const auto payload = arrival.packet.payload;
  const uint64_t print = MovedFrames::print_of(arrival.codec, payload);
  if (is_new) {
    if (!std::exchange(move.report.was_proven, true))
      move.switch_by = std::min(move.switch_by, arrival.now + Path{}.prove_within);
    const bool is_copy = move.frames.is_copy(print);
    const bool is_old_speaking = arrival.now - move.old_spoke < speaks_for;
    if (!move.is_switched && is_old_speaking && (is_copy || MovedFrames::is_quiet(arrival.codec, payload)))
      return false;
    if (!move.is_switched) switch_move(target, true, arrival.now);
    // Once the new path is heard, a copy left out would be a hole in its numbers: worse than a frame said twice.
    if (is_copy && !move.has_entered) return false;
    move.has_entered = true;
    move.report.doubled += move.frames.is_heard(print);
    move.frames.hear_new(print);
    arrival.is_unheard = move.frames.is_known(print);
    return true;
  }
  if (!is_old) return false;
  if (move.is_switched) {
    move.frames.miss_old(print);
    return false;
  }
  move.report.doubled += move.frames.is_heard(print);
  move.frames.hear_old(print);
  if (print != 0) move.old_spoke = arrival.now;
  return true;
}

void Engine::hold_open_events(Anchor& anchor, io::Instant now) {
  for (Stream& stream : anchor.streams)
    for (Port* port : stream.ports()) hold_event(anchor, *port, now);
}

void Engine::tick_move(Anchor& anchor, io::Instant now) {
  if (!anchor.move) return;
  if (!anchor.move->is_switched && now >= anchor.move->switch_by)
    switch_move(anchor, anchor.feed.kind == Path::Kind::idle, now);
  if (anchor.move->is_switched && now >= anchor.move->report_at) report_move(anchor, now);
}

void Engine::report_move(Anchor& anchor, io::Instant now) {
  Move& move = *anchor.move;
  auto pause = move.longest_pause;
  if (move.last_sent != io::Instant{} && !anchor.is_out) pause = std::max(pause, now - move.last_sent);
  pause = std::max(std::chrono::nanoseconds(0), pause - frame);
  move.report.lost += move.frames.lost();
  move.report.gap_ms = std::chrono::duration<double, std::milli>(pause).count();
  output_.tell(anchor.id, event::Moved{move.report, anchor.feed.kind});
  anchor.lately = std::make_unique<MovedFrames>(move.frames.heard());
  anchor.lately_until = now + old_remote_for;
  anchor.move.reset();
}

/// What is heard soon after a move.
void Engine::note_lately(Anchor& target, const Arrival& arrival) {
  if (arrival.now >= target.lately_until) return target.lately.reset();
  if (arrival.stream == 0 && !arrival.is_event)
    target.lately->hear_old(MovedFrames::print_of(arrival.codec, arrival.packet.payload));
}

}  // namespace nearend::media
