#pragma once

#include <functional>
#include <initializer_list>
#include <memory>

#include "base/result.hpp"
#include "io/loop.hpp"

namespace boost::asio {
class io_context;
}

namespace nearend::io {

/// What a file descriptor is ready for, and what somebody waits for.
struct Readiness {
  bool is_readable = false;
  bool is_writable = false;
};

/// The loop of a process's thread: Boost.Asio's io_context, all timers in one queue behind one Asio timer, and a poller
/// of its own for datagram sockets and other libraries' descriptors. Whoever calls run() is the loop's thread.
/// Everything made on the loop is destroyed before it.
class AsioLoop final : public Loop {
 public:
  AsioLoop();
  ~AsioLoop() override;
  AsioLoop(const AsioLoop&) = delete;

  Instant now() const override;
  WallTime wall() const override;
  TimerId start_timer(Instant when, Callback run) override;
  void cancel_timer(TimerId timer) override;
  void post(Callback run) override;
  uint64_t random() override;

  /// Works until stop(), also one that came before; may be called again after that.
  void run();
  /// Works until stop() or until `length` has passed.
  void run_for(Duration length);
  /// Any thread; what was posted and not done waits for the next run().
  void stop();

  /// Calls `run` once when all that is ready has been done, before the loop waits; under load after some hundred
  /// pieces of work at the latest. For what is cheaper done once for many. Loop's thread only.
  void at_turn_end(Callback run);

  /// Calls `run` on the loop for each of these signals (SIGINT, SIGTERM...) from now on; replaces an earlier call.
  void on_signals(std::initializer_list<int> signals, std::move_only_function<void(int)> run);

  /// Calls `run` while the descriptor is ready for what is wanted (level-triggered); a second call for it replaces the
  /// first.
  using WatchHandler = std::function<void(Readiness)>;
  Result<void> watch(int descriptor, Readiness wanted, WatchHandler run);
  /// Forgets a descriptor; call it before closing it. Safe from within its handler.
  void unwatch(int descriptor);

  /// For the owners of Asio code (io, http's server) only.
  boost::asio::io_context& context();

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace nearend::io
