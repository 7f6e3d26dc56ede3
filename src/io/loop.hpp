#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <utility>

namespace nearend::io {

using Duration = std::chrono::nanoseconds;
/// Monotonic time. In the simulator it starts at zero and moves only when the world does.
using Instant = std::chrono::time_point<std::chrono::steady_clock, Duration>;
using WallTime = std::chrono::system_clock::time_point;
using Callback = std::move_only_function<void()>;

enum class TimerId : uint64_t { none = 0 };

/// One event loop: clock, timers, randomness, and work to be done next. Everything that belongs to a loop runs on its
/// thread. Two implementations: AsioLoop (a thread of the process) and the simulator's host (virtual time).
class Loop {
 public:
  virtual ~Loop() = default;

  virtual Instant now() const = 0;
  virtual WallTime wall() const = 0;
  /// Runs `run` once on this loop at `when` or soon after. Loop's thread only.
  virtual TimerId start_timer(Instant when, Callback run) = 0;
  /// Forgets a timer; one that has fired or is none is ignored. Loop's thread only.
  virtual void cancel_timer(TimerId timer) = 0;
  /// Runs `run` on this loop after what is running now. Any thread; in order per sender.
  virtual void post(Callback run) = 0;
  /// 64 random bits: from the operating system, or from the simulator's seed. Loop's thread only.
  virtual uint64_t random() = 0;

  int64_t wall_ms() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(wall().time_since_epoch()).count();
  }
};

/// A timer that stops when it goes out of scope. It cannot be moved: its owner stays where it is.
class Timer {
 public:
  explicit Timer(Loop& loop) : loop_(&loop) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() { stop(); }

  /// Starts it anew; what was set before is forgotten. `run` may start the timer again.
  void start(Duration after, Callback run) { start_at(loop_->now() + after, std::move(run)); }
  void start_at(Instant when, Callback run) {
    stop();
    id_ = loop_->start_timer(when, [this, run = std::move(run)]() mutable {
      id_ = TimerId::none;
      Callback mine = std::move(run);
      mine();
    });
  }
  void stop() {
    if (id_ != TimerId::none) loop_->cancel_timer(std::exchange(id_, TimerId::none));
  }
  bool is_running() const { return id_ != TimerId::none; }

 private:
  Loop* loop_;
  TimerId id_ = TimerId::none;
};

}  // namespace nearend::io
