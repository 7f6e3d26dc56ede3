#pragma once

#include <memory>

#include "io/loop.hpp"
#include "media/worker.hpp"

namespace nearend::media {

/// Does the work at once on the caller's thread and tells its end from the loop: the simulator's worker, where time
/// stands still meanwhile.
class LoopWorker final : public Worker {
 public:
  explicit LoopWorker(io::Loop& loop) : loop_(loop), is_alive_(std::make_shared<bool>(true)) {}
  ~LoopWorker() override { *is_alive_ = false; }
  void submit(uint64_t, Work work) override {
    loop_.post([alive = is_alive_, done = work()]() mutable {
      if (*alive && done) done();
    });
  }

 private:
  io::Loop& loop_;
  std::shared_ptr<bool> is_alive_;  // shared with completions under way, which may outlive us
};

}  // namespace nearend::media
