#pragma once

#include <string>

#include "http/http.hpp"
#include "router/call.hpp"
#include "script/callbacks.hpp"

namespace nearend::router {

/// Requests of customers' documents: keeps the address guard's setting in one place (threat TH19).
class GuardedClient final : public http::Client {
 public:
  GuardedClient(http::Client& client, bool may_reach_internal)
      : client_(client), may_reach_internal_(may_reach_internal) {}
  Task<Result<http::Response>> send(http::Request request) override;

 private:
  http::Client& client_;
  bool may_reach_internal_;
};

/// Runs the application's documents on calls, and tells the application of their progress. Longer-lived than any call.
class ScriptHost {
 public:
  ScriptHost(io::Loop& loop, http::Client& client, const Settings& settings);

  /// The document of the call's number, from its first request to its end.
  Task<void> run(Call& call);

 private:
  Task<bool> screen(const Call& call, call::Control& callee, call::DialTarget target);
  void tell(const Call& call, const call::LegProgress& progress);
  void tell_end(const Call& call, const script::RecordingFacts& recorded);

  io::Loop& loop_;
  const Settings& settings_;
  GuardedClient client_;
  script::Callbacks callbacks_;
  http::DocumentCache documents_;
};

}  // namespace nearend::router
