#include "media/node_control.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "srtp/certificate.hpp"
#include "telemetry/log.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::media {
namespace {

constexpr std::chrono::seconds lease_check{1};
constexpr int bind_tries = 16;
constexpr size_t streams_max = 16;
constexpr size_t short_part = 8;  // of the ports; fewer than this are free: short

}  // namespace

NodeControl::NodeControl(io::Loop& loop, NodeSettings settings, SourceLoader& loader)
    : loop_(loop),
      settings_(std::move(settings)),
      loader_(loader),
      ports_(settings_.port_first, settings_.port_last),
      generation_(static_cast<uint32_t>(loop.random() >> 33)),
      last_job_(loop.random() >> 20),
      lease_timer_(loop),
      loads_(loop) {
  if (!need("record")) return;
  if (auto recovered = recover_recordings(settings_.recordings); !recovered.empty())
    loads_.spawn(announce(std::move(recovered)));
}

Result<NodeControl::Held*> NodeControl::find(AnchorId anchor) {
  const auto found = held_.find(anchor);
  if (found == held_.end()) return fail(Error::Kind::not_found, "anchor {:x} is gone", static_cast<uint64_t>(anchor));
  Held& held = found->second;
  if (held.lease.count() > 0) held.lease_until = loop_.now() + held.lease;
  return &held;
}

Result<void> NodeControl::need(std::string_view capability) const {
  const auto& all = settings_.capabilities;
  if (std::find(all.begin(), all.end(), capability) != all.end()) return {};
  return fail(Error::Kind::unsupported, "this media node has no \"{}\"", capability);
}

Task<Result<AnchorInfo>> NodeControl::allocate(AllocateRequest request) {
  std::vector<Remote> remotes = std::move(request.outer_remotes);
  const std::optional<Path> path = request.path;
  const bool is_new = !by_leg_.contains(request.leg);
  auto info = allocate_now(std::move(request));
  if (!info) co_return info;
  if (auto begun = begin(info->id, std::move(remotes), path); !begun) {
    if (is_new) drop(info->id);
    co_return pass(begun);
  }
  co_return info;
}

Result<void> NodeControl::begin(AnchorId anchor, std::vector<Remote> remotes, const std::optional<Path>& path) {
  for (Remote& remote : remotes)
    if (auto set = set_remote_now(anchor, Side::outer, std::move(remote)); !set)
      return fail(set.error().kind, "outer_remotes: {}", set.error().text);
  if (!path) return {};
  if (auto connected = connect_now(anchor, *path); !connected)
    return fail(connected.error().kind, "path: {}", connected.error().text);
  return {};
}

