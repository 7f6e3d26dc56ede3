#include "gateway/pinger.hpp"

#include "gateway/way_meter.hpp"

namespace nearend::gateway {

void Pinger::start() {
  for (size_t i = 0; i < parts_.providers.size(); ++i) {
    const Provider& provider = parts_.providers.at(i);
    if (!provider.is_outbound || provider.options_ping.count() == 0) continue;
    io::Timer& timer = timers_.emplace_back(parts_.loop());
    // Spread over the period, so that a gateway with many providers does not ask all at once.
    const auto first =
        provider.options_ping * static_cast<int64_t>(i + 1) / static_cast<int64_t>(parts_.providers.size() + 1);
    timer.start(first, [this, i, &timer] { ping(i, timer); });
  }
}

void Pinger::ping(size_t provider, io::Timer& timer) {
  scope_.spawn(ask(provider));
  timer.start(parts_.providers.at(provider).options_ping, [this, provider, &timer] { ping(provider, timer); });
}

Task<void> Pinger::ask(size_t provider) {
  auto targets = co_await parts_.targets.find(provider);
  if (targets.empty()) co_return parts_.providers.pinged(provider, false);
  std::string from = fmt::format("<sip:ping@{}>", parts_.outside_host);
  auto on_response = [this, provider, asked = parts_.loop().now()](int status, const sip::Message& response) {
    parts_.providers.pinged(provider, !response.empty() && status != 503);
    if (response.empty()) return;
    const std::chrono::duration<double, std::milli> trip = parts_.loop().now() - asked;
    parts_.way_meter->provider_answered(provider, trip.count());
  };
  (void)parts_.outside->send_request(sip::Method::options, uri_at(parts_.providers.at(provider), ""), std::move(from),
                                     std::move(targets), {}, {}, std::move(on_response),
                                     parts_.providers.at(provider).credentials);
}

}  // namespace nearend::gateway
