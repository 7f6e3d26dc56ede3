#include "policy_server/server.hpp"

#include <boost/json/array.hpp>

#include <algorithm>

#include "policy/wire.hpp"
#include "telemetry/log.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::policy_server {
namespace {

constexpr size_t decisions_kept = 50;

http::Response json_response(int status, const json::object& object) {
  return {.status = status, .headers = {{"Content-Type", "application/json"}}, .body = to_json(object)};
}

int status_of(const Error& error) {
  return error.kind == Error::Kind::not_found ? 404 : 400;
}

}  // namespace

void describe(config::Section& section, Settings& settings) {
  section.key("name", settings.name, "The instance's name, in logs and in /v1/state.");
  section.key("listen", settings.listen, "Where the policy API listens.");
  section.key("penalty_from", settings.penalty_from, "Load (0 to 1) from which a gateway or router is asked last.");
  section.key("exclude_from", settings.exclude_from, "Load from which it is left out while others are there.");
  section.key("load_lifetime", settings.load_lifetime, "How long a load report counts.");
}

Result<void> checked(const Settings& settings) {
  const auto is_share = [](double value) { return value > 0 && value <= 1; };
  if (!is_share(settings.penalty_from)) return fail(Error::Kind::invalid, "penalty_from: above 0, at most 1");
  if (!is_share(settings.exclude_from)) return fail(Error::Kind::invalid, "exclude_from: above 0, at most 1");
  if (settings.exclude_from < settings.penalty_from)
    return fail(Error::Kind::invalid, "exclude_from: not below penalty_from, {}", settings.penalty_from);
  if (settings.load_lifetime.count() <= 0) return fail(Error::Kind::invalid, "load_lifetime: above 0");
  return {};
}

Server::Server(io::Loop& loop, http::ServerFactory& servers, Settings settings, policy::Topology topology)
    : loop_(loop), servers_(servers), settings_(std::move(settings)), topology_(std::move(topology)) {}

Result<void> Server::start() {
  auto server =
      servers_.serve(settings_.listen, [this](http::ServerRequest request) { return handle(std::move(request)); });
  if (!server) return fail(server.error().kind, "policy_server.listen: {}", server.error().text);
  server_ = std::move(*server);
  telemetry::info("policy server ready", {{"name", settings_.name}, {"listen", server_->local().to_string()}});
  return {};
}

Task<http::Response> Server::handle(http::ServerRequest request) {
  static telemetry::Counter& requests = telemetry::counter("nearend_policy_requests_total");
  requests.add();
  if (request.method == "GET" && request.path == "/v1/state") co_return json_response(200, state());
  if (request.method == "GET" && request.path == "/healthz") co_return http::Response{.status = 200, .body = "ok\n"};
  if (request.method == "GET" && request.path == "/metrics")
    co_return http::Response{.status = 200,
                             .headers = {{"Content-Type", "text/plain; version=0.0.4"}},
                             .body = telemetry::prometheus_text()};
  if (request.method != "POST")
    co_return json_response(405, {{"error", fmt::format("{} {}: POST is expected", request.method, request.path)}});
  auto body = parse_json(request.body);
  if (!body) co_return json_response(400, {{"error", body.error().text}});
  auto object = answer(request.path, *body);
  if (!object) co_return json_response(status_of(object.error()), {{"error", object.error().text}});
  co_return json_response(200, *object);
}

Result<json::object> Server::answer(std::string_view path, const json::value& body) {
  if (path == "/v1/routers") {
    auto query = policy::router_query_from(body);
    if (!query) return pass(query);
    return policy::to_json(pick_routers(*query));
  }
  if (path == "/v1/routes") {
    auto query = policy::route_query_from(body);
    if (!query) return pass(query);
    return policy::to_json(pick_route(*query));
  }
  if (path == "/v1/media-resources") {
    auto query = policy::resource_query_from(body);
    if (!query) return pass(query);
    const policy::ResourceAnswer resource = policy::static_resource(topology_, *query);
    remember(fmt::format("resource {} near {}", query->kind, query->near_region), resource.reason);
    return policy::to_json(resource);
  }
  if (path == "/v1/reports") return take_reports(body);
  return fail(Error::Kind::not_found,
              "no such path '{}'; /v1/routers, /v1/routes, /v1/media-resources, /v1/reports, /v1/state", path);
}

double Server::load_of(const std::string& name) const {
  auto found = loads_.find(name);
  if (found == loads_.end() || loop_.now() - found->second.seen > settings_.load_lifetime) return 0;
  return found->second.share();
}

