#include "router/gateway_watch.hpp"

#include <algorithm>

namespace nearend::router {

GatewayWatch::GatewayWatch(Wire& wire, Gateways gateways, SilentHandler on_silent)
    : wire_(wire), gateways_(std::move(gateways)), on_silent_(std::move(on_silent)), timer_(wire.loop) {}

void GatewayWatch::start() {
  timer_.start(wire_.settings.ping_every, [this] {
    tick();
    start();
  });
}

void GatewayWatch::tick() {
  const std::vector<std::string> now = gateways_();
  std::erase_if(seen_, [&](const auto& entry) { return !std::ranges::binary_search(now, entry.first); });
  for (const std::string& uri : now) {
    auto [entry, is_new] = seen_.try_emplace(uri);
    if (is_new) entry->second.heard = wire_.loop.now();
    const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(wire_.loop.now() - entry->second.heard);
    if (since >= wire_.settings.lost_after) on_silent_(uri, since);
    if (!entry->second.is_asked) ask(uri, entry->second);
  }
}

void GatewayWatch::ask(const std::string& uri, Seen& seen) {
  std::weak_ptr<bool> alive = alive_;
  const std::string from = fmt::format("<sip:{}>", wire_.host);
  sip::ExtraHeaders headers{{"Region", wire_.settings.region}};
  auto sent = wire_.stack.send_request(sip::Method::options, uri, from, {}, {}, std::move(headers),
                                       [this, alive, uri](int, const sip::Message& response) {
                                         if (alive.expired()) return;
                                         auto entry = seen_.find(uri);
                                         if (entry == seen_.end()) return;
                                         entry->second.is_asked = false;
                                         // Whatever it says, it is there; only our own 408 and 503 have no message.
                                         if (!response.empty()) entry->second.heard = wire_.loop.now();
                                       });
  seen.is_asked = sent.has_value();
}

}  // namespace nearend::router
