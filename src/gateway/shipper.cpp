#include "gateway/shipper.hpp"

#include <algorithm>
#include <map>

#include "http/peer_signature.hpp"
#include "telemetry/log.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::gateway {

namespace {

/// Path and query of an absolute URL.
std::string target_of(std::string_view url) {
  const size_t scheme = url.find("://");
  const size_t path = url.find('/', scheme == std::string_view::npos ? 0 : scheme + 3);
  return path == std::string_view::npos ? "/" : std::string(url.substr(path));
}

constexpr std::chrono::milliseconds post_timeout{5'000};

}  // namespace

Task<void> Shipper::run() {
  std::chrono::milliseconds pause = settings_.interval;
  for (;;) {
    auto batch = journal_.read(journal_.shipped(), settings_.batch_max);
    if (!batch) telemetry::error("journal cannot be read", {{"error", batch.error().text}});
    const bool has_news = batch && batch->next > journal_.shipped();
    if (!has_news) {
      co_await io::sleep_for(loop_, settings_.interval);
      continue;
    }
    const bool is_done = co_await ship(std::move(batch->records));
    is_failing_ = !is_done;
    if (is_done) {
      journal_.set_shipped(batch->next);
      pause = settings_.interval;
      continue;
    }
    co_await io::sleep_for(loop_, pause);
    pause = std::min(pause * 2, settings_.pause_max);
  }
}

std::vector<std::string> Shipper::destinations(const std::string& wanted) const {
  std::vector<std::string> urls;
  if (!wanted.empty()) urls.push_back(wanted);
  for (const std::string& url : settings_.fallback_urls)
    if (!url.empty() && url != wanted) urls.push_back(url);
  return urls;
}

/// True when every record is somewhere, or has nowhere to go.
Task<bool> Shipper::ship(std::vector<WrittenLine> records) {
  std::map<std::string, std::vector<WrittenLine>> by_url;
  for (WrittenLine& record : records) by_url[record.ship_to].push_back(std::move(record));
  for (const auto& [wanted, group] : by_url) {
    const std::vector<std::string> urls = destinations(wanted);
    bool has_arrived = urls.empty();
    for (const std::string& url : urls) {
      has_arrived = co_await post(url, to_json_array(group));
      if (has_arrived) break;
    }
    if (!has_arrived) co_return false;
  }
  co_return true;
}

Task<bool> Shipper::post(std::string url, std::string body) {
  http::Request request{.method = "POST", .url = url, .headers = {{"Content-Type", "application/json"}}};
  request.headers.emplace_back(http::peer_signature_header, http::sign_for_peer(settings_.key, "POST", target_of(url),
                                                                                body, loop_.wall_ms() / 1000));
  request.body = std::move(body);
  request.total_timeout = post_timeout;
  auto response = co_await client_.send(std::move(request));
  if (response && response->status >= 200 && response->status < 300) co_return true;
  telemetry::counter("nearend_gateway_event_posts_failed_total").add();
  telemetry::warn(
      "call events not taken",
      {{"url", url}, {"error", response ? fmt::format("status {}", response->status) : response.error().text}});
  co_return false;
}

}  // namespace nearend::gateway
