#include "policy/http_client.hpp"

#include <algorithm>
#include <boost/json/array.hpp>

#include "http/peer_signature.hpp"
#include "http/url.hpp"
#include "policy/report.hpp"
#include "policy/wire.hpp"
#include "telemetry/log.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::policy {
namespace {

/// One answer may be late by chance.
constexpr int late_max = 3;

// A server that has gone mad must not send calls to strangers: who it names must be in our topology, where there is
// one.
bool is_known(const Topology& topology, const std::vector<RouterChoice>& routers) {
  return topology.routers.empty() || std::ranges::all_of(routers, [&](const RouterChoice& router) {
           const auto known = std::ranges::find(topology.routers, router.name, &RouterEntry::name);
           return known != topology.routers.end() && known->link_uri == router.uri;
         });
}

bool is_known(const Topology& topology, const std::vector<RouteChoice>& hops) {
  return topology.gateways.empty() || std::ranges::all_of(hops, [&](const RouteChoice& hop) {
           const auto known = std::ranges::find(topology.gateways, hop.gateway, &GatewayEntry::name);
           return known != topology.gateways.end() && known->link_uri == hop.uri;
         });
}

bool is_known(const Topology& topology, const RouteAnswer& answer) {
  return is_known(topology, answer.hops) &&
         std::ranges::all_of(answer.alternatives, [&](const auto& hops) { return is_known(topology, hops); });
}

bool is_known(const Topology& topology, const ResourceAnswer& answer, const ResourceQuery& query) {
  return answer.region == query.near_region || answer.region == query.router_region ||
         std::ranges::find(topology.gateways, answer.region, &GatewayEntry::region) != topology.gateways.end() ||
         std::ranges::find(topology.routers, answer.region, &RouterEntry::region) != topology.routers.end();
}
/// A call that is up waits for nobody meanwhile, and a move that is given but not heard of is lost to the fleet.
constexpr std::chrono::milliseconds reroute_patience{1000};

}  // namespace

HttpPolicyClient::HttpPolicyClient(io::Loop& loop, http::Client& http, ClientSettings settings, Topology topology)
    : loop_(loop), http_(http), settings_(std::move(settings)), topology_(std::move(topology)), scope_(loop) {}

Task<void> HttpPolicyClient::post(std::string path, std::string body, io::Reply<Result<http::Response>> reply) {
  http::Request request{.method = "POST",
                        .url = settings_.url + path,
                        .headers = {{"Content-Type", "application/json"}},
                        .body = std::move(body),
                        .connect_timeout = std::chrono::milliseconds(1000),
                        .total_timeout = std::chrono::milliseconds(2000)};
  const auto url = settings_.link_key.empty() ? fail(Error::Kind::invalid, "unsigned") : http::parse_url(request.url);
  if (url)
    request.headers.emplace_back(
        http::peer_signature_header,
        http::sign_for_peer(settings_.link_key, request.method, url->target(), request.body, loop_.wall_ms() / 1000));
  auto response = co_await http_.send(std::move(request));
  reply.set(std::move(response));
}

Task<std::optional<json::value>> HttpPolicyClient::ask(std::string path, json::object query,
                                                       std::chrono::milliseconds patience) {
  if (settings_.url.empty() || loop_.now() < rests_until_) co_return std::nullopt;
  // The first question after a rest is a trial: the others wait for what becomes of it.
  if (late_ >= late_max) rests_until_ = loop_.now() + settings_.rest;
  const io::Instant deadline = loop_.now() + patience;
  io::Reply<Result<http::Response>> reply(loop_);
  std::string body = nearend::to_json(query);
  scope_.spawn(post(path, std::move(body), reply));
  auto response = co_await reply.wait(deadline);
  static telemetry::Counter& fallbacks = telemetry::counter("nearend_policy_fallbacks_total");
  std::string why = "no answer in time";
  if (response && !*response) why = response->error().text;
  if (response && *response && (*response)->status != 200) why = fmt::format("status {}", (*response)->status);
  if (response && *response && (*response)->status == 200) {
    auto value = parse_json((*response)->body);
    if (value) {
      const bool is_prompt = loop_.now() <= deadline - patience + settings_.deadline;
      if (is_prompt) late_ = 0;
      if (is_prompt) rests_until_ = {};
      co_return std::move(*value);
    }
    why = value.error().text;
  }
  fallbacks.add();
  note_failure(!response);
  telemetry::warn("policy server not used, static rules decide", {{"path", path}, {"why", why}});
  co_return std::nullopt;
}

