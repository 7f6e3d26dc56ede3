// Streams that the kernel relays for us: when they may, what they have counted, and when they come back.
#include <algorithm>

#include "media/engine.hpp"
#include "media/kernel_path.hpp"

namespace nearend::media {
namespace {

constexpr std::chrono::milliseconds steady_for{200};  // a path and its feed, before the kernel takes them
constexpr uint16_t steady_packets = 10;
constexpr std::chrono::milliseconds quiet_at_most{300};  // a silent source is watched from here: noise, its return
constexpr std::chrono::milliseconds return_first{200}, return_last{10'000};
constexpr std::chrono::seconds stay_short{2};

/// Nothing on the leg but its path: whoever works on it wants to see the packets.
bool is_plain(Anchor& anchor, io::Instant now) {
  const AnchorJobs* jobs = anchor.jobs.get();
  if (jobs && (jobs->player || jobs->collector || jobs->is_hearing())) return false;
  if (anchor.lately && now >= anchor.lately_until) anchor.lately.reset();
  return !anchor.move && !anchor.lately && !anchor.early && anchor.feed.is_passed_on();
}

void add_types(flow::Flow& flow, const Port& in, const Port& out) {
  for (unsigned type = 0; type < 128 && flow.type_count < flow::Flow::types_max; ++type) {
    const Codec* codec = in.codecs.find(static_cast<uint8_t>(type));
    if (!codec || codec->kind == Codec::Kind::event || codec->clock_rate != in.clock_rate) continue;
    const auto mapping = map_codec(in.codecs, codec->payload_type, out.codecs);
    if (!mapping || mapping->way != Mapping::Way::pass) continue;
    flow.types[flow.type_count++] = {.in = codec->payload_type, .out = mapping->payload_type};
  }
}

/// How the kernel would relay this direction; nothing where user space has more to do than that, or has not yet seen
/// enough of the source.
std::optional<flow::Flow> flow_between(const Port& in, const Port& out, io::Instant now) {
  if (!in.is_relayable() || !in.may_receive || !in.has_first_packet || in.digits.is_open()) return std::nullopt;
  if (!out.is_relayable() || !out.may_send || out.event.is_open) return std::nullopt;
  const auto known = in.gate.known();
  const auto line = out.out.line_of(in.source, steady_packets);
  if (!known || !line || !in.receiver.has_begun() || now - out.out.last_sent() > quiet_at_most) return std::nullopt;
  flow::Flow flow{.from = known->from,
                  .to = out.gate.rtp_target(),
                  .ssrc_in = known->ssrc,
                  .ssrc_out = out.out.ssrc(),
                  .sequence_add = line->sequence_offset,
                  .timestamp_add = line->timestamp_offset,
                  .clock_rate = in.clock_rate};
  add_types(flow, in, out);
  if (flow.type_count == 0 || flow.to.port == 0) return std::nullopt;
  const auto state = in.receiver.state();
  flow.progress = {.highest = state.extended_highest,
                   .highest_timestamp = out.out.last_timestamp() - line->timestamp_offset,
                   .window = state.window,
                   .last_arrival = out.out.last_sent(),
                   .jitter_ticks = state.jitter_ticks,
                   .ahead = line->ahead};
  return flow;
}

}  // namespace

void Engine::try_kernel(Anchor& anchor, io::Instant now) {
  if (!kernel_ || anchor.lent || now < anchor.lent_again_at || now - anchor.feed_since < steady_for) return;
  const bool is_bridge = anchor.feed.kind == Path::Kind::bridge;
  Anchor* peer = is_bridge ? find(anchor.feed.peer) : &anchor;
  if (!peer || (is_bridge && peer->feed != Feed{Path::Kind::bridge, anchor.id})) return;
  if (!is_plain(anchor, now) || !is_plain(*peer, now) || now < peer->lent_again_at) return;
  for (uint8_t i = 0; i < anchor.streams.size() && i < peer->streams.size(); ++i) {
    const Side across = is_bridge ? Side::outer : Side::inner;
    lend(anchor, {i, Side::outer}, *peer, {i, across}, now);
    lend(*peer, {i, across}, anchor, {i, Side::outer}, now);
  }
}

void Engine::lend(Anchor& anchor, PortOf from, Anchor& target, PortOf to, io::Instant now) {
  Port* in = anchor.streams[from.stream].find(from.side);
  const Port* out = target.streams[to.stream].find(to.side);
  if (!in || !out || in->lent) return;
  const auto flow = flow_between(*in, *out, now);
  if (!flow) return;
  if (!kernel_->install(in->rtp_socket, out->rtp_socket, *flow, now)) {
    anchor.lent_again_at = now + return_last;  // asking costs more than a packet does
    return;
  }
  in->lent = std::make_unique<LentFlow>(LentFlow{.target = target.id, .to = to, .since = now});
  in->lent->seen.progress = flow->progress;
  in->lent->seen.progress.ahead = 0;
  ++anchor.lent;
}

/// Brings the state of both ports to what the kernel has relayed.
void Engine::take_up(Anchor& anchor, Side side, Port& in, const flow::Passed& passed) {
  LentFlow& lent = *in.lent;
  const uint64_t packets = passed.packets - lent.seen.packets, doubled = passed.doubled - lent.seen.doubled;
  in.counters.packets_in += packets + doubled;
  in.counters.octets_in += passed.octets - lent.seen.octets;
  in.counters.late += doubled;
  const auto& progress = passed.progress;
  Anchor* target = find(lent.target);
  if (packets > 0) {
    in.receiver.resume({progress.highest, progress.window, progress.jitter_ticks}, packets, progress.highest_timestamp,
                       in.clock_rate, progress.last_arrival);
    in.gate.note_alive(progress.last_arrival);
    if (side == Side::outer) anchor.last_heard = std::max(anchor.last_heard, progress.last_arrival);
  }
  if (packets > 0 && target) {
    Port& out = *target->streams[lent.to.stream].find(lent.to.side);
    out.counters.packets_out += packets;
    out.counters.octets_out += passed.octets_out - lent.seen.octets_out;
    out.out.resume(static_cast<uint16_t>(progress.highest), progress.highest_timestamp, packets,
                   progress.ahead - lent.seen.progress.ahead, progress.last_arrival);
  }
  lent.seen = passed;
}

template <class Visit>
void Engine::each_lent(Anchor& anchor, Visit visit) {
  for (Stream& stream : anchor.streams)
    for (Port* port : stream.ports())
      if (port->lent) visit(port->place.side, *port);
}

void Engine::read_lent(Anchor& anchor) {
  Anchor* peer = anchor.feed.kind == Path::Kind::bridge ? find(anchor.feed.peer) : nullptr;
  for (Anchor* one : {&anchor, peer}) {
    if (!one || !one->lent) continue;
    each_lent(*one, [&](Side side, Port& port) { take_up(*one, side, port, kernel_->read(port.rtp_socket)); });
  }
}

void Engine::take_back(Anchor& anchor, io::Instant now, bool is_misfit) {
  Anchor* peer = anchor.feed.kind == Path::Kind::bridge ? find(anchor.feed.peer) : nullptr;
  for (Anchor* one : {&anchor, peer}) {
    if (!one || !one->lent) continue;
    bool was_short = false;
    each_lent(*one, [&](Side side, Port& port) {
      take_up(*one, side, port, kernel_->remove(port.rtp_socket));
      was_short = was_short || now - port.lent->since < stay_short;
      port.lent.reset();
    });
    one->lent = 0;
    one->lent_pause = is_misfit && was_short ? std::min(one->lent_pause * 2, return_last) : return_first;
    one->lent_again_at = now + one->lent_pause;
  }
}

void Engine::check_lent(Anchor& anchor, io::Instant now) {
  read_lent(anchor);
  if (!anchor.lent) return try_kernel(anchor, now);
  bool may_stay = true;
  each_lent(anchor, [&](Side, Port& port) {
    may_stay = may_stay && now - port.lent->seen.progress.last_arrival <= quiet_at_most &&
               kernel_->renew(port.rtp_socket, now);
  });
  if (!may_stay) take_back(anchor, now);
}

}  // namespace nearend::media
