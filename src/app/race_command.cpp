#include <algorithm>
#include <boost/json/array.hpp>
#include <cstdio>

#include "app/race.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "http/curl_client.hpp"
#include "http/url.hpp"
#include "io/asio_world.hpp"
#include "io/async.hpp"
#include "sip/resolver.hpp"

namespace nearend::app {
namespace {

constexpr std::string_view list_path = "/v1/first-hops";

Task<Result<std::vector<RaceCandidate>>> listed(http::Client& client, std::string url, std::string address) {
  const size_t host = url.find("://") + 3;
  if (url.find('/', host) == std::string::npos) url += list_path;
  if (!address.empty()) url += fmt::format("{}address={}", url.find('?') == std::string::npos ? '?' : '&', address);
  http::Request request{.url = url};
  const auto answer = co_await client.send(std::move(request));
  if (!answer) co_return fail(answer.error().kind, "{}: {}", url, answer.error().text);
  if (answer->status != 200)
    co_return fail(Error::Kind::invalid, "{}: status {}; is it the first_hops.listen of a policy server?", url,
                   answer->status);
  co_return candidates_of(answer->body);
}

/// What a phone would find, datagrams before connections since these can be measured by STUN.
Task<Result<std::vector<RaceCandidate>>> named(io::AsioWorld& world, std::string zone) {
  auto uri = sip::parse_uri("sip:" + zone);
  if (!uri) co_return pass(uri);
  auto targets = co_await sip::resolve(*uri, "udp", world.dns, world.loop);
  if (!targets || targets->empty()) {
    const std::string any_transport;
    auto others = co_await sip::resolve(*uri, any_transport, world.dns, world.loop);
    targets = std::move(others);
  }
  if (!targets) co_return fail(targets.error().kind, "{}: {}", zone, targets.error().text);
  std::vector<RaceCandidate> candidates;
  for (const sip::Target& target : *targets) {
    RaceCandidate candidate{.sip = target};
    if (target.protocol == sip::Protocol::udp) candidate.stun = target.address;
    candidates.push_back(std::move(candidate));
  }
  co_return candidates;
}

json::object to_json_object(const RaceResult& result) {
  json::object object{{"gateway", result.candidate.gateway},
                      {"region", result.candidate.region},
                      {"address", result.candidate.sip.address.to_string()},
                      {"loss", result.loss()},
                      {"options", result.status},
                      {"chosen", result.is_chosen}};
  const auto median = result.median_ms();
  object["rtt_ms"] = median ? json::value(*median) : json::value();
  if (result.seen) object["seen"] = result.seen->to_string();
  return object;
}

void print(const std::vector<RaceResult>& results, bool is_json) {
  if (is_json) {
    json::array all;
    for (const RaceResult& each : results) all.push_back(to_json_object(each));
    fmt::print("{}\n", to_json(json::object{{"candidates", std::move(all)}}));
    return;
  }
  fmt::print("{}", race_table(results));
  const auto seen = std::ranges::find_if(results, [](const RaceResult& each) { return each.seen.has_value(); });
  if (seen != results.end()) fmt::print("seen as {}\n", seen->seen->to_string());
}

Task<void> show(io::AsioWorld& world, http::Client& client, RaceOptions options, int& status) {
  status = 1;
  const bool is_url = options.where.find("://") != std::string::npos;
  Result<std::vector<RaceCandidate>> candidates;
  if (is_url) {
    auto found = co_await listed(client, options.where, options.address);
    candidates = std::move(found);
  } else {
    auto found = co_await named(world, options.where);
    candidates = std::move(found);
  }
  if (candidates && candidates->empty()) candidates = fail(Error::Kind::not_found, "{}: no gateways", options.where);
  if (!candidates) {
    fmt::print(stderr, "nearend race: {}\n", candidates.error().text);
    world.loop.stop();
    co_return;
  }
  const io::World asked = world.world();
  const auto results = co_await race(asked, std::move(*candidates), options.settings);
  print(results, options.is_json);
  status = std::ranges::any_of(results, &RaceResult::is_chosen) ? 0 : 1;
  world.loop.stop();
}

}  // namespace

int run_race(const RaceOptions& options) {
  io::AsioWorld world(io::DnsSettings{.servers = options.name_servers});
  http::CurlClient client(world.loop, world.dns);
  int status = 0;
  {
    io::Scope scope(world.loop);
    scope.spawn(show(world, client, options, status));
    world.loop.run();
  }
  return status;
}

}  // namespace nearend::app