/// A missed deadline alone is no reason to stop asking; a server that refuses, is broken or always late is.
void HttpPolicyClient::note_failure(bool is_late) {
  late_ = is_late ? std::min(late_ + 1, late_max) : late_max;
  if (late_ >= late_max) rests_until_ = loop_.now() + settings_.rest;
}

void HttpPolicyClient::note_nonsense(std::string_view path) {
  telemetry::counter("nearend_policy_nonsense_total").add();
  telemetry::warn("policy server talks nonsense, static rules decide", {{"path", path}});
  note_failure(false);
}

Task<RouterAnswer> HttpPolicyClient::pick_routers(RouterQuery query) {
  json::object body = to_json(query);
  auto value = co_await ask("/v1/routers", std::move(body), settings_.deadline);
  if (value) {
    auto answer = router_answer_from(*value);
    const bool is_sound = answer && is_known(topology_, answer->routers);
    if (!is_sound) note_nonsense("/v1/routers");
    if (is_sound && !answer->routers.empty()) co_return std::move(*answer);
  }
  RouterAnswer answer = static_routers(topology_, query);
  answer.is_fallback = true;
  co_return answer;
}

Task<RouteAnswer> HttpPolicyClient::pick_route(RouteQuery query) {
  json::object body = to_json(query);
  auto value = co_await ask("/v1/routes", std::move(body), settings_.deadline);
  if (value) {
    auto answer = route_answer_from(*value);
    const bool is_sound = answer && is_known(topology_, *answer);
    if (!is_sound) note_nonsense("/v1/routes");
    if (is_sound && !answer->hops.empty()) co_return std::move(*answer);
  }
  RouteAnswer answer = static_route(topology_, query);
  answer.is_fallback = true;
  co_return answer;
}

Task<ResourceAnswer> HttpPolicyClient::pick_resource(ResourceQuery query) {
  json::object body = to_json(query);
  auto value = co_await ask("/v1/media-resources", std::move(body), settings_.deadline);
  if (value) {
    auto answer = resource_answer_from(*value);
    const bool is_sound = answer && is_known(topology_, *answer, query);
    if (!is_sound) note_nonsense("/v1/media-resources");
    if (is_sound) co_return std::move(*answer);
  }
  ResourceAnswer answer = static_resource(topology_, query);
  answer.is_fallback = true;
  co_return answer;
}

Task<RerouteAnswer> HttpPolicyClient::reroute(RerouteQuery query) {
  json::object body = to_json(query);
  auto value = co_await ask("/v1/routes/reroute", std::move(body), reroute_patience);
  if (value) {
    auto answer = reroute_answer_from(*value);
    const bool is_sound = answer && is_known(topology_, answer->route);
    if (!is_sound) note_nonsense("/v1/routes/reroute");
    if (is_sound) co_return std::move(*answer);
  }
  RerouteAnswer answer;
  answer.route.reason = "no policy server answered";
  answer.route.is_fallback = true;
  co_return answer;
}

void HttpPolicyClient::report_load(std::string name, uint32_t used, uint32_t capacity) {
  if (settings_.url.empty()) return;
  const json::object load{{"name", name}, {"used", used}, {"capacity", capacity}};
  const json::object report{{"loads", json::array{load}}};
  scope_.spawn(post("/v1/reports", nearend::to_json(report), io::Reply<Result<http::Response>>(loop_)));
}

void HttpPolicyClient::report(const GatewayReport& report) {
  if (settings_.url.empty()) return;
  const json::object body{{"reports", json::array{to_json(report)}}};
  scope_.spawn(post("/v1/reports", nearend::to_json(body), io::Reply<Result<http::Response>>(loop_)));
}

}  // namespace nearend::policy
