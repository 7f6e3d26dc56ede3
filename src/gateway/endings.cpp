#include "gateway/endings.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "gateway/link_end.hpp"
#include "gateway/node_loss.hpp"
#include "gateway/outbound.hpp"
#include "gateway/pairing.hpp"
#include "gateway/way_meter.hpp"
#include "sip/scan.hpp"
#include "telemetry/log.hpp"

namespace nearend::gateway {

namespace {

/// The number after "cause=" of a Reason header, or 200.
int cause_of(std::string_view reason) {
  const size_t at = reason.find("cause=");
  if (at == std::string_view::npos) return 200;
  int cause = 0;
  for (char c : reason.substr(at + 6)) {
    if (c < '0' || c > '9' || cause > 999) break;
    cause = cause * 10 + (c - '0');
  }
  return cause == 0 ? 200 : cause;
}

/// The quoted text of a Reason header, or what `otherwise` says.
std::string text_of(std::string_view reason, std::string_view otherwise) {
  const size_t first = reason.find("text=\"");
  if (first == std::string_view::npos) return std::string(otherwise);
  const size_t last = reason.find('"', first + 6);
  return std::string(reason.substr(first + 6, last == std::string_view::npos ? last : last - first - 6));
}

/// What follows the first value of a Reason header.
std::string_view rest_of(std::string_view reason) {
  const size_t comma = sip::scan::find_outside_quotes(reason, ',');
  return comma == std::string_view::npos ? std::string_view() : trim(reason.substr(comma + 1));
}

constexpr std::chrono::milliseconds recording_patience{1'000};

}  // namespace

sip::ExtraHeaders why_no_media(std::string_view text) {
  return {{"Warning", fmt::format("399 nearend \"{}\"", text)}};
}

void Endings::end(Leg& leg, const EndCause& cause) {
  close(leg, cause, true);
}

void Endings::endpoint_gone(Leg& leg, const EndCause& cause, io::Callback on_durable) {
  close(leg, cause, false, std::move(on_durable));
}

void Endings::router_ended(Leg& leg, std::string_view reason) {
  parts_.legs.bind_link(leg, sip::DialogId::none);
  const std::string text = text_of(reason, "ended by the application");
  close(leg, {.status = cause_of(reason), .text = text, .by = "router", .more = rest_of(reason)}, true);
}

void Endings::router_lost(Leg& leg) {
  parts_.legs.bind_link(leg, sip::DialogId::none);
  if (leg.is_over) return;
  telemetry::warn("router lost", {{"call", leg.call}, {"leg", leg.id}, {"region", parts_.settings.region}});
  if (leg.joint.state == Joint::State::open) return;
  await_router(leg);
}

void Endings::await_router(Leg& leg) {
  if (leg.is_over || leg.grace.is_running()) return;
  leg.grace.start(parts_.settings.router_wait,
                  [this, &leg] { end(leg, {.status = 503, .text = "router lost", .by = "gateway"}); });
}

void Endings::close_outer(Leg& leg, const EndCause& cause) {
  const sip::DialogId outer = leg.dialogs.outer;
  if (outer == sip::DialogId::none) return;
  const bool is_refusal = leg.is_inbound && !leg.dialogs.is_outer_answered && cause.status >= 300;
  const bool is_ours = cause.status == 488 && cause.by == "gateway";
  if (is_refusal)
    (void)parts_.outside->refuse(outer, cause.status, {}, is_ours ? why_no_media(cause.text) : sip::ExtraHeaders{});
  else
    parts_.outside->end(outer, {{"Reason", reason_header(cause)}});
}

void Endings::close(Leg& leg, const EndCause& cause, bool is_outer_alive, io::Callback on_durable) {
  if (leg.is_over) {
    if (on_durable) on_durable();
    return;
  }
  leg.is_over = true;
  leg.limit.stop();
  leg.grace.stop();
  if (is_outer_alive) close_outer(leg, cause);
  parts_.node_loss->settle(leg);
  parts_.ledger.end(leg, cause, std::move(on_durable));
  parts_.way_meter->ended(leg, cause.status);
  parts_.outbound->on_over(leg);
  if (leg.provider != Leg::no_provider) parts_.providers.give_back(leg.provider);
  parts_.pairing->on_leg_over(leg, cause);
  leg.bill.status = cause.status;
  leg.bill.cause = cause.text;
  leg.bill.more = cause.more;
  if (!stop_recordings(leg)) let_go(leg);
}

/// What is being recorded for the router is told to it before the BYE; false when there is nothing.
bool Endings::stop_recordings(Leg& leg) {
  const auto is_recording = [](const Orders::Job& job) { return job.kind == Orders::Job::Kind::record; };
  if (leg.dialogs.link == sip::DialogId::none || std::ranges::none_of(leg.orders.jobs, is_recording)) return false;
  for (const Orders::Job& job : leg.orders.jobs)
    if (is_recording(job)) leg.media.stop(job.id);
  leg.grace.start(recording_patience, [this, &leg] { let_go(leg); });
  return true;
}

void Endings::recording_done(Leg& leg) {
  const auto is_recording = [](const Orders::Job& job) { return job.kind == Orders::Job::Kind::record; };
  if (std::ranges::none_of(leg.orders.jobs, is_recording)) let_go(leg);
}

void Endings::let_go(Leg& leg) {
  leg.grace.stop();
  const EndCause cause{.status = leg.bill.status, .text = leg.bill.cause, .more = leg.bill.more};
  const bool is_link_refusal = !leg.is_inbound && !leg.dialogs.is_link_answered;
  if (is_link_refusal)
    parts_.link_end->refuse(leg, cause.status >= 300 ? cause.status : 480, cause.text);
  else
    parts_.link_end->end(leg, cause);
  leg.media.release();
  parts_.legs.retire(leg);
}

}  // namespace nearend::gateway
