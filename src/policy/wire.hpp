#pragma once

#include "base/json.hpp"
#include "policy/policy.hpp"

namespace nearend::policy {

/// Queries and answers as the JSON of the policy API (docs/openapi/policy.yaml); both the client and the server use
/// these.
json::object to_json(const RouterQuery& query);
json::object to_json(const RouteQuery& query);
json::object to_json(const RerouteQuery& query);
json::object to_json(const ResourceQuery& query);
json::object to_json(const ProviderAnswer& answer);
json::object to_json(const RouterAnswer& answer);
json::object to_json(const RouteAnswer& answer);
json::object to_json(const RerouteAnswer& answer);
json::object to_json(const ResourceAnswer& answer);
Result<RouterQuery> router_query_from(const json::value& value);
Result<RouteQuery> route_query_from(const json::value& value);
Result<RerouteQuery> reroute_query_from(const json::value& value);
Result<ProviderQuery> provider_query_from(const json::value& value);
Result<ResourceQuery> resource_query_from(const json::value& value);
Result<RouterAnswer> router_answer_from(const json::value& value);
Result<RouteAnswer> route_answer_from(const json::value& value);
Result<RerouteAnswer> reroute_answer_from(const json::value& value);
Result<ResourceAnswer> resource_answer_from(const json::value& value);

}  // namespace nearend::policy
