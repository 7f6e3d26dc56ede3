#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "lab/descriptor.hpp"
#include "lab/wan.hpp"

namespace nearend::lab {

/// A server that has gone mad: takes any connection in a site and answers each request with another kind of garbage:
/// noise, half an answer, JSON that is cut off or says nothing, names and addresses of nobody, a failure, or it hangs
/// up. On a thread of its own.
class Babbler {
 public:
  static Result<std::unique_ptr<Babbler>> start(const Wan& wan, SiteId site, uint16_t port);
  Babbler(const Babbler&) = delete;
  ~Babbler();

 private:
  Babbler() = default;
  void run();
  /// False: it hangs up.
  bool answer(int client);

  Descriptor listener_;
  std::vector<Descriptor> clients_;
  size_t answered_ = 0;
  std::atomic<bool> is_stopping_{false};
  std::thread thread_;
};

}  // namespace nearend::lab
