// What GET /v1/state tells, and the record that can be replayed.
#include <boost/json/array.hpp>

#include "policy_server/server.hpp"

namespace nearend::policy_server {
namespace {

constexpr size_t areas_told = 200, providers_most = 500;

json::object told(const policy::Segment& segment, const policy::Estimate& believed, int64_t now_ms) {
  return {{"delay_ms", believed.delay_ms},     {"jitter_ms", believed.jitter_ms}, {"loss_percent", believed.loss * 100},
          {"confidence", believed.confidence}, {"reports", segment.reports()},    {"age_ms", now_ms - segment.at_ms()}};
}

json::array segments_of(const policy::Advisor& advisor, int64_t now_ms) {
  const policy::Places& places = advisor.places();
  const policy::PathModel& paths = advisor.paths();
  json::array segments;
  const auto count = static_cast<policy::RegionId>(places.regions());
  for (policy::RegionId a = 0; a < count; ++a)
    for (policy::RegionId b = a; b < count; ++b) {
      const policy::Segment& segment = paths.segment(a, b);
      if (segment.reports() == 0) continue;
      json::object entry = told(segment, paths.between(a, b, now_ms), now_ms);
      entry["a"] = places.region_name(a);
      entry["b"] = places.region_name(b);
      segments.push_back(std::move(entry));
    }
  for (policy::AreaId area = 0; area < std::min(places.areas(), areas_told); ++area)
    for (policy::RegionId region = 0; region < count; ++region) {
      const policy::Segment segment = paths.segment(area, region);
      if (segment.reports() == 0) continue;
      json::object entry = told(segment, paths.access(area, region, now_ms), now_ms);
      entry["area"] = places.area_name(area);
      if (const policy::AreaId whole = places.whole_of(area); whole != policy::no_area)
        entry["part_of"] = places.area_name(whole);
      entry["region"] = places.region_name(region);
      segments.push_back(std::move(entry));
    }
  return segments;
}

}  // namespace

json::array Server::instances_told(int64_t now_ms) const {
  json::array told;
  const auto& all = advisor_.instances();
  for (size_t i = 1; i < all.size(); ++i)
    told.push_back(json::object{{"name", all[i].name},
                                {"age_ms", now_ms - all[i].heard_ms},
                                {"live", all[i].heard_ms + policy::instance_lifetime_ms >= now_ms},
                                {"taken", all[i].taken},
                                {"late", all[i].late},
                                {"left_out", all[i].left_out}});
  return told;
}

json::array Server::providers_told(int64_t now_ms) const {
  json::array told;
  for (size_t i = 0; i < advisor_.places().gateways(); ++i) {
    const auto gateway = static_cast<policy::GatewayId>(i);
    for (const policy::KnownProvider& each : advisor_.provider_book().of(gateway)) {
      if (told.size() >= providers_most) return told;
      const policy::ProviderEstimate estimate = each.estimate(now_ms);
      told.push_back(json::object{{"gateway", advisor_.places().entry(gateway).name},
                                  {"name", each.name},
                                  {"standing", to_string(each.standing(now_ms))},
                                  {"prefixes", each.prefixes.size()},
                                  {"priority", each.facts.priority},
                                  {"cost", each.facts.cost},
                                  {"channels", each.facts.channels},
                                  {"channels_max", each.facts.channels_max},
                                  {"ner", estimate.delivered},
                                  {"asr", estimate.answered},
                                  {"mos", estimate.score},
                                  {"pdd_ms", estimate.delay_ms},
                                  {"confidence", estimate.confidence},
                                  {"age_ms", now_ms - each.at_ms}});
    }
  }
  return told;
}

json::object Server::state(int64_t now_ms) const {
  json::array gateways, routers, rtts, decisions;
  const policy::Places& places = advisor_.places();
  const policy::GatewayLoads& loads = advisor_.loads();
  for (size_t i = 0; i < places.gateways(); ++i) {
    const auto id = static_cast<policy::GatewayId>(i);
    const policy::GatewayEntry& gateway = places.entry(id);
    json::object entry{{"name", gateway.name},
                       {"region", gateway.region},
                       {"uri", gateway.link_uri},
                       {"load", loads.share(id, now_ms)},
                       {"open", loads.is_open(id, now_ms)}};
    if (loads.has_reported(id)) {
      entry["report_age_ms"] = now_ms - loads.heard_ms(id);
      entry["heard_by"] = advisor_.instances()[loads.source(id)].name;
    }
    json::array features, prefixes;
    for (const auto& feature : gateway.features) features.emplace_back(feature);
    for (const auto& prefix : gateway.prefixes) prefixes.emplace_back(prefix);
    entry["features"] = std::move(features);
    entry["prefixes"] = std::move(prefixes);
    gateways.push_back(std::move(entry));
  }
  for (const auto& router : topology_.routers) {
    json::object entry{{"name", router.name},
                       {"region", router.region},
                       {"uri", router.link_uri},
                       {"load", load_of(router.name, now_ms)}};
    if (const auto found = loads_.find(router.name); found != loads_.end())
      entry["report_age_ms"] = now_ms - found->second.seen_ms;
    routers.push_back(std::move(entry));
  }
  for (const auto& rtt : topology_.rtts) rtts.push_back(json::object{{"a", rtt.a}, {"b", rtt.b}, {"rtt_ms", rtt.ms}});
  for (const auto& decision : decisions_)
    decisions.push_back(
        json::object{{"at_ms", decision.at_ms}, {"question", decision.question}, {"reason", decision.reason}});
  return {{"mode", policy::to_string(settings_.mode)},
          {"name", settings_.name},
          {"instances", instances_told(now_ms)},
          {"moves", json::object{{"granted", advisor_.moves().counts().moves},
                                 {"rescued", advisor_.moves().counts().rescues},
                                 {"left", advisor_.moves().moves_left()}}},
          {"gateways", std::move(gateways)},
          {"routers", std::move(routers)},
          {"rtts", std::move(rtts)},
          {"providers", providers_told(now_ms)},
          {"segments", segments_of(advisor_, now_ms)},
          {"decisions", std::move(decisions)}};
}

void Server::record(const http::ServerRequest& request, const http::Response& response, int64_t now_ms) {
  record_ << nearend::to_json(json::object{{"at_ms", now_ms},
                                           {"path", request.path},
                                           {"body", request.body},
                                           {"status", response.status},
                                           {"answer", response.body}})
          << '\n';
}

}  // namespace nearend::policy_server
