#include "link/warmth.hpp"

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
  const auto again = [this, weak](std::chrono::seconds after) {
    auto still = weak.lock();
    if (!still) return;
    still->timer.start(after, [this, weak] {
      if (auto due = weak.lock()) ask(due);
    });
  };
  auto sent = stack_.send_request(
      sip::Method::options, peer->uri, fmt::format("<{}>", from_), {}, {}, {{"Region", region_}},
      [again](int, const sip::Message& response) { again(response.empty() ? pace_unanswered : pace); });
  if (!sent) again(pace_unanswered);
}

}  // namespace nearend::link
