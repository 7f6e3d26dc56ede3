#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/json.hpp"
#include "config/section.hpp"
#include "http/http.hpp"
#include "io/async.hpp"
#include "policy/policy.hpp"

namespace nearend::policy_server {

struct Settings {
  std::string name = "policy";
  Endpoint listen{IpAddress::loopback(), 8090};
  double penalty_from = 0.75;  ///< Load above which a router or gateway goes to the end of the list.
  double exclude_from = 0.95;  ///< Load above which it is left out, unless nobody else is there.
  std::chrono::seconds load_lifetime{10};
};
void describe(config::Section& section, Settings& settings);
/// The first setting that cannot work: its key, a colon, and what would be right.
Result<void> checked(const Settings& settings);

/// What is asked which, as a server: static rules over a topology, with the load that gateways and routers report. Soft
/// state only; a restart knows all again after the next reports. The policy API is in docs/openapi/policy.yaml. Loop's
/// thread only.
class Server {
 public:
  Server(io::Loop& loop, http::ServerFactory& servers, Settings settings, policy::Topology topology);

  Result<void> start();
  Endpoint local() const { return server_->local(); }
  /// One request, as the HTTP server gives it; for tests.
  Task<http::Response> handle(http::ServerRequest request);

 private:
  struct Load {
    uint32_t used = 0, capacity = 1;
    io::Instant seen{};
    double share() const { return capacity == 0 ? 1.0 : static_cast<double>(used) / capacity; }
  };
  struct Decision {
    int64_t at_ms = 0;
    std::string question, reason;
  };

  Result<json::object> answer(std::string_view path, const json::value& body);
  policy::RouterAnswer pick_routers(const policy::RouterQuery& query);
  policy::RouteAnswer pick_route(const policy::RouteQuery& query);
  Result<json::object> take_reports(const json::value& body);
  json::object state() const;
  double load_of(const std::string& name) const;
  /// Moves what is loaded to the end, leaves out what is full, and says so in `reason`.
  template <class Choice, class NameOf>
  void guard(std::vector<Choice>& choices, NameOf name_of, std::string& reason) const;
  void remember(std::string_view question, std::string_view reason);

  io::Loop& loop_;
  http::ServerFactory& servers_;
  Settings settings_;
  policy::Topology topology_;
  std::map<std::string, Load> loads_;
  std::vector<Decision> decisions_;  // the newest decisions_kept, for GET /v1/state
  std::unique_ptr<http::Server> server_;
};

}  // namespace nearend::policy_server
