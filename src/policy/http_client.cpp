#include "policy/http_client.hpp"

#include <algorithm>
#include <boost/json/array.hpp>

#include "http/peer_signature.hpp"
#include "http/url.hpp"
#include "policy/wire.hpp"
#include "telemetry/log.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::policy {
namespace {

/// One answer may be late by chance.
constexpr int late_max = 3;

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

Task<std::optional<json::value>> HttpPolicyClient::ask(std::string path, json::object query) {
  if (settings_.url.empty() || loop_.now() < rests_until_) co_return std::nullopt;
  // The first question after a rest is a trial: the others wait for what becomes of it.
  if (late_ >= late_max) rests_until_ = loop_.now() + settings_.rest;
  const io::Instant deadline = loop_.now() + settings_.deadline;
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
      late_ = 0;
      rests_until_ = {};
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

Task<RouterAnswer> HttpPolicyClient::pick_routers(RouterQuery query) {
  json::object body = to_json(query);
  auto value = co_await ask("/v1/routers", std::move(body));
  if (value) {
    auto answer = router_answer_from(*value);
    if (answer && !answer->routers.empty()) co_return std::move(*answer);
  }
  RouterAnswer answer = static_routers(topology_, query);
  answer.is_fallback = true;
  co_return answer;
}

Task<RouteAnswer> HttpPolicyClient::pick_route(RouteQuery query) {
  json::object body = to_json(query);
  auto value = co_await ask("/v1/routes", std::move(body));
  if (value) {
    auto answer = route_answer_from(*value);
    if (answer && !answer->hops.empty()) co_return std::move(*answer);
  }
  RouteAnswer answer = static_route(topology_, query);
  answer.is_fallback = true;
  co_return answer;
}

Task<ResourceAnswer> HttpPolicyClient::pick_resource(ResourceQuery query) {
  json::object body = to_json(query);
  auto value = co_await ask("/v1/media-resources", std::move(body));
  if (value) {
    auto answer = resource_answer_from(*value);
    if (answer) co_return std::move(*answer);
  }
  ResourceAnswer answer = static_resource(topology_, query);
  answer.is_fallback = true;
  co_return answer;
}

void HttpPolicyClient::report_load(std::string name, uint32_t used, uint32_t capacity) {
  if (settings_.url.empty()) return;
  const json::object load{{"name", name}, {"used", used}, {"capacity", capacity}};
  const json::object report{{"loads", json::array{load}}};
  scope_.spawn(post("/v1/reports", nearend::to_json(report), io::Reply<Result<http::Response>>(loop_)));
}

}  // namespace nearend::policy
