// links: policy_server sim
// What another instance of the policy server tells, signed or not: whatever is in it, beliefs stay possible, others'
// gateways stay open, and routes are found.
#include <cmath>
#include <cstdlib>
#include <string>

#include "http/peer_signature.hpp"
#include "policy_server/server.hpp"
#include "sim/world.hpp"

using namespace nearend;

namespace {

policy::Topology topology() {
  policy::Topology all;
  for (const char* region : {"eu", "us"})
    all.gateways.push_back({std::string(region) + "-gw", region, "sip:192.0.2.1:5070", {}, {""}, 100});
  all.routers = {{"eu-router", "eu", "sip:192.0.2.9:5071", "", 100}};
  all.rtts = {{"eu", "us", 90}};
  all.regions = {{"eu", 50.1, 8.7}, {"us", 39.0, -77.5}};
  return all;
}

policy_server::Settings settings() {
  policy_server::Settings all;
  all.name = "eu";
  all.link_key = "secret";
  all.peers = {"http://192.0.2.2:8090"};
  return all;
}

void check(const policy::Advisor& advisor, int64_t now_ms) {
  const auto is_possible = [](const policy::Estimate& one) {
    return std::isfinite(one.delay_ms) && one.delay_ms >= 0 && one.delay_ms < 20'000 && one.loss >= 0 &&
           one.loss <= 1.01 && std::isfinite(one.jitter_ms) && one.confidence >= 0 && one.confidence <= 1;
  };
  const policy::Places& places = advisor.places();
  const auto regions = static_cast<policy::RegionId>(places.regions());
  if (places.areas() > policy::Places::areas_max) std::abort();
  for (policy::RegionId a = 0; a < regions; ++a) {
    for (policy::RegionId b = 0; b < regions; ++b)
      if (!is_possible(advisor.paths().between(a, b, now_ms))) std::abort();
    for (policy::AreaId area = 0; area < places.areas(); ++area)
      if (!is_possible(advisor.paths().access(area, a, now_ms))) std::abort();
  }
  if (!(std::abs(advisor.moves().moves_left()) <= 60)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  static sim::World world{1};
  static sim::Host& host = world.add_host("policy", "eu");
  policy_server::Server server(host.loop(), host.http_servers(), settings(), topology());
  const int64_t now_ms = host.loop().wall_ms();
  http::ServerRequest request{.method = "POST", .target = "/v1/exchange", .path = "/v1/exchange", .body = {}};
  request.body.assign(reinterpret_cast<const char*>(data + 1), size - 1);
  if (data[0] == '!') {
    // The signature is the input's first line, which nobody without the key gets right.
    const size_t end = std::min(request.body.find('\n'), request.body.size());
    request.headers.emplace_back(std::string(http::peer_signature_header), request.body.substr(0, end));
    request.body.erase(0, std::min(end + 1, request.body.size()));
    if (http::check_peer_signature("secret", http::find_header(request.headers, http::peer_signature_header),
                                   request.method, request.target, request.body, now_ms / 1000))
      std::abort();
    return 0;
  }
  // Three times, at times that a lost and a late letter have.
  for (const int64_t at_ms : {now_ms, now_ms - 5000, now_ms + 2000}) {
    const http::Response told = server.respond(request, at_ms);
    if (told.status != 200 && told.status != 400 && told.status != 409) std::abort();
  }
  check(server.advisor(), now_ms + 2000);
  http::ServerRequest question{.method = "POST", .target = "/v1/routes", .path = "/v1/routes", .body = {}};
  question.body = R"({"call":"CA1","a":{"address":"+493012345"},"b":{"area":"eu-x"}})";
  const http::Response route = server.respond(question, now_ms + 2000);
  if (route.status != 200) std::abort();
  const std::string summary = server.summary(now_ms + 2000);
  if (summary.find("\"instance\":\"eu\"") == std::string::npos) std::abort();
  return 0;
}
