#include "router/dialing.hpp"

#include <algorithm>

#include "io/new_sid.hpp"
#include "telemetry/log.hpp"

namespace nearend::router {

Dialing::Dialing(DialContext context, call::DialRequest request)
    : context_(std::move(context)),
      request_(std::move(request)),
      continuation_(context_.caller.leg(), request_.continuation),
      box_(context_.tools.loop()),
      scope_(context_.tools.loop()) {}

Dialing::~Dialing() {
  context_.caller.set_observer({});
  context_.caller.leg().set_wanted({});
}

std::vector<const Party*> Dialing::callees() const {
  std::vector<const Party*> parties;
  for (const auto& attempt : attempts_)
    if (attempt->party && !attempt->is_over()) parties.push_back(attempt->party.get());
  return parties;
}

void Dialing::lose(const std::string& gateway_uri) {
  for (const auto& attempt : attempts_)
    if (attempt->party && !attempt->is_over() && attempt->party->leg().gateway().uri == gateway_uri)
      attempt->party->leg().lose();
}

Task<call::DialResult> Dialing::run() {
  context_.caller.set_observer(watch(caller_index));
  if (request_.is_hangup_on_star) context_.caller.leg().set_wanted({{"hangup-on-star", {}}});
  for (const call::DialTarget& target : request_.targets) {
    auto attempt = std::make_unique<Attempt>();
    attempt->index = attempts_.size();
    attempt->target = target;
    attempt->facts = {.call_sid = io::new_sid(context_.tools.loop(), "CA"),
                      .account_sid = context_.facts.account_sid,
                      .from = request_.caller_id.empty() ? context_.facts.from : request_.caller_id,
                      .to = target.address,
                      .direction = "outbound-dial",
                      .parent_call_sid = context_.facts.call_sid};
    attempts_.push_back(std::move(attempt));
  }
  const size_t step = request_.is_sequential ? 1 : attempts_.size();
  for (size_t first = 0; first < attempts_.size() && winner_ == nullptr && !is_caller_gone_; first += step)
    co_await ring(first, first + step);
  if (winner_ != nullptr) co_await talk();
  call::DialResult result = co_await conclude();
  co_return result;
}

LinkLeg::EventHandler Dialing::watch(size_t from) {
  return [this, from](LegEvent event) { (void)box_.push({from, std::move(event)}); };
}

bool Dialing::is_screened(const Attempt& attempt) const {
  return !attempt.target.screen_url.empty() || !attempt.target.send_digits.empty();
}

void Dialing::tell(Attempt& attempt, std::string event, std::string status) {
  if (!context_.hooks.on_progress) return;
  call::LegProgress progress{
      .facts = attempt.facts, .target = attempt.target, .event = std::move(event), .status = std::move(status)};
  progress.sequence = attempt.sequence++;
  progress.sip_code = attempt.sip_code;
  if (progress.event == "completed" && attempt.duration)
    progress.duration = std::chrono::round<std::chrono::seconds>(*attempt.duration);
  if (progress.event == "completed" && &attempt == winner_ && request_.record && recording_ &&
      recording_->length.count() > 0) {
    progress.recording_sid = request_.record->path_hint;
    progress.recording_length = recording_->length;
  }
  context_.hooks.on_progress(progress);
}

// Ringing.

Task<void> Dialing::ring(size_t first, size_t last) {
  const auto is_any_left = [&] {
    return std::any_of(attempts_.begin() + static_cast<ptrdiff_t>(first),
                       attempts_.begin() + static_cast<ptrdiff_t>(last),
                       [](const auto& attempt) { return !attempt->is_over(); });
  };
  for (size_t i = first; i < last; ++i) scope_.spawn(launch(*attempts_[i]));
  const io::Instant deadline = context_.tools.loop().now() + request_.timeout + ring_grace;
  while (is_any_left() && winner_ == nullptr && !is_caller_gone_ && !is_fenced_) {
    std::optional<Happening> happening = co_await box_.next(deadline);
    if (!happening) {
      for (size_t i = first; i < last; ++i)
        retire(*attempts_[i], "SIP;cause=480;text=\"No answer\"", call::Outcome::no_answer);
      break;
    }
    auto& event = std::get<LegEvent>(happening->what);
    if (happening->from == caller_index)
      on_caller(std::move(event));
    else
      on_ringing(*attempts_[happening->from], std::move(event));
  }
  // The first to answer wins; the others stop ringing.
  for (const auto& attempt : attempts_)
    if (attempt.get() != winner_ && attempt->state != Attempt::State::idle)
      retire(*attempt, winner_ != nullptr ? "SIP;cause=200;text=\"Call completed elsewhere\"" : caller_reason_,
             call::Outcome::canceled);
}

void Dialing::plan(Attempt& attempt) {
  call::Step& step = attempt.step;
  step = {.verb = "Dial", .needs = {"bridge"}, .preference = context_.tools.settings.plan};
  if (request_.record) step.needs.emplace_back("record");
  step.legs = {
      context_.caller.leg().place(),
      {.gateway = attempt.gateway.gateway, .region = attempt.gateway.region, .features = attempt.gateway.features}};
  step.can_gateways_meet = can_gateways_meet_;
  step.is_answer_screened = is_screened(attempt);
  step.are_several_ringing = attempts_.size() > 1 && !request_.is_sequential;
  step.is_arming_wanted = context_.tools.settings.is_arming_wanted && !attempt.is_unarmed_forced;
  step.is_direct_wanted = context_.tools.settings.is_direct_wanted && !request_.record && !request_.is_hangup_on_star;
  step.legs[1].is_direct_possible =
      std::ranges::find(attempt.gateway.features, "direct") != attempt.gateway.features.end();
  attempt.decision = call::plan_step(step);
  context_.note_plan(step, attempt.decision);
  // One callee's ringing, by a way that is ready, unless the document wants another tone (twiml.md 3.3).
  const bool has_way = attempt.decision.is_armed || is_at_router(attempt);
  attempt.is_early_wanted =
      has_way && request_.ring_tone.empty() && !step.is_answer_screened && !step.are_several_ringing;
}

bool Dialing::is_at_router(const Attempt& attempt) {
  return attempt.decision.plan == call::Plan::remote || attempt.decision.plan == call::Plan::split;
}

Task<void> Dialing::launch(Attempt& attempt) {
  const LinkLeg& caller = context_.caller.leg();
  policy::RouteQuery query{.call = context_.facts.call_sid,
                           .account = context_.facts.account_sid,
                           .needs = {"bridge"},
                           .a = {.gateway = caller.gateway().name, .region = caller.gateway().region},
                           .b = {.address = attempt.target.address},
                           .exclude = attempt.refused};
  attempt.state = Attempt::State::calling;
  policy::RouteAnswer route = co_await context_.policy.pick_route(std::move(query));
  if (attempt.is_over() || is_caller_gone_) co_return;
  if (route.hops.empty()) co_return fail_attempt(attempt, 503, route.reason);
  attempt.gateway = route.hops.back();
  if (!attempt.gateway.providers.empty()) {
    json::array proposed;
    for (const std::string& name : attempt.gateway.providers) proposed.emplace_back(name);
    context_.note_event(
        "providers",
        {{"gateway", attempt.gateway.gateway}, {"proposed", std::move(proposed)}, {"reason", route.reason}});
  }
  plan(attempt);
  auto sdp = co_await offer_for(attempt);
  if (attempt.is_over() || is_caller_gone_) co_return;
  if (!sdp) co_return fail_attempt(attempt, 500, sdp.error().text);
  const bool is_ours = co_await context_.save();
  is_fenced_ |= !is_ours;
  if (attempt.is_over() || is_caller_gone_) co_return;
  if (!is_ours) co_return fail_attempt(attempt, 500, "another router has the call");
  auto uri = request_uri(attempt.target, attempt.gateway.uri);
  if (!uri) co_return fail_attempt(attempt, 484, uri.error().text);
  DialOrder order{.uri = std::move(*uri),
                  .from = caller_address(attempt.facts.from, context_.tools.wire.host),
                  .sdp = std::move(*sdp),
                  .dial = dial_action(attempt.target, request_, attempt.is_early_wanted, attempt.gateway.providers),
                  .answer_timeout = request_.timeout + 2 * ring_grace};
  for (const auto& [name, value] : attempt.target.headers) order.headers.push_back({name, value});
  order.is_bridge_required = attempt.decision.is_armed;
  if (order.is_bridge_required) order.features.push_back(caller.joined_to_this("bridge-on-answer"));
  auto dialled = attempt.party->leg().dial(std::move(order));
  if (!dialled) co_return fail_attempt(attempt, 484, dialled.error().text);
  if (attempt.refused.empty()) tell(attempt, "initiated", "initiated");
}

Task<Result<std::string>> Dialing::offer_for(Attempt& attempt) {
  const LinkLeg& caller = context_.caller.leg();
  if (!caller.theirs()) co_return fail(Error::Kind::invalid, "the caller's gateway gave no description");
  link::CallContext about = caller.context();
  about.parent_leg = about.leg;
  about.leg = io::new_sid(context_.tools.loop(), "LG");
  auto leg = std::make_unique<LinkLeg>(context_.tools.wire, std::move(about));
  leg->set_gateway(
      {attempt.gateway.gateway, attempt.gateway.region, attempt.gateway.uri, attempt.gateway.features, false});
  if (request_.is_hangup_on_star) leg->set_wanted({{"hangup-on-star", {}}});
  attempt.party = std::make_unique<Party>(context_.tools, std::move(leg), context_.note_plan);
  attempt.party->set_observer(watch(attempt.index));
  if (!is_at_router(attempt)) co_return attempt.party->leg().speaker().passed_on(*caller.theirs());
  auto sdp = co_await attempt.party->prepare_anchor(*caller.theirs());
  co_return sdp;
}

void Dialing::start_ring_back() {
  if (std::exchange(is_ring_back_started_, true)) return;
  scope_.spawn(context_.caller.ring_back(request_.ring_tone));
}

void Dialing::on_ringing(Attempt& attempt, LegEvent event) {
  if (attempt.is_over()) return;
  if (std::holds_alternative<leg_event::Early>(event)) return on_early(attempt);
  if (std::holds_alternative<leg_event::Ringing>(event)) {
    start_ring_back();
    if (attempt.state == Attempt::State::calling) tell(attempt, "ringing", "ringing");
    attempt.state = Attempt::State::ringing;
    return;
  }
  if (std::holds_alternative<leg_event::EarlyMedia>(event)) return on_early_media(attempt);
  if (auto* answered = std::get_if<leg_event::Answered>(&event)) {
    attempt.state = Attempt::State::answered;
    attempt.answered_at = context_.tools.loop().now();
    attempt.sip_code = 200;
    attempt.sip_call_id = answered->sip_call_id;
    attempt.is_bridged = answered->is_bridged;
    attempt.sip_headers = std::move(answered->headers);
    winner_ = &attempt;
    return;
  }
  if (auto* failed = std::get_if<leg_event::Failed>(&event))
    return fail_attempt(attempt, failed->status, failed->reason);
  if (std::holds_alternative<leg_event::Over>(event)) return fail_attempt(attempt, 503, "the gateway was lost");
}

/// Armed gateways have joined it among themselves; what is to go by the router is joined here.
void Dialing::on_early_media(Attempt& attempt) {
  context_.note_event("early-media", {{"plan", to_string(attempt.decision.plan)}});
  is_ring_back_started_ = false;  // It has given way to the callee's own ringing; the next one to ring has none yet.
  if (attempt.is_early_wanted && is_at_router(attempt)) scope_.spawn(join_early(attempt));
}

Task<void> Dialing::join_early(Attempt& attempt) {
  auto heard = co_await context_.caller.to_early();
  if (!heard || attempt.is_over()) co_return;
  const std::shared_ptr<NodeAnchor> near = context_.caller.shared_anchor();
  const std::shared_ptr<NodeAnchor> far = attempt.party->shared_anchor();
  if (!near || !far || !attempt.party->leg().theirs()) co_return;
  auto faced = co_await far->face(*attempt.party->leg().theirs());
  if (!faced || attempt.is_over() || winner_ != nullptr) co_return;
  (void)co_await near->join(*far);
}

void Dialing::fail_attempt(Attempt& attempt, int status, std::string_view why) {
  attempt.sip_code = status;
  telemetry::info("leg failed", {{"call", context_.facts.call_sid}, {"status", status}, {"why", why}});
  const bool is_refusal_of_bridge = status == 420 && attempt.decision.is_armed;
  if (is_refusal_of_bridge) attempt.is_unarmed_forced = true;
  const bool is_gateway_known = !attempt.gateway.gateway.empty() &&
                                std::ranges::find(attempt.refused, attempt.gateway.gateway) == attempt.refused.end();
  const bool is_elsewhere = is_worth_another_gateway(status) && is_gateway_known && attempt.party != nullptr;
  if (!is_refusal_of_bridge && !is_elsewhere) {
    attempt.state = Attempt::State::over;
    tell(attempt, "completed", std::string(to_string(outcome_of(status))));
    // The ringer looks again whether anybody is left.
    (void)box_.push({attempt.index, LegEvent(leg_event::Ringing{})});
    return;
  }
  if (is_elsewhere) attempt.refused.push_back(attempt.gateway.gateway);
  context_.note_event("gateway-refused", {{"gateway", attempt.gateway.gateway}, {"status", status}});
  scope_.spawn(launch(attempt));
}

void Dialing::retire(Attempt& attempt, std::string_view reason, call::Outcome outcome) {
  if (attempt.is_over()) return;
  attempt.state = Attempt::State::over;
  if (attempt.party) attempt.party->leg().end(reason);
  if (attempt.sip_code == 0) attempt.sip_code = 487;
  if (outcome == call::Outcome::no_answer) attempt.sip_code = 480;
  tell(attempt, "completed", std::string(to_string(outcome)));
}

// Arming (call-flows.md, C5).

void Dialing::on_early(Attempt& attempt) {
  if (!attempt.decision.is_armed) return;
  scope_.spawn(arm(attempt));
}

Task<void> Dialing::arm(Attempt& attempt) {
  LinkLeg& caller = context_.caller.leg();
  const LinkLeg& callee = attempt.party->leg();
  std::string sdp = caller.speaker().passed_on(*callee.theirs());
  if (!caller.is_answered()) {
    caller.arm_unanswered(callee, std::move(sdp));
    co_return;
  }
  LinkLeg::Reply reply = co_await caller.info(callee.joined_to_this("arm"), "application/sdp", std::move(sdp));
  is_armed_ = reply.is_good();
  if (!is_armed_) co_return;  // The bridge is made when the answer comes (C3).
  const Settings& settings = context_.tools.settings;
  if (settings.are_continuations_wanted && settings.plan == call::PlanPreference::local) co_await continuation_.give();
}

}  // namespace nearend::router
