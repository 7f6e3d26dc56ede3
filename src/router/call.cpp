#include "router/call.hpp"

#include <boost/json/string.hpp>

#include "router/relays.hpp"
#include "router/verbs.hpp"
#include "telemetry/log.hpp"

namespace nearend::router {

namespace {

store::Call row_of(const call::CallFacts& facts) {
  return {.sid = facts.call_sid,
          .account_sid = facts.account_sid,
          .from = facts.from,
          .to = facts.to,
          .direction = facts.direction};
}

}  // namespace

Call::Call(CallServices& services, CallStart start, std::unique_ptr<LinkLeg> caller)
    : services_(services),
      start_(std::move(start)),
      caller_(services.tools, std::move(caller),
              [this](const call::Step& step, const call::Decision& decision) { record_.note_plan(step, decision); }),
      record_(services.tools.loop(), services.store, services.writes, row_of(start_.facts), caller_.leg().id()),
      limit_(services.tools.loop()),
      scope_(services.tools.loop()) {
  caller_.leg().set_epoch(start_.epoch);
  caller_.set_owner([this](LegEvent event) { on_caller(std::move(event)); });
  capsule_.facts = start_.facts;
}

Call::~Call() = default;

void Call::run(Script script, std::function<void(const std::string&)> on_finished) {
  on_finished_ = std::move(on_finished);
  limit_.start(services_.tools.settings.call_length_max, [this] { end("SIP;cause=200;text=\"Time limit\""); });
  record_.write(status());
  ask_for_advice();
  scope_.spawn(run_script(std::move(script)));
}

Task<void> Call::run_script(Script script) {
  co_await script(*this);
  if (!caller_.leg().is_over()) caller_.leg().end();
  record_.ended();
  record_.write(status());
  services_.writes.spawn([](store::LiveState& live, std::string sid) -> Task<void> {
    (void)co_await live.drop_capsule(std::move(sid));
  }(services_.live, sid()));
  on_finished_(sid());
}

/// While the document is being fetched: work then waits for nobody.
void Call::ask_for_advice() {
  const GatewayFacts& gateway = caller_.leg().gateway();
  const Relays* relays = services_.tools.relays;
  const bool has_third_region = relays != nullptr && !relays->is_alone();
  for (const char* need : {"play", "local-tts", "collect", "record"})
    if (gateway.has(need) || has_third_region) scope_.spawn(ask_for_advice(need, gateway.has(need)));
}

Task<void> Call::ask_for_advice(std::string need, bool is_able) {
  policy::ResourceQuery query{.call = sid(),
                              .account = start_.facts.account_sid,
                              .kind = need,
                              .near_region = caller_.leg().gateway().region,
                              .router_region = services_.tools.settings.region};
  policy::ResourceAnswer answer = co_await services_.policy.pick_resource(std::move(query));
  // A fallback knows no more than the gateway's own catalogue, which is fresher.
  if (answer.is_fallback || (answer.is_local && !is_able)) co_return;
  caller_.set_advice({std::move(need), answer.is_local, std::move(answer.region), std::move(answer.reason)});
}

void Call::end(std::string_view reason) {
  caller_.leg().end(reason);
}

void Call::on_caller(LegEvent event) {
  if (std::holds_alternative<leg_event::Silent>(event)) {
    // The caller's silence ends both sides (F6.3); the Dial sees the caller go and passes the reason on.
    return end("SIP;cause=408;text=\"RTP timeout\"");
  }
  const auto* over = std::get_if<leg_event::Over>(&event);
  if (over == nullptr) return;
  record_.set_end(over->reason, over->duration);
  is_fenced_ |= over->by == leg_event::Over::By::fenced;
  if (outcome_.empty()) outcome_ = over->by == leg_event::Over::By::cancelled ? "canceled" : "completed";
  record_.write(status());
}

std::string Call::status() const {
  if (caller_.leg().is_over()) return outcome_.empty() ? "completed" : outcome_;
  return is_answered() ? "in-progress" : "ringing";
}

// Verbs.

Task<Result<void>> Call::answer() {
  if (is_answered()) co_return Result<void>();
  auto answered = co_await caller_.answer(are_prompts_expected_);
  mark_answered();
  co_return answered;
}

void Call::mark_answered() {
  if (!is_answered() || record_.is_answered()) return;
  record_.answered();
  record_.write(status());
}

Task<Result<void>> Call::reject(std::string reason) {
  const bool is_busy = reason == "busy";
  outcome_ = is_busy ? "busy" : "failed";
  caller_.leg().refuse(is_busy ? 486 : 603);
  record_.ended();
  co_return Result<void>();
}

Task<Result<void>> Call::hangup() {
  end({});
  co_return Result<void>();
}

Task<call::PlayResult> Call::play(media::PlayRequest request) {
  auto result = co_await play_to(caller_, std::move(request));
  mark_answered();
  co_return result;
}

Task<call::PlayResult> Call::pause(call::milliseconds length) {
  auto result = co_await pause_for(caller_, services_.tools.loop(), length);
  co_return result;
}

Task<call::GatherResult> Call::gather(media::CollectRequest request) {
  auto result = co_await gather_from(caller_, std::move(request));
  co_return result;
}

Task<call::RecordResult> Call::record(media::RecordRequest request) {
  auto result = co_await record_from(caller_, std::move(request));
  co_return result;
}

Task<call::DialResult> Call::dial(call::DialRequest request) {
  if (is_over()) co_return call::DialResult{.outcome = call::Outcome::canceled, .is_caller_gone = true};
  if (!is_answered() && !request.is_answer_on_bridge) {
    auto answered = co_await caller_.answer(false);
    if (!answered) co_return call::DialResult{.is_caller_gone = is_over()};
    mark_answered();
  }
  call::DialHooks hooks{.on_progress = [this](const call::LegProgress& progress) { on_progress(progress); },
                        .screen = hooks_.screen};
  DialContext context{
      .tools = services_.tools,
      .policy = services_.policy,
      .caller = caller_,
      .facts = start_.facts,
      .hooks = hooks,
      .note_plan = [this](const call::Step& step, const call::Decision& plan) { record_.note_plan(step, plan); },
      .note_event = [this](std::string kind, json::object detail) { record_.note(std::move(kind), std::move(detail)); },
      .save = [this] { return save(); }};
  Dialing dialing(std::move(context), std::move(request));
  // Also when this task is destroyed in the middle.
  struct Current {
    Dialing*& slot;
    ~Current() { slot = nullptr; }
  } current{dialing_ = &dialing};
  call::DialResult result = co_await dialing.run();
  mark_answered();
  co_return result;
}

void Call::note(int code, std::string text) {
  telemetry::info("call warning", {{"call", sid()}, {"code", code}, {"text", text}});
  record_.note("warning", {{"code", code}, {"text", text}});
}

void Call::on_progress(const call::LegProgress& progress) {
  record_.write_leg(progress);
  if (hooks_.on_progress) hooks_.on_progress(progress);
}

}  // namespace nearend::router
