#include "gateway/pinger.hpp"

#include "gateway/outbound.hpp"

namespace nearend::gateway {

void Pinger::start() {
  for (size_t i = 0; i < parts_.providers.size(); ++i) {
    const Provider& provider = parts_.providers.at(i);
    if (!provider.is_outbound || provider.options_ping.count() == 0) continue;
    if (provider.targets.empty() || targets_of(provider).empty()) continue;
    io::Timer& timer = timers_.emplace_back(parts_.loop());
    // Spread over the period, so that a gateway with many providers does not ask all at once.
    const auto first =
        provider.options_ping * static_cast<int64_t>(i + 1) / static_cast<int64_t>(parts_.providers.size() + 1);
    timer.start(first, [this, i, &timer] { ping(i, timer); });
  }
}

void Pinger::ping(size_t provider, io::Timer& timer) {
  const Provider& whom = parts_.providers.at(provider);
  const std::string from = fmt::format("<sip:ping@{}>", parts_.outside_host);
  (void)parts_.outside->send_request(
      sip::Method::options, uri_at(whom, ""), from, targets_of(whom), {}, {},
      [this, provider](int, const sip::Message& response) { parts_.providers.pinged(provider, !response.empty()); });
  timer.start(whom.options_ping, [this, provider, &timer] { ping(provider, timer); });
}

}  // namespace nearend::gateway
