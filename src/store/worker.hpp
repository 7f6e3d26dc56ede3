#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "io/async.hpp"
#include "store/database.hpp"

namespace nearend::store {

/// A thread with a connection of its own that does one job after another. A writing one does all that has gathered in
/// one transaction; nobody is told of success before it is committed.
class Worker {
 public:
  enum class Kind { reader, writer };

  Worker(Database database, Kind kind, io::Loop& loop);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  /// Finishes what was handed in.
  ~Worker();

  /// Does `work` on the thread and resumes with its result on the loop. At most jobs_max wait: unavailable above that.
  template <class T>
  Task<Result<T>> submit(std::move_only_function<Result<T>(Database&)> work) {
    io::Reply<Result<T>> reply(loop_);
    auto result = std::make_shared<std::optional<Result<T>>>();  // shared by the job's two halves
    Job job;
    job.work = [work = std::move(work), result](Database& database) mutable { result->emplace(work(database)); };
    job.finish = [this, reply, result](const Error* commit_error) {
      if (commit_error) *result = std::unexpected(*commit_error);
      loop_.post([reply, result] { reply.set(std::move(**result)); });
    };
    if (!push(std::move(job))) co_return fail(Error::Kind::unavailable, "{} jobs wait for the database", jobs_max);
    auto value = co_await reply.wait();
    co_return std::move(*value);
  }

 private:
  static constexpr size_t jobs_max = 100000;
  static constexpr size_t batch_max = 1000;
  struct Job {
    std::move_only_function<void(Database&)> work;
    std::move_only_function<void(const Error*)> finish;
  };

  bool push(Job job);
  void work_until_stopped();
  void do_batch(std::deque<Job> batch);

  Database database_;
  Kind kind_;
  io::Loop& loop_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  bool is_stopping_ = false;
  std::thread thread_;  // last: it uses the members above
};

}  // namespace nearend::store
