#include "router/node_anchor.hpp"

#include <algorithm>

#include "call/inner_sdp.hpp"

namespace nearend::router {

MediaDesk::MediaDesk(io::Loop& loop, media::Control& control) : loop_(loop), control_(control) {
  control_.set_event_handler([this](media::AnchorId anchor, media::Event event) {
    auto found = anchors_.find(anchor);
    if (found != anchors_.end()) found->second->on_event(std::move(event));
  });
}

MediaDesk::~MediaDesk() {
  control_.set_event_handler([](media::AnchorId, media::Event) {});
}

Task<Result<std::shared_ptr<NodeAnchor>>> NodeAnchor::allocate(MediaDesk& desk, std::string call, std::string leg) {
  media::AllocateRequest request;
  request.call = std::move(call);
  request.leg = std::move(leg);
  return allocate(desk, std::move(request));
}

Task<Result<std::shared_ptr<NodeAnchor>>> NodeAnchor::allocate_facing(MediaDesk& desk, std::string call,
                                                                      std::string leg, sdp::SessionDescription theirs,
                                                                      std::optional<media::AnchorId> peer) {
  media::AllocateRequest request;
  request.call = std::move(call);
  request.leg = std::move(leg);
  request.outer_remotes = call::remotes_of(theirs);
  if (peer) request.path = media::Path{.kind = media::Path::Kind::bridge, .peer = *peer};
  return allocate(desk, std::move(request));
}

Task<Result<std::shared_ptr<NodeAnchor>>> NodeAnchor::allocate(MediaDesk& desk, media::AllocateRequest request) {
  request.has_inner = false;
  request.lease = lease;
  auto info = co_await desk.control().allocate(std::move(request));
  if (!info) co_return pass(info);
  if (info->streams.empty()) co_return fail(Error::Kind::unavailable, "media node: the anchor has no audio stream");
  co_return std::shared_ptr<NodeAnchor>(new NodeAnchor(desk, std::move(*info)));
}

NodeAnchor::NodeAnchor(MediaDesk& desk, media::AnchorInfo info)
    : desk_(desk), info_(std::move(info)), renewal_(desk.loop()) {
  desk_.anchors_[info_.id] = this;
  renew();
}

NodeAnchor::~NodeAnchor() {
  release();
}

void NodeAnchor::release() {
  if (std::exchange(is_released_, true)) return;
  renewal_.stop();
  on_lost_ = nullptr;
  const auto jobs = std::exchange(jobs_, {});
  for (const auto& [job, end] : jobs) end.set(std::monostate());
  desk_.anchors_.erase(info_.id);
  desk_.control().release(info_.id);
}

void NodeAnchor::renew() {
  renewal_.start(lease / 3, [this] {
    desk_.control().renew(info_.id, lease);
    renew();
  });
}

Task<Result<void>> NodeAnchor::face(sdp::SessionDescription theirs) {
  for (media::Remote& remote : call::remotes_of(theirs)) {
    auto set = co_await desk_.control().set_remote(info_.id, media::Side::outer, std::move(remote));
    if (!set) co_return pass(set);
  }
  co_return Result<void>();
}

Task<Result<void>> NodeAnchor::join(NodeAnchor& peer) {
  media::Path path{.kind = media::Path::Kind::bridge, .peer = peer.id()};
  auto moved = co_await desk_.control().connect(info_.id, std::move(path));
  co_return moved;
}

Task<Result<void>> NodeAnchor::idle() {
  auto moved = co_await desk_.control().connect(info_.id, media::Path{});
  co_return moved;
}

Task<Result<NodeAnchor::JobEnd>> NodeAnchor::play(media::PlayRequest request) {
  auto job = co_await desk_.control().play(info_.id, std::move(request));
  if (!job) co_return pass(job);
  auto end = co_await wait_for(*job);
  co_return end;
}

Task<Result<NodeAnchor::JobEnd>> NodeAnchor::collect(media::CollectRequest request) {
  auto job = co_await desk_.control().collect(info_.id, std::move(request));
  if (!job) co_return pass(job);
  auto end = co_await wait_for(*job);
  co_return end;
}

Task<Result<NodeAnchor::JobEnd>> NodeAnchor::record(media::RecordRequest request, const NodeAnchor* peer) {
  request.legs = {info_.id};
  if (peer != nullptr) request.legs.push_back(peer->id());
  auto job = co_await desk_.control().record(info_.id, std::move(request));
  if (!job) co_return pass(job);
  auto end = co_await wait_for(*job);
  co_return end;
}

void NodeAnchor::stop_jobs() {
  for (const auto& [job, end] : jobs_) desk_.control().stop(info_.id, job);
}

Task<Result<NodeAnchor::JobEnd>> NodeAnchor::wait_for(media::JobId job) {
  io::Reply<JobEnd> reply(desk_.loop());
  if (is_released_) co_return JobEnd();
  auto early = std::ranges::find(early_ends_, job, &std::pair<media::JobId, JobEnd>::first);
  if (early != early_ends_.end()) {
    reply.set(std::move(early->second));
    early_ends_.erase(early);
  } else {
    jobs_.emplace(job, reply);
  }
  std::optional<JobEnd> end = co_await reply.wait();
  co_return std::move(*end);
}

void NodeAnchor::set_end(media::JobId job, JobEnd end) {
  auto found = jobs_.find(job);
  if (found == jobs_.end()) {
    if (early_ends_.size() >= early_ends_max) early_ends_.pop_front();
    early_ends_.emplace_back(job, std::move(end));
    return;
  }
  found->second.set(std::move(end));
  jobs_.erase(found);
}

void NodeAnchor::on_event(media::Event event) {
  if (const auto* play = std::get_if<media::event::PlayEnded>(&event)) set_end(play->job, *play);
  if (const auto* record = std::get_if<media::event::RecordEnded>(&event)) set_end(record->job, *record);
  if (const auto* collect = std::get_if<media::event::CollectEnded>(&event)) set_end(collect->job, *collect);
  if (std::holds_alternative<media::event::Lost>(event)) {
    is_lost_ = true;
    const auto jobs = std::exchange(jobs_, {});
    for (const auto& [job, end] : jobs) end.set(std::monostate());
    if (const auto handler = std::exchange(on_lost_, nullptr)) handler();
  }
}

}  // namespace nearend::router
