#include "policy_server/server.hpp"

#include <boost/json/array.hpp>

#include <algorithm>

#include "http/url.hpp"
#include "policy/wire.hpp"
#include "telemetry/log.hpp"

namespace nearend::policy {

static void describe(config::Section& section, ProviderRules& rules) {
  section.key("cost", rules.cost, "Points that the dearest loses against the cheapest; 1 point is as much as 17 ms.");
  section.key("failures", rules.failures,
              "Points lost by one that fails every call: a hundredth of it for each percent.");
  section.key("score", rules.score, "Points that one of mean opinion score is worth; not in mode generic.");
  section.key("delay", rules.delay, "Points that a second of post-dial delay costs.");
}

}  // namespace nearend::policy

namespace nearend::policy_server {
namespace {

constexpr size_t decisions_kept = 50;

http::Response json_response(int status, const json::object& object) {
  return {.status = status, .headers = {{"Content-Type", "application/json"}}, .body = to_json(object)};
}

policy::AdvisorSettings advisor_settings(const Settings& settings) {
  policy::AdvisorSettings advisor;
  advisor.name = settings.name;
  advisor.instances = 1 + settings.peers.size();
  advisor.mode = settings.mode;
  advisor.providers = settings.providers;
  advisor.loads.penalty_from = settings.penalty_from;
  advisor.loads.exclude_from = settings.exclude_from;
  advisor.loads.lifetime_ms = std::chrono::milliseconds(settings.load_lifetime).count();
  advisor.loads.silent_after_ms = settings.silent_after.count();
  for (const auto& each : settings.accounts) advisor.accounts.push_back({each.account, each.mode, each.residency});
  return advisor;
}

int status_of(const Error& error) {
  return error.kind == Error::Kind::not_found ? 404 : error.kind == Error::Kind::refused ? 409 : 400;
}

}  // namespace

void describe(config::Section& section, Settings::Account& account) {
  section.key("account", account.account, "Its SID.");
  section.choice("mode", account.mode, {"static", "generic", "quality"}, "How its routes are chosen.");
  section.key("residency", account.residency, "Zone paths that its media must not leave, [\"eu\"]; empty: anywhere.");
}

void describe(config::Section& section, Settings& settings) {
  section.key("name", settings.name, "The instance's name, in logs, in /v1/state and among its peers: each its own.");
  section.key("listen", settings.listen, "Where the policy API listens.");
  section.choice(
      "mode", settings.mode, {"static", "generic", "quality"},
      "How routes are chosen: by the topology alone, by measured delay and loss, or by what these make of a talk.");
  section.key("penalty_from", settings.penalty_from, "Load (0 to 1) from which a gateway or router is less wanted.");
  section.key("exclude_from", settings.exclude_from, "Load from which it is left out while others are there.");
  section.key("load_lifetime", settings.load_lifetime, "How long a load report counts.");
  section.key("silent_after", settings.silent_after,
              "A gateway that reported and says nothing this long gets no calls.");
  section.key("test_clock", settings.takes_test_clock,
              "Take now_ms in requests for the clock. For simulators: whoever asks could turn it.");
  section.key("record_file", settings.record_file,
              "Every report and question with its answer as lines of JSON, for `nearend policy replay`; empty: none.");
  section.key("link_key", settings.link_key,
              "Shared key of Platform-Signature, as the gateways and routers have it: reports and peers must prove "
              "themselves; empty: all are believed (loopback or a network of its own only).");
  section.key(
      "peers", settings.peers,
      "The other instances, one a region: [\"http://198.51.100.8:8090\"]. Each tells the others what it hears.");
  section.key("exchange_every", settings.exchange_every, "How often.");
  section.table("providers", settings.providers, "What a provider's flaws cost when one is chosen for a number.");
  section.table("dns", settings.dns, "The platform's zone in the domain name system, answered by load and nearness.");
  section.table("first_hops", settings.first_hops,
                "The list of gateways for clients that measure for themselves which is nearest; the gateways are those "
                "of `dns`.");
  section.list("account", settings.accounts, "An account with rules of its own.");
}

Result<void> checked(const Settings& settings) {
  const auto is_share = [](double value) { return value > 0 && value <= 1; };
  if (!is_share(settings.penalty_from)) return fail(Error::Kind::invalid, "penalty_from: above 0, at most 1");
  if (!is_share(settings.exclude_from)) return fail(Error::Kind::invalid, "exclude_from: above 0, at most 1");
  if (settings.exclude_from < settings.penalty_from)
    return fail(Error::Kind::invalid, "exclude_from: not below penalty_from, {}", settings.penalty_from);
  if (settings.silent_after.count() <= 0) return fail(Error::Kind::invalid, "silent_after: above 0");
  if (settings.load_lifetime.count() <= 0) return fail(Error::Kind::invalid, "load_lifetime: above 0");
  if (settings.name.empty()) return fail(Error::Kind::invalid, "name: not empty");
  if (settings.exchange_every.count() < 100) return fail(Error::Kind::invalid, "exchange_every: at least 100ms");
  if (auto good = checked(settings.dns); !good) return fail(good.error().kind, "dns.{}", good.error().text);
  if (auto good = checked(settings.first_hops); !good)
    return fail(good.error().kind, "first_hops.{}", good.error().text);
  for (const std::string& peer : settings.peers)
    if (!http::parse_url(peer)) return fail(Error::Kind::invalid, "peers: '{}' is no URL of a policy server", peer);
  return {};
}

Server::Server(io::Loop& loop, http::ServerFactory& servers, Settings settings, policy::Topology topology)
    : loop_(loop),
      servers_(servers),
      settings_(std::move(settings)),
      topology_(std::move(topology)),
      advisor_(topology_, advisor_settings(settings_)),
      metrics_(topology_) {}

Result<void> Server::start() {
  if (!settings_.record_file.empty()) {
    record_.open(settings_.record_file, std::ios::app);
    if (!record_)
      return fail(Error::Kind::unavailable, "policy_server.record_file: cannot write '{}'", settings_.record_file);
  }
  auto server =
      servers_.serve(settings_.listen, [this](http::ServerRequest request) { return handle(std::move(request)); });
  if (!server) return fail(server.error().kind, "policy_server.listen: {}", server.error().text);
  server_ = std::move(*server);
  telemetry::info("policy server ready", {{"name", settings_.name}, {"listen", server_->local().to_string()}});
  return {};
}

Task<http::Response> Server::handle(http::ServerRequest request) {
  const int64_t now_ms = loop_.wall_ms();
  const io::Instant begun = loop_.now();
  if (auto proven = prove(request); !proven) {
    metrics_.refused("signature").add();
    co_return json_response(403, {{"error", proven.error().text}});
  }
  http::Response response = respond(request, now_ms);
  if (record_.is_open() && request.method == "POST") record(request, response, now_ms);
  metrics_.took(request.path, std::chrono::duration<double, std::micro>(loop_.now() - begun).count());
  co_return response;
}

http::Response Server::respond(const http::ServerRequest& request, int64_t now_ms) {
  metrics_.requests.add();
  if (request.method == "GET" && request.path == "/v1/state") return json_response(200, state(now_ms));
  if (request.method == "GET" && request.path == "/healthz")
    return http::Response{.status = 200, .headers = {}, .body = "ok\n"};
  if (request.method == "GET" && request.path == "/metrics")
    return http::Response{
        .status = 200, .headers = {{"Content-Type", "text/plain; version=0.0.4"}}, .body = metrics_text(now_ms)};
  if (request.method != "POST")
    return json_response(405, {{"error", fmt::format("{} {}: POST is expected", request.method, request.path)}});
  auto body = parse_json(request.body);
  if (!body) return json_response(400, {{"error", body.error().text}});
  if (const auto* told = body->is_object() ? body->get_object().if_contains("now_ms") : nullptr) {
    if (!settings_.takes_test_clock || !told->is_int64())
      return json_response(
          400, {{"error", "now_ms is taken, as a whole number, only with policy_server.test_clock = true"}});
    now_ms = told->get_int64();
  }
  auto object = answer(request.path, *body, now_ms);
  if (!object) return json_response(status_of(object.error()), {{"error", object.error().text}});
  return json_response(200, *object);
}

Result<json::object> Server::answer(std::string_view path, const json::value& body, int64_t now_ms) {
  if (path == "/v1/routes") {
    auto query = policy::route_query_from(body);
    if (!query) return pass(query);
    const policy::RouteAnswer route = advisor_.route(*query, now_ms);
    metrics_.decided(advisor_.mode_of(query->account), route.why);
    if (!route.provider_why.empty()) metrics_.provider_chosen(route.provider_why);
    remember("route for " + query->call, route.reason, now_ms);
    return policy::to_json(route);
  }
  if (path == "/v1/reports") return take_reports(body, now_ms);
  if (path == "/v1/exchange") return take_summary(body, now_ms);
  if (path == "/v1/routes/reroute") {
    auto query = policy::reroute_query_from(body);
    if (!query) return pass(query);
    const policy::RerouteAnswer reroute = advisor_.reroute(*query, now_ms);
    metrics_.moved(reroute.why);
    remember("reroute of " + query->route.call, reroute.route.reason, now_ms);
    return policy::to_json(reroute);
  }
  if (path == "/v1/routes/explain") return explain(body, now_ms);
  if (path == "/v1/routers") {
    auto query = policy::router_query_from(body);
    if (!query) return pass(query);
    return policy::to_json(pick_routers(*query, now_ms));
  }
  if (path == "/v1/providers") {
    auto query = policy::provider_query_from(body);
    if (!query) return pass(query);
    const policy::ProviderAnswer providers = advisor_.providers(*query, now_ms);
    metrics_.provider_chosen(providers.why);
    remember(fmt::format("provider for {}", query->number), providers.reason, now_ms);
    return policy::to_json(providers);
  }
  if (path == "/v1/media-resources") {
    auto query = policy::resource_query_from(body);
    if (!query) return pass(query);
    const policy::ResourceAnswer resource = pick_resource(*query, now_ms);
    remember(fmt::format("resource {} near {}", query->kind, query->near_region), resource.reason, now_ms);
    return policy::to_json(resource);
  }
  return fail(
      Error::Kind::not_found,
      "no such path '{}'; /v1/routers, /v1/routes, /v1/routes/reroute, /v1/routes/explain, /v1/media-resources, "
      "/v1/providers, /v1/reports, /v1/exchange, /v1/state",
      path);
}

Result<json::object> Server::explain(const json::value& body, int64_t now_ms) {
  auto query = policy::route_query_from(body);
  if (!query) return pass(query);
  json::array candidates;
  for (const policy::RatedPath& each : advisor_.candidates(*query, now_ms))
    candidates.push_back(json::object{{"path", advisor_.name_of(each.path)},
                                      {"points", each.points},
                                      {"m2e_ms", each.worth.m2e_ms},
                                      {"r", each.worth.rating},
                                      {"loss_percent", each.estimate.loss * 100},
                                      {"jitter_ms", each.estimate.jitter_ms},
                                      {"load_points", each.worth.points - each.points},
                                      {"confidence", each.estimate.confidence}});
  json::array providers;
  const bool is_number = !query->b.address.empty() && !query->b.address.starts_with("sip");
  if (is_number) {
    const policy::ProviderQuery number{.account = query->account,
                                       .number = query->b.address,
                                       .codecs = {},
                                       .near_region = query->a.region,
                                       .near_gateway = query->a.gateway,
                                       .exclude = {}};
    providers = policy::to_json(advisor_.explain_providers(number, now_ms)).at("providers").get_array();
  }
  return json::object{{"mode", policy::to_string(advisor_.mode_of(query->account))},
                      {"candidates", std::move(candidates)},
                      {"providers", std::move(providers)}};
}

void Server::remember(std::string question, std::string_view reason, int64_t now_ms) {
  if (decisions_.size() >= decisions_kept) decisions_.pop_front();
  decisions_.push_back({now_ms, std::move(question), std::string(reason)});
}

}  // namespace nearend::policy_server
