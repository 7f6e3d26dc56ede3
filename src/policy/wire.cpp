#include "policy/wire.hpp"

#include <boost/json/array.hpp>

namespace nearend::policy {
namespace {

json::array to_array(const std::vector<std::string>& words) {
  json::array array;
  for (const std::string& word : words) array.emplace_back(word);
  return array;
}

Result<std::vector<std::string>> words_from(const json::object& object, std::string_view key) {
  std::vector<std::string> words;
  const json::value* member = object.if_contains(key);
  if (!member) return words;
  if (!member->is_array()) return fail(Error::Kind::invalid, "'{}' must be an array of strings", key);
  for (const json::value& element : member->get_array()) {
    if (!element.is_string()) return fail(Error::Kind::invalid, "'{}' must be an array of strings", key);
    words.emplace_back(element.get_string());
  }
  return words;
}

Result<const json::object*> object_of(const json::value& value) {
  if (!value.is_object()) return fail(Error::Kind::malformed, "a JSON object is expected");
  return &value.get_object();
}

Result<const json::array*> array_in(const json::object& object, std::string_view key) {
  const json::value* member = object.if_contains(key);
  if (!member || !member->is_array()) return fail(Error::Kind::invalid, "'{}' must be an array", key);
  return &member->get_array();
}

}  // namespace

json::object to_json(const RouterQuery& query) {
  return {{"call", query.call}, {"account", query.account}, {"region", query.region}, {"gateway", query.gateway}};
}

json::object to_json(const RouteQuery& query) {
  return {{"call", query.call},
          {"account", query.account},
          {"media", query.media},
          {"needs", to_array(query.needs)},
          {"a", json::object{{"gateway", query.from_gateway}, {"region", query.from_region}}},
          {"b", json::object{{"address", query.to}}},
          {"exclude", to_array(query.exclude)}};
}

json::object to_json(const ResourceQuery& query) {
  return {{"call", query.call},
          {"account", query.account},
          {"kind", query.kind},
          {"near", json::object{{"region", query.near_region}}},
          {"router_region", query.router_region},
          {"prefer", "local"}};
}

json::object to_json(const RouterAnswer& answer) {
  json::array routers;
  for (const RouterChoice& router : answer.routers)
    routers.push_back(json::object{
        {"name", router.name}, {"region", router.region}, {"uri", router.uri}, {"events_url", router.events_url}});
  return {{"routers", std::move(routers)}, {"reason", answer.reason}};
}

json::object to_json(const RouteAnswer& answer) {
  json::array hops;
  for (const RouteChoice& hop : answer.hops)
    hops.push_back(json::object{
        {"gateway", hop.gateway}, {"region", hop.region}, {"uri", hop.uri}, {"features", to_array(hop.features)}});
  return {{"hops", std::move(hops)}, {"reason", answer.reason}, {"estimate", json::object{{"m2e_ms", answer.m2e_ms}}}};
}

json::object to_json(const ResourceAnswer& answer) {
  return {{"region", answer.region}, {"local", answer.is_local}, {"reason", answer.reason}};
}

Result<RouterQuery> router_query_from(const json::value& value) {
  auto object = object_of(value);
  if (!object) return pass(object);
  auto region = json_string(**object, "region");
  if (!region) return pass(region);
  return RouterQuery{json_string_or(**object, "call", ""), json_string_or(**object, "account", ""), std::move(*region),
                     json_string_or(**object, "gateway", "")};
}

Result<RouteQuery> route_query_from(const json::value& value) {
  auto object = object_of(value);
  if (!object) return pass(object);
  RouteQuery query{.call = json_string_or(**object, "call", ""),
                   .account = json_string_or(**object, "account", ""),
                   .media = json_string_or(**object, "media", "audio")};
  const json::value* a = (*object)->if_contains("a");
  const json::value* b = (*object)->if_contains("b");
  if (!a || !a->is_object())
    return fail(Error::Kind::invalid, "'a' must be an object with the first leg's gateway and region");
  if (!b || !b->is_object()) return fail(Error::Kind::invalid, "'b' must be an object with the called address");
  query.from_gateway = json_string_or(a->get_object(), "gateway", "");
  query.from_region = json_string_or(a->get_object(), "region", "");
  auto to = json_string(b->get_object(), "address");
  if (!to) return fail(Error::Kind::invalid, "b: {}", to.error().text);
  query.to = std::move(*to);
  auto needs = words_from(**object, "needs");
  if (!needs) return pass(needs);
  query.needs = std::move(*needs);
  auto exclude = words_from(**object, "exclude");
  if (!exclude) return pass(exclude);
  query.exclude = std::move(*exclude);
  return query;
}

Result<ResourceQuery> resource_query_from(const json::value& value) {
  auto object = object_of(value);
  if (!object) return pass(object);
  auto kind = json_string(**object, "kind");
  if (!kind) return pass(kind);
  const json::value* near = (*object)->if_contains("near");
  if (!near || !near->is_object()) return fail(Error::Kind::invalid, "'near' must be an object with a region");
  return ResourceQuery{json_string_or(**object, "call", ""), json_string_or(**object, "account", ""), std::move(*kind),
                       json_string_or(near->get_object(), "region", ""), json_string_or(**object, "router_region", "")};
}

Result<RouterAnswer> router_answer_from(const json::value& value) {
  auto object = object_of(value);
  if (!object) return pass(object);
  auto routers = array_in(**object, "routers");
  if (!routers) return pass(routers);
  RouterAnswer answer{.reason = json_string_or(**object, "reason", "")};
  for (const json::value& element : **routers) {
    auto router = object_of(element);
    if (!router) return pass(router);
    auto uri = json_string(**router, "uri");
    if (!uri) return pass(uri);
    answer.routers.push_back({json_string_or(**router, "name", ""), json_string_or(**router, "region", ""),
                              std::move(*uri), json_string_or(**router, "events_url", "")});
  }
  return answer;
}

Result<RouteAnswer> route_answer_from(const json::value& value) {
  auto object = object_of(value);
  if (!object) return pass(object);
  auto hops = array_in(**object, "hops");
  if (!hops) return pass(hops);
  RouteAnswer answer{.reason = json_string_or(**object, "reason", "")};
  for (const json::value& element : **hops) {
    auto hop = object_of(element);
    if (!hop) return pass(hop);
    auto uri = json_string(**hop, "uri");
    if (!uri) return pass(uri);
    auto features = words_from(**hop, "features");
    if (!features) return pass(features);
    answer.hops.push_back({json_string_or(**hop, "gateway", ""), json_string_or(**hop, "region", ""), std::move(*uri),
                           std::move(*features)});
  }
  if (const json::value* estimate = (*object)->if_contains("estimate"); estimate && estimate->is_object())
    answer.m2e_ms = json_number_or(estimate->get_object(), "m2e_ms", 0);
  return answer;
}

Result<ResourceAnswer> resource_answer_from(const json::value& value) {
  auto object = object_of(value);
  if (!object) return pass(object);
  auto region = json_string(**object, "region");
  if (!region) return pass(region);
  return ResourceAnswer{std::move(*region), json_bool_or(**object, "local", false),
                        json_string_or(**object, "reason", "")};
}

}  // namespace nearend::policy