Result<AnchorInfo> NodeControl::allocate_now(AllocateRequest request) {
  if (const auto known = by_leg_.find(request.leg); known != by_leg_.end() && !request.leg.empty()) {
    auto held = find(known->second);
    return (*held)->info;
  }
  for (const std::string& capability : request.needs)
    if (auto has = need(capability); !has) return pass(has);
  if (request.streams.empty() || request.streams.size() > streams_max)
    return fail(Error::Kind::invalid, "streams: 1 to {} are possible, not {}", streams_max, request.streams.size());
  if (held_.size() >= settings_.anchors_max)
    return fail(Error::Kind::unavailable, "all {} anchors are taken", settings_.anchors_max);

  uint32_t slot = slots_;
  if (free_slots_.empty()) {
    ++slots_;
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  generation_ = (generation_ + 1) & 0x7fffffff;  // JSON's integers stay exact and positive
  if (generation_ == 0) generation_ = 1;
  Held held;
  held.info.id = static_cast<AnchorId>(uint64_t{generation_} << 32 | slot);
  held.leg = request.leg;
  held.call = request.call;
  if (const auto ours = srtp::Certificate::of_process()) held.info.fingerprint = srtp::to_string(ours->fingerprint());
  held.has_inner = request.has_inner;
  held.lease = request.lease;
  held.lease_until = loop_.now() + request.lease;
  place(held.info.id, request.call);
  std::vector<Engine::StreamSockets> sockets;
  if (auto opened = open_streams(held, request, sockets); !opened) {
    free_sockets(held);
    forget(held.info.id);
    free_slots_.push_back(slot);
    telemetry::counter("nearend_media_allocate_failed_total").add();
    return pass(opened);
  }
  command(
      held.info.id,
      [id = held.info.id, sockets = std::move(sockets), has_inner = held.has_inner](Engine& engine, io::Instant now) {
        engine.add(id, sockets, has_inner, now);
      },
      Urgency::soon);
  if (!held.leg.empty()) by_leg_[held.leg] = held.info.id;
  if (held.lease.count() > 0 && !lease_timer_.is_running()) lease_timer_.start(lease_check, [this] { check_leases(); });
  AnchorInfo info = held.info;
  held_.emplace(info.id, std::move(held));
  tell_fullness();
  return info;
}

Result<SocketPair> NodeControl::open_pair(Held& held, const IpAddress& bind, const Inlet& inlet) {
  if (auto kept = reuse_sockets(bind, inlet)) {
    held.pairs.push_back(*kept);
    return *kept;
  }
  auto opened = open_new_pair(bind, inlet);
  if (opened)
    held.pairs.push_back(*opened);
  else
    opened.error().kind = Error::Kind::unavailable;
  return opened;
}

Result<SocketPair> NodeControl::open_new_pair(const IpAddress& bind, const Inlet& inlet) {
  if (ports_.free_count(loop_.now()) <= ports_.size() / short_part) on_ports_short(bind, inlet.anchor);
  Result<SocketPair> opened = fail(Error::Kind::unavailable, "all media ports from {} to {} are taken or resting",
                                   settings_.port_first, settings_.port_last);
  for (int i = 0; i < bind_tries && !opened; ++i) {
    const auto taken = ports_.take(loop_.random(), loop_.now());
    if (!taken) break;
    opened = open_sockets({bind, *taken}, inlet);
    if (!opened) give_back_port(*taken);  // somebody else's: not tried again at once
  }
  return opened;
}

Result<void> NodeControl::open_streams(Held& held, const AllocateRequest& request,
                                       std::vector<Engine::StreamSockets>& sockets) {
  const bool is_v6 = request.outer_family == IpAddress::Family::v6;
  if (is_v6 && !settings_.bind_outer_v6)
    return fail(Error::Kind::unsupported, "this media node has no IPv6 address towards endpoints");
  const IpAddress outer = is_v6 ? *settings_.bind_outer_v6 : settings_.bind_outer;
  const IpAddress outer_told =
      is_v6 ? settings_.advertised_outer_v6.value_or(outer) : settings_.advertised_outer.value_or(outer);
  for (StreamKind kind : request.streams) {
    Inlet inlet{.anchor = held.info.id, .stream = static_cast<uint8_t>(sockets.size())};
    inlet.is_bursty = kind == StreamKind::video || kind == StreamKind::screen;
    AnchorInfo::StreamPorts ports{.kind = kind};
    Engine::StreamSockets made{.kind = kind};
    auto pair = open_pair(held, outer, inlet);
    if (!pair) return pass(pair);
    made.outer_rtp = pair->rtp;
    made.outer_rtcp = pair->rtcp;
    ports.outer = {outer_told, pair->local.port};
    if (request.has_inner) {
      inlet.side = Side::inner;
      pair = open_pair(held, settings_.bind_inner, inlet);
      if (!pair) return pass(pair);
      made.inner_rtp = pair->rtp;
      made.inner_rtcp = pair->rtcp;
      ports.inner = {settings_.advertised_inner.value_or(settings_.bind_inner), pair->local.port};
    }
    held.info.streams.push_back(ports);
    sockets.push_back(made);
  }
  return {};
}

Task<Result<void>> NodeControl::set_remote(AnchorId anchor, Side side, Remote remote) {
  co_return set_remote_now(anchor, side, std::move(remote));
}

Result<void> NodeControl::set_remote_now(AnchorId anchor, Side side, Remote remote) {
  auto held = find(anchor);
  if (!held) return pass(held);
  if (remote.stream >= (*held)->info.streams.size())
    return fail(Error::Kind::invalid, "stream {} does not exist; the anchor has {}", remote.stream,
                (*held)->info.streams.size());
  if (side == Side::inner && !(*held)->has_inner)
    return fail(Error::Kind::invalid, "the anchor was allocated without an inner side");
  // No RTP to groups, whoever asks for it (threat TH13).
  const auto& address = remote.rtp.address;
  if (address.is_multicast() || address == IpAddress::v4(0xffffffff))
    return fail(Error::Kind::refused, "remote {} is a multicast or broadcast address", address.to_string());
  if (remote.srtp && remote.dtls) return fail(Error::Kind::invalid, "remote: 'srtp' or 'dtls', not both");
  if (remote.dtls)
    if (auto told = srtp::parse_fingerprint(remote.dtls->fingerprint); !told) return pass(told);
  command(
      anchor,
      [anchor, side, remote = std::move(remote)](Engine& engine, io::Instant now) {
        engine.set_remote(anchor, side, remote, now);
      },
      Urgency::soon);
  return {};
}

Result<void> NodeControl::check_path(const Held& held, const Path& path) {
  if (path.kind == Path::Kind::room) return fail(Error::Kind::invalid, "path room: a room is entered by its seat");
  if (path.kind == Path::Kind::inner && !held.has_inner)
    return fail(Error::Kind::invalid, "path inner: the anchor was allocated without an inner side");
  if (path.kind != Path::Kind::bridge) return {};
  if (auto has = need("bridge"); !has) return pass(has);
  if (path.peer == held.info.id) return fail(Error::Kind::invalid, "peer: an anchor cannot be bridged to itself");
  auto peer = find(path.peer);
  if (!peer) return fail(Error::Kind::not_found, "peer: {}", peer.error().text);
  return {};
}

Result<void> NodeControl::connect_now(AnchorId anchor, const Path& path) {
  auto held = find(anchor);
  if (!held) return pass(held);
  if (auto checked = check_path(**held, path); !checked) return pass(checked);
  (*held)->armed.reset();
  leave_room(**held);
  if (path.kind == Path::Kind::bridge) {
    if (auto peer = find(path.peer)) leave_room(**peer);
    join(anchor, path.peer);
  }
  command(anchor, [anchor, path](Engine& engine, io::Instant now) { engine.connect(anchor, path, now); });
  return {};
}

Task<Result<void>> NodeControl::connect(AnchorId anchor, Path path) {
  co_return connect_now(anchor, path);
}

Task<Result<void>> NodeControl::arm(AnchorId anchor, Path path) {
  auto held = find(anchor);
  if (!held) co_return pass(held);
  auto checked = check_path(**held, path);
  if (!checked) co_return pass(checked);
  (*held)->armed = path;
  if (path.kind == Path::Kind::bridge) join(anchor, path.peer);
  command(anchor, [anchor, path](Engine& engine, io::Instant now) { engine.expect(anchor, path, now); }, Urgency::soon);
  co_return Result<void>{};
}

void NodeControl::open(AnchorId anchor) {
  auto held = find(anchor);
  if (!held || !(*held)->armed) return;
  const Path path = *(*held)->armed;
  if (auto connected = connect_now(anchor, path); !connected)
    telemetry::warn("media_open_failed", {{"leg", (*held)->leg}, {"error", connected.error().text}});
}

void NodeControl::watch_silence(AnchorId anchor, milliseconds after) {
  if (!find(anchor)) return;
  command(
      anchor, [anchor, after](Engine& engine, io::Instant now) { engine.watch_silence(anchor, after, now); },
      Urgency::soon);
}

Task<Result<std::vector<StreamStats>>> NodeControl::stats(AnchorId anchor) {
  auto held = find(anchor);
  if (!held) co_return pass(held);
  io::Reply<std::vector<StreamStats>> reply(loop_);
  command(anchor, [anchor, reply, &loop = loop_](Engine& engine, io::Instant) {
    loop.post([reply, figures = engine.stats(anchor)]() mutable { reply.set(std::move(figures)); });
  });
  const io::Instant deadline = loop_.now() + std::chrono::seconds(2);
  auto figures = co_await reply.wait(deadline);
  if (!figures) co_return fail(Error::Kind::timeout, "the media thread did not answer");
  co_return std::move(*figures);
}

Task<Result<std::vector<LegSecond>>> NodeControl::seconds() {
  std::vector<io::Reply<std::vector<LegSecond>>> replies;
  for (size_t engine = 0; engine < engines(); ++engine) {
    const io::Reply<std::vector<LegSecond>> reply(loop_);
    replies.push_back(reply);
    command_engine(engine, [reply, &loop = loop_](Engine& at, io::Instant now) {
      loop.post([reply, taken = at.take_seconds(now)]() mutable { reply.set(std::move(taken)); });
    });
  }
  const io::Instant deadline = loop_.now() + std::chrono::seconds(2);
  std::vector<LegSecond> all;
  for (const auto& reply : replies) {
    auto part = co_await reply.wait(deadline);
    if (!part) co_return fail(Error::Kind::timeout, "a media thread did not answer");
    if (all.empty())
      all = std::move(*part);
    else
      all.insert(all.end(), part->begin(), part->end());
  }
  co_return all;
}

void NodeControl::renew(AnchorId anchor, std::chrono::seconds lease) {
  auto held = find(anchor);
  if (!held) return;
  (*held)->lease = lease;
  (*held)->lease_until = loop_.now() + lease;
  if (lease.count() > 0 && !lease_timer_.is_running()) lease_timer_.start(lease_check, [this] { check_leases(); });
}

void NodeControl::check_leases() {
  std::vector<AnchorId> over;
  bool has_leases = false;
  for (const auto& [id, held] : held_) {
    if (held.lease.count() == 0) continue;
    has_leases = true;
    if (loop_.now() >= held.lease_until) over.push_back(id);
  }
  std::sort(over.begin(), over.end());
  for (AnchorId id : over) {
    drop(id);
    on_event(id, event::Lost{"lease over"});
  }
  if (has_leases) lease_timer_.start(lease_check, [this] { check_leases(); });
}

void NodeControl::release(AnchorId anchor) {
  drop(anchor);
}

void NodeControl::drop(AnchorId anchor) {
  const auto found = held_.find(anchor);
  if (found == held_.end()) return;
  Held held = std::move(found->second);
  held_.erase(found);
  leave_room(held);
  by_leg_.erase(held.leg);
  command(anchor, [anchor](Engine& engine, io::Instant now) { engine.remove(anchor, now); }, Urgency::soon);
  free_slots_.push_back(static_cast<uint32_t>(static_cast<uint64_t>(anchor)));
  free_sockets(held);
  forget(anchor);
  tell_fullness();
}

void NodeControl::tell_fullness() const {
  static telemetry::Gauge& anchors = telemetry::gauge("nearend_media_anchors");
  static telemetry::Gauge& most = telemetry::gauge("nearend_media_anchors_max");
  anchors.set(static_cast<int64_t>(held_.size()));
  most.set(settings_.anchors_max);
}

void NodeControl::free_sockets(Held& held) {
  for (const SocketPair& pair : std::exchange(held.pairs, {})) {
    if (keep_sockets(held.info.id, pair)) continue;
    close_sockets(held.info.id, pair);
    give_back_port(pair.local.port);
  }
}

void NodeControl::release_all() {
  handler_ = nullptr;
  loads_.cancel_all();
  streams_.clear();
  while (!held_.empty()) drop(held_.begin()->first);
}

void NodeControl::on_event(AnchorId anchor, Event event) {
  if (const auto* digit = std::get_if<event::Digit>(&event); digit && !streams_.empty())
    tell_streams(anchor, digit->digit);
  end_job(event);
  if (handler_) handler_(anchor, std::move(event));
}

}  // namespace nearend::media
