#include "policy_server/exchange.hpp"

#include "http/peer_signature.hpp"
#include "http/url.hpp"
#include "telemetry/log.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::policy_server {
namespace {

constexpr std::chrono::milliseconds patience{2000};

}  // namespace

Exchange::Exchange(io::Loop& loop, http::Client& client, Server& server, const Settings& settings)
    : loop_(loop),
      client_(client),
      server_(server),
      link_key_(settings.link_key),
      every_(settings.exchange_every),
      scope_(loop) {
  for (std::string url : settings.peers) {
    while (url.ends_with('/')) url.pop_back();
    peers_.push_back({url + "/v1/exchange"});
  }
}

void Exchange::start() {
  for (Peer& peer : peers_) scope_.spawn(tell(peer));
}

Task<std::string> Exchange::push(const Peer& peer) {
  http::Request request{.method = "POST",
                        .url = peer.url,
                        .headers = {{"Content-Type", "application/json"}},
                        .body = server_.summary(loop_.wall_ms()),
                        .connect_timeout = patience,
                        .total_timeout = patience};
  const auto url = http::parse_url(peer.url);
  if (!link_key_.empty() && url)
    request.headers.emplace_back(
        http::peer_signature_header,
        http::sign_for_peer(link_key_, request.method, url->target(), request.body, loop_.wall_ms() / 1000));
  auto response = co_await client_.send(std::move(request));
  if (!response) co_return response.error().text;
  if (response->status == 200) co_return std::string();
  co_return fmt::format("status {}: {}", response->status, response->body.substr(0, 200));
}

Task<void> Exchange::tell(Peer& peer) {
  const std::string label = fmt::format("peer=\"{}\"", peer.url);
  telemetry::Counter& told = telemetry::counter("nearend_policy_exchange_told_total", label);
  telemetry::Counter& failed = telemetry::counter("nearend_policy_exchange_failed_total", label);
  for (io::Instant next = loop_.now();; next = std::max(loop_.now(), next + every_)) {
    co_await io::sleep_until(loop_, next);
    const std::string why = co_await push(peer);
    (why.empty() ? told : failed).add();
    if (why.empty() == peer.is_reached) continue;
    peer.is_reached = why.empty();
    if (peer.is_reached)
      telemetry::info("another policy instance is told again", {{"peer", peer.url}});
    else
      telemetry::warn("another policy instance is not told", {{"peer", peer.url}, {"why", why}});
  }
}

}  // namespace nearend::policy_server
