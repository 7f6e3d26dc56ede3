#include "app/media_parts.hpp"
#include "app/role_base.hpp"
#include "media_server/server.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::app {
namespace {

constexpr std::string_view legs_path = "/v1/legs", legs_path_slash = "/v1/legs/";

http::Response json_response(std::string body) {
  return {.status = 200, .headers = {{"Content-Type", "application/json"}}, .body = std::move(body)};
}

class MediaRole final : public RoleBase {
 public:
  explicit MediaRole(Loaded<MediaFile> loaded)
      : file_(std::move(loaded.file)),
        media_(world_, http_, file_.media),
        api_servers_(world_.loop, world_.net, file_.media_server.tls()),
        server_(file_.media_server, world_.world(), api_servers_, media_.control()) {}

  Result<void> start() override {
    auto started = server_.start();
    if (!started || !file_.http_listen) return started;
    auto listening =
        servers_.serve(*file_.http_listen, [this](http::ServerRequest request) { return answer(std::move(request)); });
    if (!listening) return fail(listening.error().kind, "http_listen: {}", listening.error().text);
    listening_ = std::move(*listening);
    return {};
  }
  std::string ready_line() const override {
    std::string line = "media ready api=" + server_.local().to_string();
    if (listening_) line += " http=" + listening_->local().to_string();
    return line;
  }

 private:
  /// For the operator's own network, as a gateway's.
  Task<http::Response> answer(http::ServerRequest request) {
    if (request.path == "/healthz") co_return http::Response{.status = 200, .headers = {}, .body = "ok\n"};
    if (request.path == "/metrics")
      co_return http::Response{.status = 200,
                               .headers = {{"Content-Type", "text/plain; version=0.0.4"}},
                               .body = telemetry::prometheus_text()};
    if (request.path == "/v1/state") {
      auto state = co_await server_.state_json();
      co_return json_response(std::move(state));
    }
    if (request.path == legs_path || request.path.starts_with(legs_path_slash)) {
      std::string id = request.path.substr(std::min(request.path.size(), legs_path_slash.size()));
      auto report = co_await server_.legs_json(std::move(id));
      if (report) co_return json_response(std::move(*report));
      co_return http::Response{.status = 404, .headers = {}, .body = report.error().text + "\n"};
    }
    co_return http::Response{
        .status = 404, .headers = {}, .body = "/healthz, /metrics, /v1/state, /v1/legs or /v1/legs/ID\n"};
  }

  MediaFile file_;
  MediaParts media_;
  http::BeastServers api_servers_;
  media_server::Server server_;
  std::unique_ptr<http::Server> listening_;
};

}  // namespace

std::unique_ptr<Role> make_media(Loaded<MediaFile> loaded) {
  return std::make_unique<MediaRole>(std::move(loaded));
}

}  // namespace nearend::app
