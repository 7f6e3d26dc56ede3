#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "media/datagrams.hpp"
#include "media/engine.hpp"
#include "media/kernel_flows.hpp"
#include "media/range_io.hpp"
#include "media/shallow_sleep.hpp"
#include "media/socket_pool.hpp"
#include "media/worker_pool.hpp"

namespace nearend::media {

/// The thread that carries media: an epoll loop over one socket per port, the engine, a 20 ms tick. Commands come in
/// over a queue with an eventfd, events go out in batches. Datagrams come and go several at a time.
class MediaThread final : private EngineOutput {
 public:
  using Command = std::move_only_function<void(Engine&, io::Instant)>;
  using Events = std::vector<std::pair<AnchorId, Event>>;

  /// What the kernel may do for the thread; null: nothing of it. Both outlive the thread.
  struct Tiers {
    flow::FlowTable* flows = nullptr;
    flow::Steering* steering = nullptr;
    uint32_t awake_from = 0;  ///< See ShallowSleep.
  };
  /// `on_events` is called on the media thread.
  MediaThread(const Engine::Start& start, WorkerPool& pool, const Tiers& tiers, std::function<void(Events)> on_events);
  ~MediaThread();

  /// Any thread; in order per caller. Taken up at the next `wake` at the latest.
  void command(Command run);
  /// Has what was commanded carried out. One for all commands of a turn of the caller's loop: each costs a switch of
  /// threads.
  void wake();
  /// From now on the sockets' datagrams come in as `inlet` says, of the second as its RTCP. Given before the anchor is
  /// added. The sockets belong to the thread now; it closes what it has at its end.
  void watch(const SocketPair& pair, const Inlet& inlet);
  /// From now on what comes in is thrown away, until the pair is watched again.
  void rest(const SocketPair& pair);
  void close(const SocketPair& pair);
  /// Has `to` carry these anchors, with their sockets and all that works on them, from what is commanded next on; what
  /// was commanded before is carried out here. Until this thread has given them, `to` takes up no other command: its
  /// commands stay in order. The same thread calls for all threads of a node, so none waits for one that waits for it.
  void hand_over(std::vector<AnchorId> anchors, MediaThread& to);

 private:
  /// Anchors on their way from one thread to another.
  struct Transfer {
    std::atomic<bool> is_ready = false;
    Engine::Parcel parcel;
    std::vector<std::pair<int, Inlet>> sockets;
  };
  struct Watched {
    Inlet inlet;
    bool is_ours = false;
  };
  struct Step {
    Command run;
    std::shared_ptr<Transfer> arrival;  ///< Must be ready first; shared with the thread that gives it.
  };
  /// Outlives the thread where workers still hold it, so that what they finish late falls on deaf ears.
  struct Queue {
    Queue();
    ~Queue();
    void push(Step step);
    void wake_up();
    void wake_for_arrival();
    std::mutex mutex;
    std::vector<Step> steps;  // under mutex
    bool is_woken = false;    // under mutex
    int wake = -1;
  };
  void run();
  void run_commands();
  void deliver_events();
  void give(Transfer& transfer, std::span<const AnchorId> anchors);
  void take(Transfer& transfer);
  void add_socket(int socket, const Inlet& inlet);
  void read_socket(int socket);
  bool is_range(int descriptor) const;
  bool read_range(int socket, bool has_several);
  void drain_range();
  void run_ticks();
  void note_cpu();
  void arm_tick();
  void flush();
  void send(Socket socket, const Endpoint& to, std::span<const uint8_t> datagram) override {
    if (!range_ || !range_->send(socket, to, datagram)) writer_.add(static_cast<int>(socket), to, datagram);
  }
  void tell(AnchorId anchor, Event event) override { events_.emplace_back(anchor, std::move(event)); }
  static io::Instant now() { return std::chrono::steady_clock::now(); }

  std::function<void(Events)> on_events_;
  std::shared_ptr<Queue> queue_ = std::make_shared<Queue>();  // shared with completions of workers
  int epoll_ = -1, timer_ = -1;
  bool is_stopping_ = false, is_ticking_ = false;
  bool is_behind_ = false;  // there was something to do before the thread could sleep
  std::chrono::nanoseconds cpu_at_note_{0};
  io::Instant noted_{};
  ShallowSleep sleep_;
  DatagramReader reader_;
  DatagramWriter writer_;
  std::vector<Watched> watched_;  // by descriptor
  std::deque<Step> steps_;        // taken from the queue; more than a moment only behind an arrival
  Events events_;
  PooledWorker worker_;
  std::optional<KernelFlows> kernel_;
  std::optional<RangeIo> range_;
  Engine engine_;
  std::thread thread_;
};

}  // namespace nearend::media
