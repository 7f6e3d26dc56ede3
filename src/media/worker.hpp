#pragma once

#include <functional>

namespace nearend::media {

/// Does slow work (files, decoding, speech) away from the media thread. Work of one lane runs in order.
class Worker {
 public:
  /// Runs on the thread that owns the worker, some time after the work, never from within submit().
  using Completion = std::move_only_function<void()>;
  using Work = std::move_only_function<Completion()>;
  virtual ~Worker() = default;
  virtual void submit(uint64_t lane, Work work) = 0;
};

}  // namespace nearend::media
