#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "io/loop.hpp"
#include "media/worker.hpp"

namespace nearend::media {

/// Threads for slow work. Work of one lane stays on one thread, so it keeps its order. Destroying the pool finishes
/// what has begun and what is queued: recordings are closed.
class WorkerPool {
 public:
  explicit WorkerPool(uint32_t threads);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;

  /// `deliver` is called on the worker's thread with what the work returned.
  using Deliver = std::function<void(Worker::Completion)>;
  void submit(uint64_t lane, Worker::Work work, Deliver deliver);

 private:
  struct Task {
    Worker::Work work;
    Deliver deliver;
  };
  struct Thread {
    std::mutex mutex;
    std::condition_variable wake;
    std::deque<Task> queue;
    bool is_stopping = false;
    std::thread thread;
  };
  static void run(Thread& self);
  std::vector<std::unique_ptr<Thread>> threads_;
};

/// A pool's face for one owner: completions come back on the owner's thread.
class PooledWorker final : public Worker {
 public:
  PooledWorker(WorkerPool& pool, WorkerPool::Deliver deliver) : pool_(pool), deliver_(std::move(deliver)) {}
  void submit(uint64_t lane, Work work) override { pool_.submit(lane, std::move(work), deliver_); }

 private:
  WorkerPool& pool_;
  WorkerPool::Deliver deliver_;
};

/// Brings completions to a loop, for ClipLoader. The pool outlives it, the loop outlives the pool.
WorkerPool::Deliver deliver_to(io::Loop& loop);

}  // namespace nearend::media
