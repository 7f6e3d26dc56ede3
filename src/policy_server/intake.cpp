// What gateways, routers and other instances tell.
#include <algorithm>

#include <boost/json/array.hpp>

#include "http/peer_signature.hpp"
#include "policy_server/server.hpp"

namespace nearend::policy_server {
namespace {

constexpr double units_max = 10'000'000;

bool is_told(std::string_view path) {
  return path == "/v1/reports" || path == "/v1/exchange";
}

}  // namespace

Result<void> Server::prove(const http::ServerRequest& request) const {
  if (settings_.link_key.empty() || !is_told(request.path)) return {};
  return http::check_peer_signature(settings_.link_key, http::find_header(request.headers, http::peer_signature_header),
                                    request.method, request.target, request.body, loop_.wall_ms() / 1000);
}

bool Server::is_router(std::string_view name) const {
  return std::ranges::find(topology_.routers, name, &policy::RouterEntry::name) != topology_.routers.end();
}

bool Server::take_load(const json::object& object, int64_t now_ms) {
  const std::string name = json_string_or(object, "name", "");
  const int64_t used = json_integer_or(object, "used", -1);
  const int64_t capacity = json_integer_or(object, "capacity", -1);
  // An absurd or unknown report is left out, not believed (reliability.md FT9).
  if (used < 0 || capacity <= 0 || static_cast<double>(capacity) > units_max || static_cast<double>(used) > units_max) {
    metrics_.refused("absurd").add();
    return false;
  }
  const policy::GatewayId gateway = advisor_.places().gateway(name);
  if (gateway != policy::no_gateway)
    advisor_.take_load(gateway, {static_cast<double>(used), static_cast<double>(capacity)}, now_ms);
  else if (is_router(name))
    loads_[name] = {static_cast<uint32_t>(used), static_cast<uint32_t>(capacity), now_ms};
  else
    metrics_.refused("stranger").add();
  const bool is_known = gateway != policy::no_gateway || is_router(name);
  if (is_known) metrics_.heard(name).add();
  return is_known;
}

Result<json::object> Server::take_reports(const json::value& body, int64_t now_ms) {
  const json::object* object = body.is_object() ? &body.get_object() : nullptr;
  const json::value* loads = object ? object->if_contains("loads") : nullptr;
  const json::value* reports = object ? object->if_contains("reports") : nullptr;
  if ((!loads || !loads->is_array()) && (!reports || !reports->is_array()))
    return fail(
        Error::Kind::invalid,
        "'reports' must be an array of {{gateway, load, segments}}, or 'loads' one of {{name, used, capacity}}");
  size_t taken = 0, left_out = 0;
  if (loads && loads->is_array())
    for (const json::value& element : loads->get_array())
      taken += element.is_object() && take_load(element.get_object(), now_ms);
  const policy::Refused before = advisor_.refused();
  if (reports && reports->is_array())
    for (const json::value& element : reports->get_array()) {
      auto report = policy::report_from(element, left_out);
      if (!report) return pass(report);
      const size_t believed = advisor_.take(*report, now_ms);
      if (believed > 0) metrics_.heard(report->gateway).add();
      taken += believed;
    }
  metrics_.refused(before, advisor_.refused());
  if (left_out > 0) metrics_.refused("absurd").add(left_out);
  return json::object{{"taken", taken}};
}

std::string Server::summary(int64_t now_ms) {
  policy::Summary summary = advisor_.summary(now_ms);
  for (const auto& [name, load] : loads_)
    if (load.is_own && now_ms - load.seen_ms < policy::instance_lifetime_ms)
      summary.loads.push_back(
          {name, {static_cast<double>(load.used), static_cast<double>(load.capacity)}, load.seen_ms});
  return nearend::to_json(policy::to_json(summary, now_ms));
}

Result<json::object> Server::take_summary(const json::value& body, int64_t now_ms) {
  auto summary = policy::summary_from(body, now_ms);
  if (!summary) return pass(summary);
  size_t taken = 0;
  std::erase_if(summary->loads, [&](const policy::LoadSummary& told) {
    if (!is_router(told.name)) return false;
    const auto known = loads_.find(told.name);
    if (known != loads_.end() && known->second.seen_ms >= told.at_ms) return true;
    const double used = std::min(told.load.used, 2 * told.load.capacity);
    loads_[told.name] = {static_cast<uint32_t>(used), static_cast<uint32_t>(told.load.capacity), told.at_ms, false};
    ++taken;
    return true;
  });
  auto believed = advisor_.take(*summary, now_ms);
  if (!believed) return pass(believed);
  if (summary->left_out > 0) metrics_.refused("exchange").add(summary->left_out);
  return json::object{{"instance", settings_.name}, {"taken", taken + *believed}, {"left_out", summary->left_out}};
}

}  // namespace nearend::policy_server
