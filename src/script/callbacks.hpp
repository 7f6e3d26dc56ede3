#pragma once

#include <deque>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "call/control.hpp"
#include "http/fetch.hpp"
#include "io/async.hpp"
#include "script/parameters.hpp"

namespace nearend::script {

/// Requests that tell a customer's application something and whose answers change nothing: status callbacks, recording
/// callbacks, actions of callers who are gone. Those of one call go out one after another, in order; calls do not wait
/// for each other. Lives as long as the router, longer than any call. Router's loop only.
class Callbacks {
 public:
  struct Limits {
    size_t waiting_max = 10000;  ///< In all; more are dropped and counted (nearend_callbacks_dropped_total).
    size_t waiting_max_per_call = 100;
  };

  Callbacks(io::Loop& loop, http::Client& client, Limits limits);
  Callbacks(io::Loop& loop, http::Client& client) : Callbacks(loop, client, Limits()) {}
  Callbacks(const Callbacks&) = delete;
  Callbacks& operator=(const Callbacks&) = delete;

  /// `order`: requests with the same one (a call SID) keep their order.
  void send(std::string order, http::FetchRequest request);
  size_t waiting() const { return waiting_; }

 private:
  Task<void> drain(std::string order);

  io::Loop& loop_;
  http::Client& client_;
  Limits limits_;
  size_t waiting_ = 0;
  std::unordered_map<std::string, std::deque<http::FetchRequest>> queues_;
  io::Scope scope_;  // last: its tasks use the members above
};

/// Where the progress of a call or of a dialled leg is to be told; `events` empty: completed only.
struct ProgressTarget {
  std::string url, method = "POST";
  std::vector<std::string> events;
  std::string auth_token;
};
/// Sends `progress` if the target has a URL and wants its event.
void tell_progress(Callbacks& callbacks, const ProgressTarget& target, const call::CallFacts& facts,
                   const Progress& progress);

}  // namespace nearend::script
