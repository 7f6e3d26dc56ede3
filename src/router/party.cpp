#include "router/party.hpp"

#include <algorithm>

#include "router/relays.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::router {
namespace {

/// What it takes to play something, before it is known what.
const std::vector<std::string> first_prompt{"play"};

}  // namespace

Party::Party(Tools& tools, std::unique_ptr<LinkLeg> leg, PlanNote note)
    : tools_(tools), leg_(std::move(leg)), note_(std::move(note)), scope_(tools.loop()) {
  leg_->set_handler([this](LegEvent event) { on_event(std::move(event)); });
}

void Party::set_advice(Advice advice) {
  advice_.push_back(std::move(advice));
}

void Party::on_event(LegEvent event) {
  if (std::holds_alternative<leg_event::Over>(event) || std::holds_alternative<leg_event::Failed>(event)) {
    if (anchor_) {
      anchor_->stop_jobs();  // What was recorded up to here is told before the anchor goes.
      scope_.spawn(let_go(std::exchange(anchor_, nullptr)));
    }
    if (offer_) offer_->set(false);
    if (over_) over_->set(true);
  }
  const LinkLeg::EventHandler observer = observer_;
  if (observer) observer(event);
  if (owner_) owner_(event);
  if (std::holds_alternative<leg_event::Moved>(event)) scope_.spawn(follow());
  // After the observer, which has put the leg adrift where a Dial ended by this.
  if (const auto* hangup = std::get_if<leg_event::HangupPeer>(&event)) scope_.spawn(answer_offer(hangup->transaction));
  if (const auto* offered = std::get_if<leg_event::AnchorOffered>(&event))
    scope_.spawn(answer_offer(offered->transaction));
}

Task<void> Party::wait_over(io::Instant until) {
  if (leg_->is_over()) co_return;
  const io::Reply<bool> over(tools_.loop());
  over_ = over;
  (void)co_await over.wait(until);
  over_.reset();
}

bool Party::are_prompts_remote() const {
  return plan_prompt("next verb", media::PlayRequest{}).plan == call::Plan::remote;
}

Task<void> Party::follow() {
  const std::shared_ptr<NodeAnchor> anchor = anchor_;
  if (anchor && leg_->theirs()) (void)co_await anchor->face(*leg_->theirs());
}

Task<void> Party::answer_offer(sip::ServerTransactionId transaction) {
  std::string sdp;
  is_offered_ = true;
  if (!offer_) offer_.emplace(tools_.loop());
  if (leg_->theirs() && are_prompts_remote()) {
    auto held = co_await hold_anchor(desk_for(first_prompt));
    auto node = held ? leg_->speaker().node(*leg_->theirs(), anchor_->info()) : Result<std::string>(pass(held));
    if (node) sdp = std::move(*node);
  }
  if (leg_->is_over()) co_return;
  media_ = sdp.empty() ? Media::idle : Media::router;
  if (sdp.empty() && leg_->theirs()) sdp = leg_->speaker().idle(*leg_->theirs());
  leg_->answer_media(transaction, std::move(sdp));
  if (offer_) offer_->set(true);
}

Task<Result<void>> Party::answer(bool are_prompts_expected) {
  if (leg_->is_answered()) co_return Result<void>();
  if (!leg_->theirs()) co_return fail(Error::Kind::invalid, "leg {}: its INVITE had no description", leg_->id());
  if (are_prompts_expected && are_prompts_remote()) {
    auto moved = co_await to_node(desk_for(first_prompt));
    if (moved || leg_->is_over()) co_return moved;
  }
  if (anchor_) std::exchange(anchor_, nullptr)->release();  // Of early media that came to nothing.
  auto answered = leg_->answer(leg_->speaker().idle(*leg_->theirs()));
  co_return answered;
}

Task<Result<void>> Party::hold_anchor(MediaDesk& desk) {
  drop_lost_anchor();
  if (anchor_ && &anchor_->desk() != &desk) scope_.spawn(let_go(std::exchange(anchor_, nullptr)));
  if (!anchor_) {
    // A key of its own: an anchor that is being let go must not come back as the new one.
    std::string key = fmt::format("{}/{}", leg_->id(), ++anchors_asked_);
    auto allocated = co_await NodeAnchor::allocate(desk, leg_->context().call_sid, std::move(key));
    if (!allocated) co_return pass(allocated);
    if (leg_->is_over()) {
      (*allocated)->release();
      co_return fail(Error::Kind::unavailable, "leg {} is over", leg_->id());
    }
    // A verb and the gateway's own offer may both have asked for one.
    if (!anchor_) anchor_ = std::move(*allocated);
  }
  if (!leg_->theirs()) co_return Result<void>();
  const std::shared_ptr<NodeAnchor> anchor = anchor_;
  auto faced = co_await anchor->face(*leg_->theirs());
  if (faced && !anchor_) co_return fail(Error::Kind::unavailable, "leg {} is over", leg_->id());
  co_return faced;
}

Task<void> Party::await_offer() {
  if (!offer_) co_return;
  const bool is_gateways_turn = tools_.settings.reanchor == ReanchorBy::gateway;
  const milliseconds patience(is_gateways_turn ? 2000 : 100);
  const bool is_expected = is_offered_ || is_gateways_turn || leg_->gateway().reanchors;
  const io::Reply<bool> offer = *offer_;
  if (is_expected) (void)co_await offer.wait(tools_.loop().now() + patience);
  offer_.reset();
}

/// Its node is gone: the media comes to another one.
void Party::drop_lost_anchor() {
  if (!anchor_ || !anchor_->is_lost()) return;
  std::exchange(anchor_, nullptr)->release();
  if (media_ == Media::router) media_ = Media::idle;
}