template <class Choice, class NameOf>
void Server::guard(std::vector<Choice>& choices, NameOf name_of, std::string& reason) const {
  std::vector<Choice> free, loaded, full;
  for (Choice& choice : choices) {
    const double share = load_of(name_of(choice));
    auto& where = share >= settings_.exclude_from ? full : share >= settings_.penalty_from ? loaded : free;
    if (share >= settings_.penalty_from) reason += fmt::format("; {} is {:.0f} % full", name_of(choice), share * 100);
    where.push_back(std::move(choice));
  }
  choices = std::move(free);
  choices.insert(choices.end(), std::make_move_iterator(loaded.begin()), std::make_move_iterator(loaded.end()));
  if (choices.empty()) choices = std::move(full);
}

policy::RouterAnswer Server::pick_routers(const policy::RouterQuery& query) {
  policy::RouterAnswer picked = policy::static_routers(topology_, query);
  guard(picked.routers, [](const policy::RouterChoice& router) { return router.name; }, picked.reason);
  remember(fmt::format("router for {}", query.region), picked.reason);
  return picked;
}

policy::RouteAnswer Server::pick_route(const policy::RouteQuery& query) {
  policy::RouteAnswer picked = policy::static_route(topology_, query);
  guard(picked.hops, [](const policy::RouteChoice& hop) { return hop.gateway; }, picked.reason);
  remember(fmt::format("route from {}", query.from_region), picked.reason);
  return picked;
}

Result<json::object> Server::take_reports(const json::value& body) {
  const json::value* loads = body.is_object() ? body.get_object().if_contains("loads") : nullptr;
  if (!loads || !loads->is_array())
    return fail(Error::Kind::invalid, "'loads' must be an array of {{name, used, capacity}}");
  size_t taken = 0;
  for (const json::value& element : loads->get_array()) {
    if (!element.is_object()) return fail(Error::Kind::invalid, "'loads' must be an array of {{name, used, capacity}}");
    auto name = json_string(element.get_object(), "name");
    if (!name) return pass(name);
    const bool is_known =
        std::any_of(topology_.gateways.begin(), topology_.gateways.end(),
                    [&](const auto& g) { return g.name == *name; }) ||
        std::any_of(topology_.routers.begin(), topology_.routers.end(), [&](const auto& r) { return r.name == *name; });
    const int64_t used = json_integer_or(element.get_object(), "used", -1);
    const int64_t capacity = json_integer_or(element.get_object(), "capacity", -1);
    // An absurd or unknown report is left out, not believed (reliability.md FT9).
    if (!is_known || used < 0 || capacity <= 0 || capacity > 10'000'000 || used > 10'000'000) continue;
    loads_[*name] = {static_cast<uint32_t>(used), static_cast<uint32_t>(capacity), loop_.now()};
    ++taken;
  }
  return json::object{{"taken", taken}};
}

void Server::remember(std::string_view question, std::string_view reason) {
  if (decisions_.size() >= decisions_kept) decisions_.erase(decisions_.begin());
  decisions_.push_back({loop_.wall_ms(), std::string(question), std::string(reason)});
}

json::object Server::state() const {
  json::array gateways, routers, rtts, decisions;
  const auto load_entry = [this](const std::string& name, const std::string& region, const std::string& uri) {
    auto found = loads_.find(name);
    json::object entry{{"name", name}, {"region", region}, {"uri", uri}, {"load", load_of(name)}};
    if (found != loads_.end())
      entry["report_age_ms"] =
          std::chrono::duration_cast<std::chrono::milliseconds>(loop_.now() - found->second.seen).count();
    return entry;
  };
  for (const auto& gateway : topology_.gateways) {
    json::object entry = load_entry(gateway.name, gateway.region, gateway.link_uri);
    json::array features, prefixes;
    for (const auto& feature : gateway.features) features.emplace_back(feature);
    for (const auto& prefix : gateway.prefixes) prefixes.emplace_back(prefix);
    entry["features"] = std::move(features);
    entry["prefixes"] = std::move(prefixes);
    gateways.push_back(std::move(entry));
  }
  for (const auto& router : topology_.routers)
    routers.push_back(load_entry(router.name, router.region, router.link_uri));
  for (const auto& rtt : topology_.rtts) rtts.push_back(json::object{{"a", rtt.a}, {"b", rtt.b}, {"rtt_ms", rtt.ms}});
  for (const auto& decision : decisions_)
    decisions.push_back(
        json::object{{"at_ms", decision.at_ms}, {"question", decision.question}, {"reason", decision.reason}});
  return {{"mode", "static"},
          {"name", settings_.name},
          {"gateways", std::move(gateways)},
          {"routers", std::move(routers)},
          {"rtts", std::move(rtts)},
          {"decisions", std::move(decisions)}};
}

}  // namespace nearend::policy_server
