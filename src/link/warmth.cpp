#include "link/warmth.hpp"

#include <algorithm>

#include "telemetry/log.hpp"

namespace nearend::link {

void Warmth::start(std::string from, std::string region, std::vector<std::string> peers) {
  from_ = std::move(from);
  region_ = std::move(region);
  for (std::string& uri : peers) {
    peers_.push_back(std::make_shared<Peer>(loop_, std::move(uri)));
    ask(peers_.back());
  }
}

void Warmth::ask(const std::shared_ptr<Peer>& peer) {
  const std::weak_ptr<Peer> weak = peer;
  auto sent = stack_.send_request(sip::Method::options, peer->uri, fmt::format("<{}>", from_), {}, {},
                                  {{"Region", region_}}, [this, weak](int, const sip::Message& response) {
                                    if (auto still = weak.lock()) again(still, !response.empty());
                                  });
  if (!sent) again(peer, false);
}

void Warmth::again(const std::shared_ptr<Peer>& peer, bool is_answered) {
  const auto after = is_answered ? std::chrono::milliseconds(pace) : peer->patience;
  peer->patience = is_answered ? pace_unanswered_first : std::min(peer->patience * 2, pace_unanswered_last);
  peer->has_answered = peer->has_answered || is_answered;
  if (!is_ready_ && std::ranges::all_of(peers_, [](const auto& each) { return each->has_answered; })) {
    is_ready_ = true;
    telemetry::info("links ready", {{"region", region_}, {"peers", peers_.size()}});
  }
  peer->timer.start(after, [this, weak = std::weak_ptr<Peer>(peer)] {
    if (auto due = weak.lock()) ask(due);
  });
}

}  // namespace nearend::link
