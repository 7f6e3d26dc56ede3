#include "policy/wire.hpp"

#include <boost/json/array.hpp>

#include <cmath>

namespace nearend::policy {
namespace {

json::array to_array(const std::vector<std::string>& words) {
  json::array array;
  for (const std::string& word : words) array.emplace_back(word);
  return array;
}

/// What is empty is left out.
void put(json::object& object, std::string_view key, const std::vector<std::string>& words) {
  if (!words.empty()) object[key] = to_array(words);
}

json::array to_array(const std::vector<RouteChoice>& hops) {
  json::array array;
  for (const RouteChoice& hop : hops) {
    json::object entry{
        {"gateway", hop.gateway}, {"region", hop.region}, {"uri", hop.uri}, {"features", to_array(hop.features)}};
    put(entry, "providers", hop.providers);
    array.push_back(std::move(entry));
  }
  return array;
}

json::object to_json(const Place& place) {
  json::object object;
  const auto put_text = [&](std::string_view key, const std::string& text) {
    if (!text.empty()) object[key] = text;
  };
  put_text("kind", place.kind);
  put_text("area", place.area);
  put_text("address", place.address);
  put_text("gateway", place.gateway);
  put_text("region", place.region);
  return object;
}

/// Figures are told as finely as they mean something.
double tenths(double value) {
  return std::round(value * 10) / 10;
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
  json::object object{{"call", query.call}, {"account", query.account}, {"media", query.media}};
  put(object, "codecs", query.codecs);
  put(object, "needs", query.needs);
  object["a"] = to_json(query.a);
  object["b"] = to_json(query.b);
  put(object, "exclude", query.exclude);
  put(object, "residency", query.residency);
  object["relay"] = query.may_relay;
  return object;
}

json::object to_json(const RerouteQuery& query) {
  json::object object = to_json(query.route);
  put(object, "current", query.current);
  object["observed"] = json::object{{"rtt_ms", query.observed.rtt_ms},
                                    {"loss", query.observed.loss},
                                    {"jitter_ms", query.observed.jitter_ms},
                                    {"between", query.observed.is_between}};
  if (query.moved_ms_ago) object["moved_ms_ago"] = *query.moved_ms_ago;
  return object;
}

json::object to_json(const ResourceQuery& query) {
  json::object near{{"region", query.near_region}};
  if (!query.near_gateway.empty()) near["gateway"] = query.near_gateway;
  json::object object{{"call", query.call},
                      {"account", query.account},
                      {"kind", query.kind},
                      {"near", near},
                      {"router_region", query.router_region},
                      {"units", query.units},
                      {"prefer", "local"},
                      {"accept_remote", query.may_be_remote}};
  if (!query.codec.empty()) object["codec"] = query.codec;
  return object;
}

json::object to_json(const RouterAnswer& answer) {
  json::array routers;
  for (const RouterChoice& router : answer.routers)
    routers.push_back(json::object{
        {"name", router.name}, {"region", router.region}, {"uri", router.uri}, {"events_url", router.events_url}});
  return {{"routers", std::move(routers)}, {"reason", answer.reason}};
}

json::object to_json(const RouteAnswer& answer) {
  json::array alternatives;
  for (const auto& hops : answer.alternatives) alternatives.push_back(json::object{{"hops", to_array(hops)}});
  const RouteEstimate& estimate = answer.estimate;
  return {{"hops", to_array(answer.hops)},
          {"alternatives", std::move(alternatives)},
          {"expires_ms", answer.expires_ms},
          {"estimate", json::object{{"m2e_ms", tenths(estimate.m2e_ms)},
                                    {"r", tenths(estimate.rating)},
                                    {"mos", tenths(estimate.score * 10) / 10},
                                    {"loss_percent", tenths(estimate.loss_percent * 10) / 10},
                                    {"confidence", tenths(estimate.confidence * 10) / 10}}},
          {"mode", answer.mode},
          {"reason", answer.reason}};
}

json::object to_json(const RerouteAnswer& answer) {
  if (answer.stays) return {{"stay", true}, {"reason", answer.route.reason}};
  json::object object = to_json(answer.route);
  object["stay"] = false;
  object["gain"] = tenths(answer.gain);
  return object;
}

json::object to_json(const ProviderAnswer& answer) {
  json::array providers;
  for (const ProviderAnswer::Choice& each : answer.providers)
    providers.push_back(json::object{{"gateway", each.gateway},
                                     {"provider", each.provider},
                                     {"region", each.region},
                                     {"cost", each.cost},
                                     {"estimate", json::object{{"ner", tenths(each.delivered * 100) / 100},
                                                               {"mos", tenths(each.score * 10) / 10},
                                                               {"pdd_ms", tenths(each.delay_ms)},
                                                               {"confidence", tenths(each.confidence * 10) / 10}}},
                                     {"load", tenths(each.load * 10) / 10},
                                     {"reason", each.reason}});
  return {{"providers", std::move(providers)}, {"mode", answer.mode}, {"reason", answer.reason}};
}

json::object to_json(const ResourceAnswer& answer) {
  json::object object{{"region", answer.region},
                      {"local", answer.is_local},
                      {"reason", answer.reason},
                      {"added_ms", answer.added_ms},
                      {"lease_ms", answer.lease_ms}};
  if (!answer.gateway.empty()) object["gateway"] = answer.gateway;
  if (!answer.uri.empty()) object["uri"] = answer.uri;
  json::array others;
  for (const ResourceChoice& other : answer.alternatives)
    others.push_back(json::object{
        {"region", other.region}, {"gateway", other.gateway}, {"uri", other.uri}, {"added_ms", other.added_ms}});
  object["alternatives"] = std::move(others);
  return object;
}

Result<RouterQuery> router_query_from(const json::value& value) {
  auto object = object_of(value);
  if (!object) return pass(object);
  auto region = json_string(**object, "region");
  if (!region) return pass(region);
  return RouterQuery{json_string_or(**object, "call", ""), json_string_or(**object, "account", ""), std::move(*region),
                     json_string_or(**object, "gateway", "")};
}

namespace {

Result<Place> place_from(const json::object& object, std::string_view key) {
  const json::value* member = object.if_contains(key);
  if (!member || !member->is_object())
    return fail(Error::Kind::invalid, "'{}' must be an object with area, address, gateway or region", key);
  const json::object& place = member->get_object();
  return Place{json_string_or(place, "kind", ""), json_string_or(place, "area", ""),
               json_string_or(place, "address", ""), json_string_or(place, "gateway", ""),
               json_string_or(place, "region", "")};
}

/// Into `words`, if it is there.
Result<void> take_words(const json::object& object, std::string_view key, std::vector<std::string>& words) {
  auto taken = words_from(object, key);
  if (!taken) return pass(taken);
  words = std::move(*taken);
  return {};
}

Result<std::vector<RouteChoice>> hops_from(const json::object& object) {
  auto array = array_in(object, "hops");
  if (!array) return pass(array);
  std::vector<RouteChoice> hops;
  for (const json::value& element : **array) {
    auto hop = object_of(element);
    if (!hop) return pass(hop);
    auto uri = json_string(**hop, "uri");
    if (!uri) return pass(uri);
    auto features = words_from(**hop, "features");
    if (!features) return pass(features);
    auto providers = words_from(**hop, "providers");
    if (!providers) return pass(providers);
    hops.push_back({json_string_or(**hop, "gateway", ""), json_string_or(**hop, "region", ""), std::move(*uri),
                    std::move(*features), std::move(*providers)});
  }
  return hops;
}

}  // namespace

Result<RouteQuery> route_query_from(const json::value& value) {
  auto object = object_of(value);
  if (!object) return pass(object);
  RouteQuery query;
  query.call = json_string_or(**object, "call", "");
  query.account = json_string_or(**object, "account", "");
  query.media = json_string_or(**object, "media", "audio");
  auto a = place_from(**object, "a");
  if (!a) return pass(a);
  query.a = std::move(*a);
  auto b = place_from(**object, "b");
  if (!b) return pass(b);
  query.b = std::move(*b);
  for (const auto& [key, words] : {std::pair("codecs", &query.codecs), std::pair("needs", &query.needs),
                                   std::pair("exclude", &query.exclude), std::pair("residency", &query.residency)})
    if (auto good = take_words(**object, key, *words); !good) return pass(good);
  query.may_relay = json_bool_or(**object, "relay", true);
  return query;
}

Result<RerouteQuery> reroute_query_from(const json::value& value) {
  auto route = route_query_from(value);
  if (!route) return pass(route);
  RerouteQuery query;
  query.route = std::move(*route);
  const json::object& object = value.get_object();
  if (auto good = take_words(object, "current", query.current); !good) return pass(good);
  if (query.current.empty()) return fail(Error::Kind::invalid, "'current' must be an array of the gateways it passes");
  if (const json::value* observed = object.if_contains("observed"); observed && observed->is_object()) {
    const json::object& seen = observed->get_object();
    query.observed = {json_number_or(seen, "rtt_ms", 0), json_number_or(seen, "loss", 0),
                      json_number_or(seen, "jitter_ms", 0), json_bool_or(seen, "between", false)};
  }
  if (const int64_t ago = json_integer_or(object, "moved_ms_ago", -1); ago >= 0) query.moved_ms_ago = ago;
  return query;
}

Result<ProviderQuery> provider_query_from(const json::value& value) {
  auto object = object_of(value);
  if (!object) return pass(object);
  auto number = json_string(**object, "number");
  if (!number) return pass(number);
  ProviderQuery query;
  query.call = json_string_or(**object, "call", "");
  query.account = json_string_or(**object, "account", "");
  query.number = std::move(*number);
  query.media = json_string_or(**object, "media", "audio");
  if (auto good = take_words(**object, "codecs", query.codecs); !good) return pass(good);
  if (const json::value* near = (*object)->if_contains("near"); near && near->is_object()) {
    query.near_region = json_string_or(near->get_object(), "region", "");
    query.near_gateway = json_string_or(near->get_object(), "gateway", "");
  }
  if (!(*object)->contains("exclude")) return query;
  auto excluded = array_in(**object, "exclude");
  if (!excluded) return pass(excluded);
  for (const json::value& each : **excluded) {
    auto which = object_of(each);
    if (!which) return pass(which);
    auto gateway = json_string(**which, "gateway");
    if (!gateway) return pass(gateway);
    query.exclude.push_back({std::move(*gateway), json_string_or(**which, "provider", "")});
  }
  return query;
}

Result<ResourceQuery> resource_query_from(const json::value& value) {
  auto object = object_of(value);
  if (!object) return pass(object);
  auto kind = json_string(**object, "kind");
  if (!kind) return pass(kind);
  const json::value* near = (*object)->if_contains("near");
  if (!near || !near->is_object())
    return fail(Error::Kind::invalid, "'near' must be an object with a region or a gateway");
  ResourceQuery query{.call = json_string_or(**object, "call", ""),
                      .account = json_string_or(**object, "account", ""),
                      .kind = std::move(*kind),
                      .near_region = json_string_or(near->get_object(), "region", ""),
                      .router_region = json_string_or(**object, "router_region", ""),
                      .near_gateway = json_string_or(near->get_object(), "gateway", ""),
                      .codec = json_string_or(**object, "codec", ""),
                      .units = json_number_or(**object, "units", 1),
                      .may_be_remote = json_bool_or(**object, "accept_remote", true)};
  if (query.near_region.empty() && query.near_gateway.empty())
    return fail(Error::Kind::invalid, "'near' must name a region or a gateway");
  constexpr double units_most = 10'000;
  if (!(query.units > 0) || query.units > units_most)
    return fail(Error::Kind::invalid, "'units' must be above 0 and at most {}", units_most);
  return query;
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
  auto hops = hops_from(**object);
  if (!hops) return pass(hops);
  RouteAnswer answer;
  answer.hops = std::move(*hops);
  if (const json::value* others = (*object)->if_contains("alternatives"); others && others->is_array())
    for (const json::value& other : others->get_array()) {
      if (!other.is_object()) continue;
      auto taken = hops_from(other.get_object());
      if (taken) answer.alternatives.push_back(std::move(*taken));
    }
  if (const json::value* told = (*object)->if_contains("estimate"); told && told->is_object()) {
    const json::object& estimate = told->get_object();
    answer.estimate = {json_number_or(estimate, "m2e_ms", 0), json_number_or(estimate, "r", 0),
                       json_number_or(estimate, "mos", 0), json_number_or(estimate, "loss_percent", 0),
                       json_number_or(estimate, "confidence", 0)};
  }
  answer.mode = json_string_or(**object, "mode", "");
  answer.reason = json_string_or(**object, "reason", "");
  answer.expires_ms = json_integer_or(**object, "expires_ms", 0);
  return answer;
}

Result<RerouteAnswer> reroute_answer_from(const json::value& value) {
  auto object = object_of(value);
  if (!object) return pass(object);
  RerouteAnswer answer;
  answer.stays = json_bool_or(**object, "stay", true);
  answer.route.reason = json_string_or(**object, "reason", "");
  if (answer.stays) return answer;
  auto route = route_answer_from(value);
  if (!route) return pass(route);
  answer.route = std::move(*route);
  answer.gain = json_number_or(**object, "gain", 0);
  return answer;
}

Result<ResourceAnswer> resource_answer_from(const json::value& value) {
  auto object = object_of(value);
  if (!object) return pass(object);
  auto region = json_string(**object, "region");
  if (!region) return pass(region);
  ResourceAnswer answer{std::move(*region), json_bool_or(**object, "local", false),
                        json_string_or(**object, "reason", "")};
  answer.gateway = json_string_or(**object, "gateway", "");
  answer.uri = json_string_or(**object, "uri", "");
  answer.added_ms = json_number_or(**object, "added_ms", 0);
  answer.lease_ms = json_integer_or(**object, "lease_ms", 0);
  return answer;
}

}  // namespace nearend::policy
