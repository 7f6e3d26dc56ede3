#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/json.hpp"
#include "http/http.hpp"
#include "io/async.hpp"
#include "policy/policy.hpp"

namespace nearend::policy {

struct ClientSettings {
  std::string url;  ///< "http://198.51.100.8:8090"; empty: always the static rules.
  std::chrono::milliseconds deadline{20};
  std::chrono::milliseconds rest{2000};  ///< After a failure the server is left alone this long.
  std::string link_key;                  ///< Signs what is sent, as on the links; empty: unsigned. The role's own.
};

/// Client over HTTP with the static rules behind it. A server that refuses, talks nonsense or misses the deadline three
/// times in a row is left alone for a while; then one question tries it, and the others do without until it is
/// answered. Loop's thread only.
class HttpPolicyClient : public Client {
 public:
  HttpPolicyClient(io::Loop& loop, http::Client& http, ClientSettings settings, Topology topology);

  Task<RouterAnswer> pick_routers(RouterQuery query) override;
  Task<RouteAnswer> pick_route(RouteQuery query) override;
  Task<ResourceAnswer> pick_resource(ResourceQuery query) override;
  Task<RerouteAnswer> reroute(RerouteQuery query) override;
  void report_load(std::string name, uint32_t used, uint32_t capacity) override;
  void report(const GatewayReport& report) override;

 private:
  /// The server's answer; nothing when it was late, unreachable or made no sense.
  Task<std::optional<json::value>> ask(std::string path, json::object query, std::chrono::milliseconds patience);
  Task<void> post(std::string path, std::string body, io::Reply<Result<http::Response>> reply);

  io::Loop& loop_;
  http::Client& http_;
  ClientSettings settings_;
  Topology topology_;
  void note_failure(bool is_late);
  /// An answer that is none, or names somebody whom the topology does not know.
  void note_nonsense(std::string_view path);

  io::Instant rests_until_{};
  int late_ = 0;     // deadlines missed in a row
  io::Scope scope_;  // requests that have missed their deadline end here
};

}  // namespace nearend::policy
