// How much of what a node has is taken: its entry in the region's catalogue of resources.
#include <algorithm>

#include "media/node_control.hpp"

namespace nearend::media {
namespace {

struct JobFacts {
  std::string_view name, capability;
};
/// In the order of JobKind.
constexpr std::array<JobFacts, 5> facts{
    {{"play", "play"}, {"record", "record"}, {"collect", "collect"}, {"listen", "collect"}, {"stream", "stream"}}};

/// The job whose end it tells, or none.
struct Ended {
  JobId operator()(const event::PlayEnded& e) const { return e.job; }
  JobId operator()(const event::RecordEnded& e) const { return e.job; }
  JobId operator()(const event::CollectEnded& e) const { return e.job; }
  JobId operator()(const event::ListenEnded& e) const { return e.job; }
  JobId operator()(const event::StreamEnded& e) const { return e.job; }
  template <class Other>
  JobId operator()(const Other&) const {
    return JobId::none;
  }
};

}  // namespace

uint32_t NodeControl::jobs_max(JobKind kind) const {
  switch (kind) {
    case JobKind::record:
      return settings_.recorders_max;
    case JobKind::stream:
      return settings_.streams_max;
    case JobKind::play:
    case JobKind::collect:
    case JobKind::listen:
      break;
  }
  return settings_.anchors_max;
}

Result<JobId> NodeControl::begin_job(JobKind kind) {
  const JobFacts& known = facts[static_cast<size_t>(kind)];
  if (auto has = need(known.capability); !has) return pass(has);
  uint32_t& used = jobs_used_[static_cast<size_t>(kind)];
  // Those that follow the number of anchors have no bound of their own: several may wait on one.
  const bool is_bounded = kind == JobKind::record || kind == JobKind::stream;
  if (is_bounded && used >= jobs_max(kind))
    return fail(Error::Kind::unavailable, "{}: all {} are taken", known.name, jobs_max(kind));
  const JobId job = static_cast<JobId>(++last_job_);
  jobs_.emplace(job, kind);
  ++used;
  return job;
}

void NodeControl::end_job(const Event& event) {
  const JobId job = std::visit(Ended(), event);
  if (job == JobId::none) return;
  const auto found = jobs_.extract(job);
  if (found) --jobs_used_[static_cast<size_t>(found.mapped())];
}

Task<Result<NodeState>> NodeControl::state() {
  NodeState state;
  state.capabilities = settings_.capabilities;
  state.anchors = static_cast<uint32_t>(held_.size());
  state.anchors_max = settings_.anchors_max;
  const size_t ports_free = ports_.free_count(loop_.now()) + kept_free_count();
  const double ports_taken =
      ports_.size() == 0 ? 1.0 : 1.0 - static_cast<double>(ports_free) / static_cast<double>(ports_.size());
  state.load = std::max(static_cast<double>(state.anchors) / state.anchors_max, ports_taken);
  for (size_t i = 0; i < job_kinds; ++i) {
    if (!need(facts[i].capability)) continue;
    const uint32_t most = jobs_max(static_cast<JobKind>(i));
    state.resources.push_back({std::string(facts[i].name), jobs_used_[i], most});
    state.load = std::max(state.load, std::min(1.0, static_cast<double>(jobs_used_[i]) / std::max(most, 1u)));
  }
  co_return state;
}

}  // namespace nearend::media