Task<Result<void>> Party::to_router() {
  auto moved = co_await to_node(tools_.desk);
  co_return moved;
}

bool Party::is_at(const MediaDesk& desk) const {
  return media_ == Media::router && anchor_ && &anchor_->desk() == &desk;
}

Task<Result<void>> Party::to_node(MediaDesk& desk) {
  drop_lost_anchor();
  if (is_at(desk)) co_return Result<void>();
  if (media_ != Media::router) co_await await_offer();
  if (is_at(desk)) co_return Result<void>();
  if (!leg_->theirs()) co_return fail(Error::Kind::invalid, "leg {}: no description from its gateway", leg_->id());
  auto held = co_await hold_anchor(desk);
  if (!held) co_return held;
  auto sdp = leg_->speaker().node(*leg_->theirs(), anchor_->info());
  if (!sdp) co_return pass(sdp);
  if (!leg_->is_answered()) {
    auto answered = leg_->answer(std::move(*sdp));
    if (answered) media_ = Media::router;
    co_return answered;
  }
  media_ = Media::router;
  is_ringing_ = false;  // The gateway ends its ring-back with the change.
  // What is sent ahead of a request that has to wait would be lost.
  if (leg_->is_changing())
    co_await ask_for_media(std::move(*sdp));
  else
    scope_.spawn(ask_for_media(std::move(*sdp)));
  co_return Result<void>();
}

Task<Result<void>> Party::to_early() {
  if (!leg_->is_answered()) {
    if (!leg_->theirs()) co_return fail(Error::Kind::invalid, "leg {}: no description from its gateway", leg_->id());
    auto held = co_await hold_anchor(tools_.desk);
    if (!held) co_return held;
    auto sdp = leg_->speaker().node(*leg_->theirs(), anchor_->info());
    if (!sdp) co_return pass(sdp);
    if (!leg_->is_answered()) {
      leg_->offer_early(std::move(*sdp));
      co_return Result<void>();
    }
  }
  auto moved = co_await to_router();
  stop_ring();
  co_return moved;
}

Task<void> Party::ask_for_media(std::string sdp) {
  const std::shared_ptr<NodeAnchor> anchor = anchor_;
  link::Item action{"anchor", {}};
  LinkLeg::Reply reply = co_await leg_->reinvite(std::move(action), std::move(sdp));
  if (anchor != anchor_) co_return;
  if (reply.is_good() && leg_->theirs()) {
    (void)co_await anchor->face(*leg_->theirs());
    co_return;
  }
  static telemetry::Counter& failures = telemetry::counter("nearend_router_moves_failed_total", "to=\"router\"");
  failures.add();
  media_ = Media::idle;
  if (anchor_) std::exchange(anchor_, nullptr)->release();
}

Task<void> Party::release_at_gateway() {
  media_ = Media::idle;
  std::shared_ptr<NodeAnchor> anchor = std::exchange(anchor_, nullptr);
  if (leg_->theirs()) {
    std::string sdp = leg_->speaker().idle(*leg_->theirs());
    link::Item action{"release", {}};
    (void)co_await leg_->reinvite(std::move(action), std::move(sdp));
  }
  if (anchor) anchor->release();
}

Task<void> Party::let_go(std::shared_ptr<NodeAnchor> anchor) {
  co_await io::sleep_for(tools_.loop(), overlap);
  anchor->release();
}

void Party::set_bridged() {
  media_ = Media::bridged;
  offer_.reset();
  is_offered_ = false;
  if (anchor_) scope_.spawn(let_go(std::exchange(anchor_, nullptr)));
}

void Party::set_adrift() {
  if (media_ == Media::bridged) media_ = Media::idle;
  if (!is_offered_) offer_.emplace(tools_.loop());
}

Task<bool> Party::bridge_to(const Party& peer) {
  if (!peer.leg().theirs()) co_return false;
  std::string sdp = leg_->speaker().passed_on(*peer.leg().theirs());
  LinkLeg::Reply reply = co_await leg_->reinvite(peer.leg().joined_to_this("bridge"), std::move(sdp));
  if (reply.is_good()) set_bridged();
  co_return reply.is_good();
}

Task<void> Party::ring_back(std::string tone) {
  if (!leg_->is_answered()) {
    leg_->ring();
    co_return;
  }
  is_ringing_ = true;
  link::Item ring{"ring", {}};
  if (!tone.empty()) ring.parameters.emplace_back("tone", tone);
  LinkLeg::Reply reply = co_await leg_->info(std::move(ring));
  if (reply.is_good() || leg_->is_over() || media_ != Media::router) co_return;
  media::PlayRequest request;
  request.sources.push_back(
      {.kind = media::Source::Kind::tone, .value = tone.empty() ? "ringback" : "ringback/" + tone});
  const std::shared_ptr<NodeAnchor> anchor = anchor_;
  (void)co_await anchor->play(std::move(request));
}

void Party::stop_ring() {
  if (std::exchange(is_ringing_, false)) scope_.spawn(ring_off());
}

Task<void> Party::ring_off() {
  is_ringing_ = false;
  if (!leg_->is_answered()) co_return;
  if (anchor_) anchor_->stop_jobs();
  link::Item action{"ring", {{"off", ""}}};
  (void)co_await leg_->info(std::move(action));
}

Task<Result<std::string>> Party::prepare_anchor(sdp::SessionDescription like) {
  auto held = co_await hold_anchor(tools_.desk);
  if (!held) co_return pass(held);
  media_ = Media::router;
  auto sdp = leg_->speaker().node(like, anchor_->info());
  co_return sdp;
}

}  // namespace nearend::router
