#include "gateway/media_end.hpp"

#include "telemetry/log.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::gateway {

Task<Result<void>> MediaEnd::allocate(media::AllocateRequest request) {
  auto info = co_await control_.allocate(std::move(request));
  if (!info) co_return pass(info);
  info_ = std::move(*info);
  co_return Result<void>{};
}

std::vector<StreamAddress> MediaEnd::addresses(media::Side side) const {
  std::vector<StreamAddress> addresses;
  for (const auto& stream : info_.streams)
    addresses.push_back({stream.kind, side == media::Side::outer ? stream.outer : stream.inner});
  return addresses;
}

void MediaEnd::set_remotes(media::Side side, std::vector<media::Remote> remotes) {
  for (auto& remote : remotes) enqueue(SetRemote{side, std::move(remote)});
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
  if (is_working_) return;
  is_working_ = true;
  scope_.spawn(work());
}

Task<void> MediaEnd::work() {
  while (!queue_.empty()) {
    Command command = std::move(queue_.front());
    queue_.erase(queue_.begin());
    auto outcome = co_await run(std::move(command));
    if (outcome) continue;
    telemetry::counter("nearend_gateway_media_commands_failed_total").add();
    telemetry::warn("media command failed", {{"error", outcome.error().text}});
  }
  is_working_ = false;
  queue_.shrink_to_fit();
}

Task<Result<void>> MediaEnd::run(Command command) {
  const media::AnchorId anchor = info_.id;
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
