#pragma once

#include <functional>
#include <memory>

#include "gateway/settings.hpp"
#include "http/http.hpp"
#include "io/answer_rate.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::gateway {

/// GET /ping for browsers that measure how near this gateway is (policy_server/race.js): 204 without a body, or 503
/// while calls should go elsewhere. Everybody may ask, so it has a port of its own, where nothing else is. Loop's
/// thread; what it is given must outlive it.
class PingServer {
 public:
  PingServer(io::Loop& loop, io::Net& net, const Settings& settings, std::function<bool()> is_open);

  /// Does nothing where `ping.listen` is left out. Errors: it cannot be listened there.
  Result<void> start();
  bool is_listening() const { return server_ != nullptr; }
  Endpoint local() const { return server_->local(); }
  http::Response respond(const http::ServerRequest& request);

 private:
  Task<http::Response> handle(http::ServerRequest request);

  io::Loop& loop_;
  const PingSettings settings_;
  std::function<bool()> is_open_;
  io::AnswerRate rate_;
  telemetry::Counter& answered_;
  telemetry::Counter& limited_;
  std::unique_ptr<http::ServerFactory> servers_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace nearend::gateway
