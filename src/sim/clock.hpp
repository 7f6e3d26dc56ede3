#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <vector>

#include "io/loop.hpp"
#include "io/timer_queue.hpp"

namespace nearend::sim {

/// Whose event it is: a host and how often it was restarted. What belongs to an owner can be dropped together.
using Owner = uint32_t;

/// The virtual clock and everything that will happen: work to do now in the order it was posted, then timers by due
/// time.
class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  ~Clock() { clear(); }

  io::Instant now() const { return now_; }
  uint64_t events() const { return events_; }
  io::TimerId at(io::Instant when, io::Callback run, Owner owner) {
    return timers_.add(std::max(when, now_), std::move(run), owner);
  }
  void cancel(io::TimerId timer) { timers_.remove(timer); }
  void soon(io::Callback run, Owner owner) { soon_.push_back({std::move(run), owner}); }
  void drop(Owner owner);
  void clear();
  /// Does the next thing that is due by `limit`; false, with the clock at `limit`, when there is none.
  bool step(io::Instant limit);

 private:
  struct Work {
    io::Callback run;
    Owner owner;
  };
  io::Instant now_{};
  io::TimerQueue timers_;
  std::deque<Work> soon_;
  uint64_t events_ = 0;
  uint64_t events_at_once_ = 0;
};

}  // namespace nearend::sim
