#include "sim/clock.hpp"

#include <cstdlib>

#include "telemetry/log.hpp"

namespace nearend::sim {
namespace {

/// A run that does this much without time passing is caught in a circle.
constexpr uint64_t events_at_once_max = 20'000'000;

}  // namespace

void Clock::drop(Owner owner) {
  timers_.remove_owner(owner);
  std::vector<io::Callback> dropped;  // Released last: what they hold may post.
  for (Work& work : soon_)
    if (work.owner == owner) dropped.push_back(std::exchange(work.run, nullptr));
}

void Clock::clear() {
  timers_.clear();
  while (!soon_.empty()) {
    const Work dropped = std::move(soon_.front());
    soon_.pop_front();
  }
}

bool Clock::step(io::Instant limit) {
  if (!soon_.empty()) {
    Work work = std::move(soon_.front());
    soon_.pop_front();
    ++events_;
    if (++events_at_once_ > events_at_once_max) {
      telemetry::error("the simulation runs in a circle without time passing", {{"events", events_at_once_}});
      std::abort();
    }
    if (work.run) work.run();
    return true;
  }
  const auto next = timers_.next_due();
  if (!next || *next > limit) {
    now_ = std::max(now_, limit);
    return false;
  }
  if (*next > now_) events_at_once_ = 0;
  now_ = *next;
  auto due = timers_.take_due(now_);
  ++events_;
  ++events_at_once_;
  due->run();
  return true;
}

}  // namespace nearend::sim
