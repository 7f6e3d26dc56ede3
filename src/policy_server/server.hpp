#pragma once

#include <deque>
#include <fstream>
#include <map>
#include <memory>
#include <string>

#include "base/json.hpp"
#include "config/section.hpp"
#include "http/http.hpp"
#include "io/async.hpp"
#include "policy/advisor.hpp"
#include "policy/policy.hpp"
#include "policy_server/dns_zone.hpp"
#include "policy_server/first_hop_list.hpp"
#include "policy_server/metrics.hpp"

namespace nearend::policy_server {

struct Settings {
  std::string name = "policy";
  Endpoint listen{IpAddress::loopback(), 8090};
  double penalty_from = 0.75;  ///< Load above which a router or gateway goes to the end of the list.
  double exclude_from = 0.95;  ///< Load above which it is left out, unless nobody else is there.
  std::chrono::seconds load_lifetime{10};
  std::chrono::milliseconds silent_after{5000};  ///< A gateway that reported and says nothing this long gets no calls.
  policy::Mode mode = policy::Mode::quality;
  struct Account {
    std::string account;
    policy::Mode mode = policy::Mode::quality;
    std::vector<std::string> residency;
  };
  std::vector<Account> accounts;
  bool takes_test_clock = false;   ///< Whether `now_ms` in a request stands for the clock: simulators only.
  std::string record_file;         ///< Every report and question with its answer, for replay; empty: none.
  std::string link_key;            ///< Shared key of Platform-Signature; empty: reports are believed unsigned.
  std::vector<std::string> peers;  ///< The other instances: "http://198.51.100.8:8090".
  std::chrono::milliseconds exchange_every{1000};
  policy::ProviderRules providers;  ///< Points that a provider's flaws cost.
  DnsSettings dns;
  FirstHopSettings first_hops;
};
void describe(config::Section& section, Settings::Account& account);
void describe(config::Section& section, Settings& settings);
/// The first setting that cannot work: its key, a colon, and what would be right.
Result<void> checked(const Settings& settings);

/// What is asked which, as a server: a policy::Advisor for routes, live delays and loads for routers and resources.
/// Soft state only; a restart knows all again after the next reports. The policy API is in docs/openapi/policy.yaml.
/// Loop's thread only.
class Server {
 public:
  Server(io::Loop& loop, http::ServerFactory& servers, Settings settings, policy::Topology topology);

  Result<void> start();
  Endpoint local() const { return server_->local(); }
  /// One request, as the HTTP server gives it; for tests.
  Task<http::Response> handle(http::ServerRequest request);
  /// The same without waiting for anything, at a time that the caller says; answers depend on nothing else.
  http::Response respond(const http::ServerRequest& request, int64_t now_ms);
  const policy::Advisor& advisor() const { return advisor_; }
  /// What the other instances are told: the body of POST /v1/exchange.
  std::string summary(int64_t now_ms);

 private:
  struct Load {
    uint32_t used = 0, capacity = 1;
    int64_t seen_ms = 0;
    bool is_own = true;  // heard here, not by way of another instance
    double share() const { return capacity == 0 ? 1.0 : static_cast<double>(used) / capacity; }
  };
  struct Decision {
    int64_t at_ms = 0;
    std::string question, reason;
  };

  Result<json::object> answer(std::string_view path, const json::value& body, int64_t now_ms);
  policy::RouterAnswer pick_routers(const policy::RouterQuery& query, int64_t now_ms);
  policy::ResourceAnswer pick_resource(policy::ResourceQuery query, int64_t now_ms);
  Result<policy::GatewayId> resource_in(std::string_view region, const policy::ResourceQuery& query,
                                        int64_t now_ms) const;
  policy::ResourceChoice resource_at(policy::GatewayId gateway, double added_ms) const;
  Result<json::object> explain(const json::value& body, int64_t now_ms);
  Result<json::object> take_reports(const json::value& body, int64_t now_ms);
  Result<json::object> take_summary(const json::value& body, int64_t now_ms);
  bool take_load(const json::object& load, int64_t now_ms);
  bool is_router(std::string_view name) const;
  /// Nothing when who sends it may report; otherwise why not.
  Result<void> prove(const http::ServerRequest& request) const;
  std::string metrics_text(int64_t now_ms);
  json::array instances_told(int64_t now_ms) const;
  json::array providers_told(int64_t now_ms) const;
  json::object state(int64_t now_ms) const;
  double load_of(const std::string& name, int64_t now_ms) const;
  /// Round trip by what is measured, else by the topology.
  double rtt_ms(std::string_view a, std::string_view b, int64_t now_ms) const;
  /// Moves what is loaded to the end, leaves out what is full, and says so in `reason`; how many are neither.
  size_t guard(std::vector<policy::RouterChoice>& routers, std::string& reason, int64_t now_ms) const;
  void remember(std::string question, std::string_view reason, int64_t now_ms);
  void record(const http::ServerRequest& request, const http::Response& response, int64_t now_ms);

  io::Loop& loop_;
  http::ServerFactory& servers_;
  Settings settings_;
  policy::Topology topology_;
  policy::Advisor advisor_;
  std::map<std::string, Load, std::less<>> loads_;                           // of routers
  std::map<std::pair<std::string, std::string>, std::string> last_routers_;  // by account and region
  std::deque<Decision> decisions_;  // the newest decisions_kept, for GET /v1/state
  Metrics metrics_;
  std::ofstream record_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace nearend::policy_server
