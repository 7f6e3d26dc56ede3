#include "media/worker_pool.hpp"

#include <pthread.h>
#include <signal.h>

namespace nearend::media {

WorkerPool::WorkerPool(uint32_t threads) {
  sigset_t all, before;  // signals belong to the main thread
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  for (uint32_t i = 0; i < std::max(threads, 1u); ++i) {
    threads_.push_back(std::make_unique<Thread>());
    Thread& self = *threads_.back();
    self.thread = std::thread([&self] { run(self); });
    pthread_setname_np(self.thread.native_handle(), "nearend-work");
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

WorkerPool::~WorkerPool() {
  for (auto& one : threads_) {
    const std::lock_guard lock(one->mutex);
    one->is_stopping = true;
    one->wake.notify_one();
  }
  for (auto& one : threads_) one->thread.join();
}

void WorkerPool::submit(uint64_t lane, Worker::Work work, Deliver deliver) {
  Thread& thread = *threads_[lane % threads_.size()];
  const std::lock_guard lock(thread.mutex);
  thread.queue.push_back({std::move(work), std::move(deliver)});
  thread.wake.notify_one();
}

void WorkerPool::run(Thread& self) {
  for (;;) {
    std::unique_lock lock(self.mutex);
    self.wake.wait(lock, [&] { return self.is_stopping || !self.queue.empty(); });
    if (self.queue.empty()) return;
    Task task = std::move(self.queue.front());
    self.queue.pop_front();
    lock.unlock();
    task.deliver(task.work());
  }
}

WorkerPool::Deliver deliver_to(io::Loop& loop) {
  return [&loop](Worker::Completion done) {
    loop.post([done = std::move(done)]() mutable {
      if (done) done();
    });
  };
}

}  // namespace nearend::media
