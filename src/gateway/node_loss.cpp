#include "gateway/node_loss.hpp"

#include "gateway/endings.hpp"
#include "gateway/endpoints.hpp"
#include "gateway/local_verbs.hpp"
#include "gateway/pairing.hpp"
#include "telemetry/log.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::gateway {

namespace {

constexpr std::chrono::milliseconds between_tries{100};

}  // namespace

void NodeLoss::on_lost(Leg& leg, const media::event::Lost& lost) {
  const bool is_again = leg.reanchoring != nullptr;
  if (!is_again) leg.reanchoring = std::make_unique<Reanchoring>();
  Reanchoring& what = *leg.reanchoring;
  what.why = lost.reason;
  if (!is_again) what.from = leg.media.node();
  if (!is_again) what.silent_since = parts_.now() - lost.since;
  telemetry::warn("media lost", {{"call", leg.call}, {"leg", leg.id}, {"node", what.from}, {"why", lost.reason}});
  parts_.legs.bind_anchor(leg, media::AnchorId::none);
  leg.media.lose();
  leg.scope.spawn(go_elsewhere(leg));
}

Task<Result<void>> NodeLoss::allocate(Leg& leg) {
  const io::Instant deadline = parts_.now() + patience;
  for (;;) {
    auto wanted = leg.media.request_again(leg.call, leg.id);
    wanted.wants = media_wants(parts_.settings, leg.is_forwarded);
    auto allocated = co_await leg.media.allocate(std::move(wanted));
    if (allocated || leg.is_over || parts_.now() >= deadline) co_return allocated;
    co_await io::sleep_for(parts_.loop(), between_tries);
  }
}

Task<void> NodeLoss::go_elsewhere(Leg& leg) {
  const auto allocated = co_await allocate(leg);
  if (leg.is_over) co_return;
  if (!allocated) co_return give_up(leg, allocated.error().text);
  leg.reanchoring->to = leg.media.node();
  parts_.legs.bind_anchor(leg, leg.media.anchor());
  take_up(leg);
}

void NodeLoss::take_up(Leg& leg) {
  leg.media.repeat_remotes();
  parts_.pairing->rejoin(leg);
  if (!parts_.endpoints->readdress(leg)) return give_up(leg, "no keys");
  parts_.pairing->readdress(leg);
  leg.media.repeat_watch();
  parts_.verbs->begin_again(leg);
  telemetry::counter("nearend_gateway_reanchors_total", "outcome=\"moved\"").add();
}

void NodeLoss::give_up(Leg& leg, std::string_view why) {
  telemetry::counter("nearend_gateway_reanchors_total", "outcome=\"failed\"").add();
  const std::string text = fmt::format("media node lost, no other: {}", why);
  parts_.endings->end(leg, {.status = 503, .text = text, .by = "gateway"});
}

void NodeLoss::on_heard(Leg& leg) {
  if (leg.reanchoring == nullptr || leg.reanchoring->to.empty()) return;
  const auto gap = std::chrono::duration_cast<std::chrono::milliseconds>(parts_.now() - leg.reanchoring->silent_since);
  parts_.ledger.reanchored(leg, gap);
  telemetry::info("media moved to another node", {{"call", leg.call},
                                                  {"leg", leg.id},
                                                  {"from", leg.reanchoring->from},
                                                  {"to", leg.reanchoring->to},
                                                  {"gap_ms", gap.count()}});
  leg.reanchoring.reset();
}

void NodeLoss::settle(Leg& leg) {
  if (leg.reanchoring == nullptr) return;
  parts_.ledger.reanchored(leg, std::nullopt);
  leg.reanchoring.reset();
}

}  // namespace nearend::gateway
