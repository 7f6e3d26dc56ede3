#include "router/talk_way.hpp"

#include "router/relays.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::router {

TalkWay::TalkWay(Tools& tools, Party& caller, Party& callee, Note note)
    : tools_(tools), caller_(caller), callee_(callee), note_(std::move(note)), scope_(tools.loop()) {}

std::string TalkWay::name_of(const Relay* relay) const {
  const std::string& near = caller_.leg().gateway().name;
  const std::string& far = callee_.leg().gateway().name;
  return relay == nullptr ? near + "," + far : near + "," + relay->gateway + "," + far;
}

void TalkWay::take(leg_event::WayOffered offered) {
  // Both gateways may have asked, and been given the same.
  if (is_changing_ || name_of(relay_.get()) == fmt::format("{}", fmt::join(offered.gateways, ","))) return;
  is_changing_ = true;
  scope_.spawn(change(std::move(offered)));
}

void TalkWay::face_again() {
  if (relay_) scope_.spawn(face(relay_));
}

Task<void> TalkWay::face(std::shared_ptr<Relay> relay) {
  const sdp::SessionDescription near = *caller_.leg().theirs();
  (void)co_await relay->near->face(near);
  const sdp::SessionDescription far = *callee_.leg().theirs();
  (void)co_await relay->far->face(far);
}

Task<Result<std::shared_ptr<TalkWay::Relay>>> TalkWay::prepare(std::string gateway, std::string region) {
  MediaDesk* desk = tools_.relays == nullptr ? nullptr : tools_.relays->find(region);
  if (desk == nullptr) co_return fail(Error::Kind::unsupported, "there is no media node to relay by in {}", region);
  if (!caller_.leg().theirs() || !callee_.leg().theirs())
    co_return fail(Error::Kind::invalid, "a gateway gave no description");
  auto relay = std::make_shared<Relay>();
  relay->gateway = std::move(gateway);
  const std::string& call = caller_.leg().context().call_sid;
  std::string key = fmt::format("{}/way/{}", caller_.leg().id(), ++changes_);
  const sdp::SessionDescription to_near = *caller_.leg().theirs(), to_far = *callee_.leg().theirs();
  auto near = co_await NodeAnchor::allocate_facing(*desk, call, std::move(key), to_near, std::nullopt);
  if (!near) co_return pass(near);
  relay->near = std::move(*near);
  key = fmt::format("{}/way/{}", callee_.leg().id(), changes_);
  auto far = co_await NodeAnchor::allocate_facing(*desk, call, std::move(key), to_far, relay->near->id());
  if (!far) co_return pass(far);
  relay->far = std::move(*far);
  co_return relay;
}

Task<void> TalkWay::send_one(Party& party, const Party& peer, std::shared_ptr<NodeAnchor> anchor, std::string way,
                             io::Reply<bool> done) {
  LinkLeg& leg = party.leg();
  Result<std::string> sdp = anchor ? leg.speaker().node(*leg.theirs(), anchor->info())
                                   : Result<std::string>(leg.speaker().passed_on(*peer.leg().theirs()));
  if (!sdp) co_return done.set(false);
  link::Item action = peer.leg().joined_to_this("bridge");
  action.parameters.emplace_back("way", std::move(way));
  const LinkLeg::Reply reply = co_await leg.reinvite(std::move(action), std::move(*sdp));
  done.set(reply.is_good());
}

Task<bool> TalkWay::send_to(std::shared_ptr<Relay> relay) {
  const io::Reply<bool> near(tools_.loop()), far(tools_.loop());
  const std::string way = name_of(relay.get());
  scope_.spawn(send_one(caller_, callee_, relay ? relay->near : nullptr, way, near));
  scope_.spawn(send_one(callee_, caller_, relay ? relay->far : nullptr, way, far));
  const std::optional<bool> is_near_good = co_await near.wait();
  const std::optional<bool> is_far_good = co_await far.wait();
  co_return *is_near_good && *is_far_good;
}

/// The media node of the third region is gone. What the gateways say to each other goes between them again.
void TalkWay::leave_lost() {
  if (is_changing_ || !relay_) return;  // They are on their way elsewhere.
  is_changing_ = true;
  scope_.spawn(
      change({.gateways = {caller_.leg().gateway().name, callee_.leg().gateway().name},
              .regions = {caller_.leg().gateway().region, callee_.leg().gateway().region},
              .seen = {{"by", "router"}, {"reason", fmt::format("the media node of {} is gone", relay_->gateway)}}}));
}

Task<void> TalkWay::change(leg_event::WayOffered offered) {
  static telemetry::Counter& moved = telemetry::counter("nearend_router_ways_changed_total");
  static telemetry::Counter& failed = telemetry::counter("nearend_router_ways_failed_total");
  json::object detail{{"from", name_of(relay_.get())}, {"seen", std::move(offered.seen)}};
  std::shared_ptr<Relay> next;
  Result<void> outcome;
  const bool is_to_relay = offered.gateways.size() == 3;
  if (is_to_relay) {
    auto prepared = co_await prepare(offered.gateways[1], offered.regions[1]);
    if (prepared)
      next = std::move(*prepared);
    else
      outcome = pass(prepared);
  }
  detail["to"] = outcome ? name_of(next.get()) : fmt::format("{}", fmt::join(offered.gateways, ","));
  if (outcome) {
    const bool is_moved = co_await send_to(next);
    if (!is_moved) {
      outcome = fail(Error::Kind::refused, "a gateway did not take it");
      (void)co_await send_to(relay_);
    }
  }
  (outcome ? moved : failed).add();
  if (!outcome) detail["error"] = outcome.error().text;
  const std::shared_ptr<Relay> old = outcome ? std::exchange(relay_, next) : next;
  if (outcome && relay_) {
    scope_.spawn(face(relay_));
    for (const auto& anchor : {relay_->near, relay_->far}) anchor->set_lost_handler([this] { leave_lost(); });
  }
  if (old) scope_.spawn(let_go(old));
  is_changing_ = false;
  // It may have gone while the talk was on its way there, or to another that could not be had.
  const bool is_lost = relay_ && (relay_->near->is_lost() || relay_->far->is_lost());
  if (is_lost && (outcome || is_to_relay)) leave_lost();
  note_(outcome ? "rerouted" : "reroute-failed", std::move(detail));
}

Task<void> TalkWay::let_go(std::shared_ptr<Relay> relay) {
  co_await io::sleep_for(tools_.loop(), overlap);
  relay->near->release();
  relay->far->release();
}

}  // namespace nearend::router
