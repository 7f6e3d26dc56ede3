#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "http/http.hpp"
#include "io/answer_rate.hpp"
#include "policy/advisor.hpp"
#include "policy_server/dns_zone.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::policy_server {

/// How clients that measure for themselves are told between which gateways. The gateways are those of the zone.
struct FirstHopSettings {
  std::optional<Endpoint> listen;  ///< HTTP, for anybody; nothing: it does not.
  std::string certificate_file, key_file;
  uint32_t answers_most = 50;
};
void describe(config::Section& section, FirstHopSettings& settings);
Result<void> checked(const FirstHopSettings& settings);

/// GET /v1/first-hops, the gateways that a client should race between, the policy's choice first, and GET /race.js, the
/// module that does it in a browser. On a port of its own, since everybody may ask: it names public addresses only, and
/// neither loads nor what is believed of ways. Loop's thread; what it is given must outlive it.
class FirstHopServer {
 public:
  static constexpr size_t candidates_most = 8, of_a_region_most = 2;

  FirstHopServer(io::Loop& loop, io::Net& net, FirstHopSettings settings, DnsSettings zone,
                 const policy::Advisor& advisor);

  /// Does nothing where `listen` is left out. Errors: it cannot be listened there.
  Result<void> start();
  Endpoint local() const { return server_->local(); }
  http::Response respond(const http::ServerRequest& request, io::Instant now, int64_t now_ms, uint64_t random);

 private:
  struct Known {
    policy::GatewayId id = policy::no_gateway;
    std::vector<PublicSip> places;
    const DnsSettings::Gateway* told = nullptr;
  };
  Task<http::Response> handle(http::ServerRequest request);
  /// Whom the list is for: `area`, `address`, or who asks.
  Result<policy::Places::Network> place_of(const http::ServerRequest& request) const;
  json::object list(const policy::Places::Network& client, int64_t now_ms, uint64_t random) const;
  json::object entry(const Known& gateway) const;

  io::Loop& loop_;
  const FirstHopSettings settings_;
  const DnsSettings zone_;
  const policy::Advisor& advisor_;
  std::vector<Known> gateways_;
  policy::RegionId home_;
  io::AnswerRate rate_;
  telemetry::Counter& asked_;
  telemetry::Counter& limited_;
  std::unique_ptr<http::ServerFactory> servers_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace nearend::policy_server
