#include "gateway/media_end.hpp"

#include <algorithm>

#include "telemetry/log.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::gateway {

Task<Result<void>> MediaEnd::allocate(media::AllocateRequest request) {
  auto info = co_await control_.allocate(std::move(request));
  if (!info) co_return pass(info);
  info_ = std::move(*info);
  is_lost_ = false;
  co_return Result<void>{};
}

/// A command may be under way to the lost node; what comes of it concerns nobody.
void MediaEnd::lose() {
  info_.id = media::AnchorId::none;
  is_lost_ = true;
  queue_.clear();
  working_on_ = media::AnchorId::none;
}

media::AllocateRequest MediaEnd::request_again(std::string call, std::string leg) const {
  media::AllocateRequest request{.call = std::move(call), .leg = std::move(leg), .streams = {}};
  request.lease = {};
  request.has_inner = false;
  for (const auto& stream : info_.streams) {
    request.streams.push_back(stream.kind);
    request.outer_family = stream.outer.address.is_v6() ? IpAddress::Family::v6 : IpAddress::Family::v4;
    request.has_inner = request.has_inner || stream.inner.port != 0;
  }
  return request;
}

void MediaEnd::repeat_remotes() {
  const std::vector<SetRemote> told = told_;
  for (const SetRemote& one : told)
    if (!one.remote.srtp && !one.remote.dtls) enqueue(one);
}

std::vector<StreamAddress> MediaEnd::addresses(media::Side side) const {
  std::vector<StreamAddress> addresses;
  for (const auto& stream : info_.streams)
    addresses.push_back({stream.kind, side == media::Side::outer ? stream.outer : stream.inner});
  return addresses;
}

void MediaEnd::set_remotes(media::Side side, std::vector<media::Remote> remotes) {
  for (auto& remote : remotes) {
    SetRemote command{side, std::move(remote)};
    remember(command);
    enqueue(std::move(command));
  }
}

void MediaEnd::remember(const SetRemote& command) {
  const auto same = [&](const SetRemote& one) {
    return one.side == command.side && one.remote.stream == command.remote.stream;
  };
  if (const auto known = std::ranges::find_if(told_, same); known != told_.end())
    *known = command;
  else
    told_.push_back(command);
}

void MediaEnd::connect(media::Path path) {
  path_ = path.kind;
  enqueue(Connect{path});
}

void MediaEnd::arm(media::Path path) {
  enqueue(Arm{path});
}

void MediaEnd::open() {
  enqueue(Open{});
}

void MediaEnd::watch_silence(std::chrono::milliseconds after) {
  watch_ = after;
  if (is_allocated()) control_.watch_silence(info_.id, after);
}

void MediaEnd::stop(media::JobId job) {
  if (is_allocated() && job != media::JobId::none) control_.stop(info_.id, job);
}

void MediaEnd::release() {
  if (!is_allocated()) return;
  control_.release(info_.id);
  info_ = {};
  queue_.clear();
}

void MediaEnd::enqueue(Command command) {
  if (!is_allocated()) return;
  queue_.push_back(std::move(command));
  if (working_on_ == info_.id) return;
  working_on_ = info_.id;
  scope_.spawn(work(info_.id));
}

Task<void> MediaEnd::work(media::AnchorId anchor) {
  while (working_on_ == anchor && !queue_.empty()) {
    Command command = std::move(queue_.front());
    queue_.erase(queue_.begin());
    auto outcome = co_await run(anchor, std::move(command));
    if (outcome || working_on_ != anchor) continue;
    telemetry::counter("nearend_gateway_media_commands_failed_total").add();
    telemetry::warn("media command failed", {{"error", outcome.error().text}});
  }
  if (working_on_ != anchor) co_return;
  working_on_ = media::AnchorId::none;
  queue_.shrink_to_fit();
}

Task<Result<void>> MediaEnd::run(media::AnchorId anchor, Command command) {
  if (auto* remote = std::get_if<SetRemote>(&command)) {
    auto outcome = co_await control_.set_remote(anchor, remote->side, std::move(remote->remote));
    co_return outcome;
  }
  if (auto* connect = std::get_if<Connect>(&command)) {
    auto outcome = co_await control_.connect(anchor, connect->path);
    co_return outcome;
  }
  if (auto* arm = std::get_if<Arm>(&command)) {
    auto outcome = co_await control_.arm(anchor, arm->path);
    co_return outcome;
  }
  control_.open(anchor);
  co_return Result<void>{};
}

}  // namespace nearend::gateway
