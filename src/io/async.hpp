#pragma once

#include <coroutine>
#include <deque>
#include <list>
#include <memory>
#include <optional>

#include "base/task.hpp"
#include "io/loop.hpp"

namespace nearend::io {

namespace detail {

/// One waiting coroutine, its deadline, and the promise that it is resumed at most once, from the loop, never from
/// within the call that made it ready. Shared between the awaiter and what was posted, so that either may go first.
class Waiter {
 public:
  explicit Waiter(Loop& loop) : loop_(loop) {}
  void wait(std::coroutine_handle<> handle) { handle_ = handle; }
  void forget() { handle_ = {}; }
  bool is_waiting() const { return static_cast<bool>(handle_); }
  static void wake(const std::shared_ptr<Waiter>& self) {
    if (!self->handle_ || self->is_woken_) return;
    self->is_woken_ = true;
    self->loop_.post([self] {
      self->is_woken_ = false;
      if (auto handle = std::exchange(self->handle_, {})) handle.resume();
    });
  }
  Loop& loop() { return loop_; }

 private:
  Loop& loop_;
  std::coroutine_handle<> handle_;
  bool is_woken_ = false;
};

/// Suspends until woken or until `deadline`.
struct WaitFor {
  std::shared_ptr<Waiter> waiter;
  std::optional<Instant> deadline;
  TimerId timer = TimerId::none;

  WaitFor(std::shared_ptr<Waiter> on, std::optional<Instant> until) : waiter(std::move(on)), deadline(until) {}
  WaitFor(const WaitFor&) = delete;
  ~WaitFor() {
    waiter->forget();
    if (timer != TimerId::none) waiter->loop().cancel_timer(timer);
  }
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    waiter->wait(handle);
    if (deadline)
      timer = waiter->loop().start_timer(*deadline, [this] {
        timer = TimerId::none;
        Waiter::wake(waiter);
      });
  }
  void await_resume() {
    if (timer != TimerId::none) waiter->loop().cancel_timer(std::exchange(timer, TimerId::none));
  }
};

}  // namespace detail

/// Suspends the coroutine until `when`.
inline Task<void> sleep_until(Loop& loop, Instant when) {
  auto waiter = std::make_shared<detail::Waiter>(loop);
  co_await detail::WaitFor(waiter, when);
}
inline Task<void> sleep_for(Loop& loop, Duration length) {
  return sleep_until(loop, loop.now() + length);
}

/// A queue with one reader: events of one dialog, one call. Pushing never resumes the reader inside the push.
/// At most `limit` wait; a push above it is refused. Loop's thread only. The box must outlive its reader's wait.
template <class T>
class Mailbox {
 public:
  explicit Mailbox(Loop& loop, size_t limit = 1024) : waiter_(std::make_shared<detail::Waiter>(loop)), limit_(limit) {}

  bool push(T value) {
    if (queue_.size() >= limit_) return false;
    queue_.push_back(std::move(value));
    detail::Waiter::wake(waiter_);
    return true;
  }
  bool is_empty() const { return queue_.empty(); }
  std::optional<T> try_next() {
    if (queue_.empty()) return std::nullopt;
    std::optional<T> value(std::move(queue_.front()));
    queue_.pop_front();
    return value;
  }
  /// The next value; nothing when `deadline` passes first.
  Task<std::optional<T>> next(std::optional<Instant> deadline = std::nullopt) {
    while (queue_.empty()) {
      if (deadline && waiter_->loop().now() >= *deadline) co_return std::nullopt;
      co_await detail::WaitFor(waiter_, deadline);
    }
    co_return try_next();
  }

 private:
  std::shared_ptr<detail::Waiter> waiter_;  // also held by what was posted to the loop
  std::deque<T> queue_;
  size_t limit_;
};

/// One value that comes later, from a callback: a reply, an outcome. One waiter. The first value counts.
/// Copies share the value, so that a callback may hold one copy and the waiting coroutine another.
template <class T>
class Reply {
 public:
  explicit Reply(Loop& loop) : state_(std::make_shared<State>(loop)) {}

  void set(T value) const {
    if (state_->value) return;
    state_->value.emplace(std::move(value));
    detail::Waiter::wake(state_->waiter);
  }
  bool is_set() const { return state_->value.has_value(); }
  /// The value; nothing when `deadline` passes first.
  Task<std::optional<T>> wait(std::optional<Instant> deadline = std::nullopt) const {
    return wait_on(state_, deadline);
  }

 private:
  struct State {
    explicit State(Loop& loop) : waiter(std::make_shared<detail::Waiter>(loop)) {}
    std::shared_ptr<detail::Waiter> waiter;
    std::optional<T> value;
  };
  static Task<std::optional<T>> wait_on(std::shared_ptr<State> state, std::optional<Instant> deadline) {
    while (!state->value) {
      if (deadline && state->waiter->loop().now() >= *deadline) co_return std::nullopt;
      co_await detail::WaitFor(state->waiter, deadline);
    }
    co_return std::move(state->value);
  }
  std::shared_ptr<State> state_;  // shared between the setter and the waiter, whichever lives longer
};

/// Owns tasks that nobody awaits. A task that ends is released at the next turn of the loop; destroying the scope
/// cancels the rest. Loop's thread only; a task must not destroy its own scope.
class Scope {
 public:
  explicit Scope(Loop& loop) : state_(std::make_shared<State>(loop)) {}
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  ~Scope() { cancel_all(); }

  /// Starts the task now, on the caller's stack, until its first wait.
  void spawn(Task<void> task) {
    auto place = state_->tasks.emplace(state_->tasks.end());
    *place = run(std::move(task), state_, place);
    place->handle().resume();
  }
  size_t size() const { return state_->tasks.size(); }
  void cancel_all() {
    std::list<Task<void>> doomed;
    doomed.swap(state_->tasks);
    ++state_->generation;
  }

 private:
  struct State {
    explicit State(Loop& on) : loop(on) {}
    Loop& loop;
    std::list<Task<void>> tasks;
    uint64_t generation = 0;
  };
  using Place = std::list<Task<void>>::iterator;
  static Task<void> run(Task<void> task, std::shared_ptr<State> state, Place place) {
    const uint64_t generation = state->generation;
    co_await task;
    Loop& loop = state->loop;
    loop.post([state, place, generation] {
      if (state->generation == generation) state->tasks.erase(place);
    });
  }
  std::shared_ptr<State> state_;  // also held by tasks that are about to be released
};

}  // namespace nearend::io
