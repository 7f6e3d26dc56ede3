#include "store/worker.hpp"

#include "telemetry/metrics.hpp"

namespace nearend::store {

Worker::Worker(Database database, Kind kind, io::Loop& loop)
    : database_(std::move(database)), kind_(kind), loop_(loop), thread_([this] { work_until_stopped(); }) {}

Worker::~Worker() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

bool Worker::push(Job job) {
  {
    const std::lock_guard lock(mutex_);
    if (jobs_.size() >= jobs_max) return false;
    jobs_.push_back(std::move(job));
  }
  changed_.notify_one();
  return true;
}

void Worker::work_until_stopped() {
  while (true) {
    std::deque<Job> batch;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return is_stopping_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      while (!jobs_.empty() && batch.size() < batch_max) {
        batch.push_back(std::move(jobs_.front()));
        jobs_.pop_front();
      }
    }
    do_batch(std::move(batch));
  }
}

void Worker::do_batch(std::deque<Job> batch) {
  static telemetry::Counter& commits = telemetry::counter("nearend_store_commits_total");
  static telemetry::Counter& failures = telemetry::counter("nearend_store_commit_failures_total");
  const bool is_writing = kind_ == Kind::writer;
  Result<void> committed;
  if (is_writing) committed = database_.run("BEGIN IMMEDIATE");
  if (committed)
    for (Job& job : batch) job.work(database_);
  if (is_writing && committed) committed = database_.run("COMMIT");
  if (is_writing) (committed ? commits : failures).add();
  for (Job& job : batch) job.finish(committed ? nullptr : &committed.error());
}

}  // namespace nearend::store
