#include <algorithm>

#include "app/media_parts.hpp"
#include "app/role_base.hpp"
#include "base/text.hpp"
#include "gateway/file_journal.hpp"
#include "gateway/gateway.hpp"
#include "gateway/ping_server.hpp"
#include "gateway/recording_shipper.hpp"
#include "gateway/shipper.hpp"
#include "telemetry/log.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::app {
namespace {

constexpr std::string_view legs_path = "/v1/legs", legs_path_slash = "/v1/legs/", pcap_end = "/pcap";
constexpr uint64_t capture_default_s = 10;

class GatewayRole final : public RoleBase {
 public:
  explicit GatewayRole(Loaded<GatewayFile> loaded)
      : file_(std::move(loaded.file)),
        shipping_(shipping_of(file_.gateway, loaded.topology)),
        policy_(world_.loop, http_, file_.common.policy, std::move(loaded.topology)),
        media_(world_, http_, file_.media, file_.media_nodes, file_.gateway.link_key, "gateway/" + file_.gateway.name) {
  }

  Result<void> start() override {
    auto journal = gateway::FileJournal::open(world_.loop, file_.gateway.journal_path);
    if (!journal) return pass(journal);
    journal_ = std::move(*journal);
    const std::string outbox = file_.gateway.journal_path.empty() ? "" : file_.gateway.journal_path + ".recordings";
    recordings_.emplace(world_.loop, http_, media_.control(),
                        gateway::RecordingShipper::Settings{
                            .key = shipping_.key, .fallback_urls = shipping_.fallback_urls, .directory = outbox});
    shipper_.emplace(world_.loop, http_, *journal_, std::move(shipping_));
    gateway_.emplace(file_.gateway, world_.world(), media_.control(), policy_, *journal_);
    gateway_->set_recording_handler([this](const gateway::RecordingNotice& notice) {
      if (notice.is_ended) return recordings_->ended(notice.sid);
      recordings_->began(notice.sid, notice.events_url);
    });
    auto started = gateway_->start();
    if (!started) return started;
    shipper_->start();
    recordings_->start();
    pings_.emplace(world_.loop, world_.net, file_.gateway, [this] { return gateway_->is_open(); });
    if (auto pinged = pings_->start(); !pinged) return pinged;
    if (!file_.http_listen) return {};
    auto server =
        servers_.serve(*file_.http_listen, [this](http::ServerRequest request) { return answer(std::move(request)); });
    if (!server) return fail(server.error().kind, "http_listen: {}", server.error().text);
    server_ = std::move(*server);
    return {};
  }

  std::string ready_line() const override {
    std::string line = fmt::format("gateway {} ready", file_.gateway.name);
    for (const Endpoint& address : gateway_->outside_addresses()) line += " sip=" + address.to_string();
    for (const Endpoint& address : gateway_->link_addresses()) line += " link=" + address.to_string();
    if (pings_->is_listening()) line += " ping=" + pings_->local().to_string();
    if (server_) line += " http=" + server_->local().to_string();
    return line;
  }

 protected:
  void drain() override { gateway_->drain(); }
  void stop() override { gateway_->stop(); }
  bool is_idle() const override {
    return gateway_->is_idle() && (shipper_->is_idle() || shipper_->is_failing()) &&
           (recordings_->is_idle() || recordings_->is_failing());
  }

 private:
  /// Events go to the router that took the call, or to any other that is known.
  static gateway::Shipper::Settings shipping_of(const gateway::Settings& settings, const policy::Topology& topology) {
    gateway::Shipper::Settings shipping{.key = settings.link_key};
    if (!settings.events_url.empty()) shipping.fallback_urls.push_back(settings.events_url);
    for (const auto& router : settings.routers) shipping.fallback_urls.push_back(router.events_url);
    for (const auto& router : topology.routers) shipping.fallback_urls.push_back(router.events_url);
    return shipping;
  }

  Task<http::Response> answer(http::ServerRequest request) {
    if (request.path == "/healthz") co_return http::Response{.status = 200, .body = "ok\n"};
    if (request.path == "/metrics")
      co_return http::Response{.status = 200,
                               .headers = {{"Content-Type", "text/plain; version=0.0.4"}},
                               .body = telemetry::prometheus_text()};
    if (request.path == "/v1/state")
      co_return http::Response{
          .status = 200, .headers = {{"Content-Type", "application/json"}}, .body = gateway_->state_json()};
    if (request.path.starts_with(legs_path_slash) && request.path.ends_with(pcap_end)) {
      auto packets = co_await capture(std::move(request));
      co_return packets;
    }
    if (request.path == legs_path || request.path.starts_with(legs_path_slash)) {
      auto report = co_await legs(request.path.substr(std::min(request.path.size(), legs_path_slash.size())));
      co_return report;
    }
    co_return http::Response{.status = 404,
                             .body = "/healthz, /metrics, /v1/state, /v1/legs, /v1/legs/ID or /v1/legs/ID/pcap\n"};
  }

  /// Speech is not for everybody who may see figures.
  Task<http::Response> capture(http::ServerRequest request) {
    if (!file_.may_capture)
      co_return http::Response{.status = 403, .body = "may_capture is off in this gateway's settings\n"};
    const size_t first = legs_path_slash.size();
    std::string id = request.path.substr(first, request.path.size() - first - pcap_end.size());
    uint64_t seconds = capture_default_s;
    for (const auto& [name, value] : http::parse_form(request.query).value_or(http::Form()))
      if (name == "seconds") seconds = std::clamp<uint64_t>(parse_unsigned(value).value_or(seconds), 1, 30);
    telemetry::info("packets captured", {{"leg", id}, {"seconds", seconds}, {"by", request.peer.to_string()}});
    auto packets = co_await gateway_->capture(std::move(id), std::chrono::seconds(seconds));
    if (!packets) {
      const int status = packets.error().kind == Error::Kind::not_found ? 404 : 503;
      co_return http::Response{.status = status, .body = packets.error().text + "\n"};
    }
    co_return http::Response{
        .status = 200, .headers = {{"Content-Type", "application/vnd.tcpdump.pcap"}}, .body = std::move(*packets)};
  }

  Task<http::Response> legs(std::string id) {
    auto report = co_await gateway_->legs_json(std::move(id));
    http::Response response{.status = 200, .headers = {{"Content-Type", "application/json"}}};
    if (report)
      response.body = std::move(*report);
    else
      response = {.status = 404, .body = report.error().text + "\n"};
    co_return response;
  }

  GatewayFile file_;
  gateway::Shipper::Settings shipping_;
  policy::HttpPolicyClient policy_;
  MediaParts media_;
  std::unique_ptr<gateway::FileJournal> journal_;
  std::optional<gateway::Shipper> shipper_;
  std::optional<gateway::RecordingShipper> recordings_;
  std::optional<gateway::Gateway> gateway_;
  std::optional<gateway::PingServer> pings_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace

std::unique_ptr<Role> make_gateway(Loaded<GatewayFile> loaded) {
  return std::make_unique<GatewayRole>(std::move(loaded));
}

}  // namespace nearend::app
