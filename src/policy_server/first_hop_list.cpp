#include "policy_server/first_hop_list.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <map>

#include "http/beast_server.hpp"
#include "policy_server/first_hop.hpp"
#include "race_module.hpp"
#include "telemetry/log.hpp"

namespace nearend::policy_server {
namespace {

constexpr size_t connections_most = 1'000;
constexpr std::string_view list_path = "/v1/first-hops", module_path = "/race.js";

std::optional<io::TlsSettings> tls_of(const FirstHopSettings& settings) {
  if (settings.certificate_file.empty()) return std::nullopt;
  return io::TlsSettings{.certificate_file = settings.certificate_file, .key_file = settings.key_file};
}

http::Response answer(int status, std::string_view type, std::string body, std::string cache = "no-store") {
  return {.status = status,
          .headers = {{"Content-Type", std::string(type)},
                      {"Access-Control-Allow-Origin", "*"},
                      {"Cache-Control", std::move(cache)},
                      {"X-Content-Type-Options", "nosniff"}},
          .body = std::move(body)};
}

http::Response problem(int status, std::string text) {
  return answer(status, "application/json", to_json(json::object{{"error", std::move(text)}}));
}

std::string_view name_of(PublicSip::Kind kind) {
  return kind == PublicSip::Kind::udp ? "udp" : kind == PublicSip::Kind::tcp ? "tcp" : "tls";
}

}  // namespace

void describe(config::Section& section, FirstHopSettings& settings) {
  section.key("listen", settings.listen,
              "HTTP for browsers and programs that race between gateways, \"198.51.100.53:443\": /v1/first-hops and "
              "/race.js, nothing else; left out: neither.");
  section.key("certificate_file", settings.certificate_file, "PEM chain, for HTTPS; with key_file.");
  section.key("key_file", settings.key_file, "PEM of its private key.");
  section.key("answers_most", settings.answers_most, "A second to one network (/24, IPv6: /56); more get 429.");
}

Result<void> checked(const FirstHopSettings& settings) {
  if (settings.certificate_file.empty() != settings.key_file.empty())
    return fail(Error::Kind::invalid, "certificate_file: goes with key_file");
  if (settings.answers_most == 0) return fail(Error::Kind::invalid, "answers_most: at least 1");
  return {};
}

FirstHopServer::FirstHopServer(io::Loop& loop, io::Net& net, FirstHopSettings settings, DnsSettings zone,
                               const policy::Advisor& advisor)
    : loop_(loop),
      settings_(std::move(settings)),
      zone_(std::move(zone)),
      advisor_(advisor),
      home_(advisor.places().region(zone_.region)),
      rate_(settings_.answers_most, loop.random()),
      asked_(telemetry::counter("nearend_policy_first_hops_total")),
      limited_(telemetry::counter("nearend_policy_first_hops_limited_total")),
      servers_(std::make_unique<http::BeastServers>(loop, net, tls_of(settings_), connections_most)) {
  for (const DnsSettings::Gateway& told : zone_.gateways) {
    Known known{.id = advisor_.places().gateway(told.name), .places = {}, .told = &told};
    for (const std::string& each : told.sip)
      if (auto place = parse_public_sip(each)) known.places.push_back(*place);
    if (known.id != policy::no_gateway && !known.places.empty()) gateways_.push_back(std::move(known));
  }
}

Result<void> FirstHopServer::start() {
  if (!settings_.listen) return {};
  auto server =
      servers_->serve(*settings_.listen, [this](http::ServerRequest request) { return handle(std::move(request)); });
  if (!server) return fail(server.error().kind, "policy_server.first_hops.listen: {}", server.error().text);
  server_ = std::move(*server);
  telemetry::info("first hops ready", {{"listen", local().to_string()}});
  return {};
}

Task<http::Response> FirstHopServer::handle(http::ServerRequest request) {
  co_return respond(request, loop_.now(), loop_.wall_ms(), loop_.random());
}

http::Response FirstHopServer::respond(const http::ServerRequest& request, io::Instant now, int64_t now_ms,
                                       uint64_t random) {
  asked_.add();
  if (!rate_.allows(request.peer.address, now)) {
    limited_.add();
    http::Response late = problem(429, "too many questions from this network");
    late.headers.emplace_back("Retry-After", "1");
    return late;
  }
  const bool is_read = request.method == "GET" || request.method == "HEAD";
  if (request.path == module_path && is_read)
    return answer(200, "text/javascript", race_module, "public, max-age=3600");
  if (request.path != list_path) return problem(404, "/v1/first-hops or /race.js");
  if (!is_read) return problem(405, "GET is expected");
  const auto client = place_of(request);
  if (!client) return problem(400, client.error().text);
  return answer(200, "application/json", to_json(list(*client, now_ms, random)),
                fmt::format("private, max-age={}", zone_.ttl.count()));
}

Result<policy::Places::Network> FirstHopServer::place_of(const http::ServerRequest& request) const {
  const policy::Places& places = advisor_.places();
  IpAddress address = request.peer.address;
  auto form = http::parse_form(request.query);
  if (!form) return pass(form);
  for (const auto& [name, value] : *form) {
    if (name == "area") return policy::Places::Network{.area = places.find_area(value)};
    if (name != "address") continue;
    auto told = parse_ip(value);
    if (!told) return fail(told.error().kind, "address: {}", told.error().text);
    address = *told;
  }
  return places.network_of(address, address.is_v6() ? 128 : 32);
}

json::object FirstHopServer::list(const policy::Places::Network& client, int64_t now_ms, uint64_t random) const {
  std::vector<policy::GatewayId> all;
  for (const Known& each : gateways_) all.push_back(each.id);
  const bool is_placed = client.area == policy::no_area && client.home != policy::no_region;
  const auto picks = first_hops(advisor_, all, client.area, is_placed ? client.home : home_, now_ms);
  std::map<uint16_t, size_t> taken;  // by region's rank: a race within one region is none
  json::array candidates;
  for (const FirstHopPick& pick : drawn(picks, picks.size(), random)) {
    if (candidates.size() == candidates_most || taken[pick.rank]++ >= of_a_region_most) continue;
    candidates.push_back(entry(*std::ranges::find(gateways_, pick.gateway, &Known::id)));
  }
  json::object list{{"ttl_s", zone_.ttl.count()}, {"candidates", std::move(candidates)}};
  if (!zone_.zone.empty()) list["zone"] = zone_.zone;
  return list;
}

json::object FirstHopServer::entry(const Known& gateway) const {
  const policy::GatewayEntry& known = advisor_.places().entry(gateway.id);
  const std::string own_name = zone_.zone.empty() ? "" : dns::gateway_host(known.name, zone_.zone);
  json::array sip, stun;
  for (const PublicSip& each : gateway.places) {
    // A certificate names the gateway; an address that is to be measured needs no name.
    const bool is_named = each.kind == PublicSip::Kind::tls && !own_name.empty();
    const std::string host = is_named ? fmt::format("{}:{}", own_name, each.place.port) : each.place.to_string();
    sip.push_back(json::value(fmt::format("sip:{};transport={}", host, name_of(each.kind))));
    if (each.kind == PublicSip::Kind::udp && gateway.told->answers_probes)
      stun.push_back(json::value(fmt::format("stun:{}", each.place.to_string())));
  }
  json::object entry{{"gateway", known.name}, {"region", known.region}, {"sip", std::move(sip)}};
  if (!zone_.zone.empty()) {
    entry["host"] = dns::region_host(known.region, zone_.zone);
    entry["gateway_host"] = own_name;
  }
  if (!stun.empty()) entry["stun"] = std::move(stun);
  if (!gateway.told->ping.empty()) entry["ping"] = gateway.told->ping;
  return entry;
}

}  // namespace nearend::policy_server
