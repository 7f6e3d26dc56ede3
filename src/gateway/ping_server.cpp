#include "gateway/ping_server.hpp"

#include "http/beast_server.hpp"

namespace nearend::gateway {
namespace {

constexpr size_t connections_most = 1'000;

std::optional<io::TlsSettings> tls_of(const PingSettings& settings) {
  if (settings.certificate_file.empty()) return std::nullopt;
  return io::TlsSettings{.certificate_file = settings.certificate_file, .key_file = settings.key_file};
}

http::Response answer(int status) {
  http::Response response{
      .status = status,
      .headers = {{"Access-Control-Allow-Origin", "*"}, {"Timing-Allow-Origin", "*"}, {"Cache-Control", "no-store"}}};
  if (status == 429) response.headers.emplace_back("Retry-After", "1");
  if (status == 503) response.headers.emplace_back("Retry-After", "5");
  return response;
}

}  // namespace

PingServer::PingServer(io::Loop& loop, io::Net& net, const Settings& settings, std::function<bool()> is_open)
    : loop_(loop),
      settings_(settings.ping),
      is_open_(std::move(is_open)),
      rate_(settings.probe_answers_most, loop.random()),
      answered_(telemetry::counter("nearend_gateway_pings_total", "outcome=\"answered\"")),
      limited_(telemetry::counter("nearend_gateway_pings_total", "outcome=\"limited\"")),
      servers_(std::make_unique<http::BeastServers>(loop, net, tls_of(settings_), connections_most)) {}

Result<void> PingServer::start() {
  if (!settings_.listen) return {};
  auto server =
      servers_->serve(*settings_.listen, [this](http::ServerRequest request) { return handle(std::move(request)); });
  if (!server) return fail(server.error().kind, "gateway.ping.listen: {}", server.error().text);
  server_ = std::move(*server);
  return {};
}

Task<http::Response> PingServer::handle(http::ServerRequest request) {
  co_return respond(request);
}

http::Response PingServer::respond(const http::ServerRequest& request) {
  if (!rate_.allows(request.peer.address, loop_.now())) {
    limited_.add();
    return answer(429);
  }
  if (request.path != "/ping") return answer(404);
  if (request.method != "GET" && request.method != "HEAD") return answer(405);
  answered_.add();
  return answer(is_open_() ? 204 : 503);
}

}  // namespace nearend::gateway
