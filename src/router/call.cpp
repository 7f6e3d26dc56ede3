#include "router/call.hpp"

#include <boost/json/array.hpp>
#include <boost/json/string.hpp>

#include "base/ids.hpp"
#include "router/verbs.hpp"
#include "telemetry/log.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::router {

Call::Call(CallServices& services, CallStart start, std::unique_ptr<LinkLeg> caller)
    : services_(services),
      start_(std::move(start)),
      caller_(services.tools, std::move(caller),
              [this](const call::Step& step, const call::Decision& decision) { note_plan(step, decision); }),
      limit_(services.tools.loop()),
      scope_(services.tools.loop()) {
  caller_.leg().set_epoch(start_.epoch);
  caller_.set_owner([this](LegEvent event) { on_caller(std::move(event)); });
  created_ms_ = services_.tools.loop().wall_ms();
  capsule_.facts = start_.facts;
}

Call::~Call() = default;

void Call::run(Script script, std::function<void(const std::string&)> on_finished) {
  on_finished_ = std::move(on_finished);
  limit_.start(services_.tools.settings.call_length_max, [this] { end("SIP;cause=200;text=\"Time limit\""); });
  write_row();
  scope_.spawn(ask_for_advice());
  scope_.spawn(run_script(std::move(script)));
}

void Call::keep_recording(store::Recording recording) {
  services_.writes.spawn([](store::Store& store, store::Recording row) -> Task<void> {
    auto written = co_await store.put_recording(std::move(row));
    if (!written) telemetry::warn("recording not written", {{"reason", written.error().text}});
  }(services_.store, std::move(recording)));
}

Task<void> Call::run_script(Script script) {
  co_await script(*this);
  if (!caller_.leg().is_over()) caller_.leg().end();
  if (ended_ms_ == 0) ended_ms_ = services_.tools.loop().wall_ms();
  write_row();
  services_.writes.spawn([](store::LiveState& live, std::string sid) -> Task<void> {
    (void)co_await live.drop_capsule(std::move(sid));
  }(services_.live, sid()));
  on_finished_(sid());
}

/// One question a call, while the document is being fetched: prompts then wait for nobody.
Task<void> Call::ask_for_advice() {
  const GatewayFacts& gateway = caller_.leg().gateway();
  if (!gateway.has("play")) co_return;  // The catalogue has decided.
  policy::ResourceQuery query{.call = sid(),
                              .account = start_.facts.account_sid,
                              .kind = "play",
                              .near_region = gateway.region,
                              .router_region = services_.tools.settings.region};
  policy::ResourceAnswer answer = co_await services_.policy.pick_resource(std::move(query));
  // A fallback knows no more than the gateway's own catalogue, which is fresher.
  if (!answer.is_fallback) caller_.set_prompt_advice(answer.is_local, answer.reason);
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
  end_reason_ = over->reason;
  duration_ = over->duration;
  ended_ms_ = services_.tools.loop().wall_ms();
  is_fenced_ |= over->by == leg_event::Over::By::fenced;
  if (outcome_.empty()) outcome_ = over->by == leg_event::Over::By::cancelled ? "canceled" : "completed";
  write_row();
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
  if (!is_answered() || answered_ms_ != 0) return;
  answered_ms_ = services_.tools.loop().wall_ms();
  write_row();
}

Task<Result<void>> Call::reject(std::string reason) {
  const bool is_busy = reason == "busy";
  outcome_ = is_busy ? "busy" : "failed";
  caller_.leg().refuse(is_busy ? 486 : 603);
  ended_ms_ = services_.tools.loop().wall_ms();
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
      .note_plan = [this](const call::Step& step, const call::Decision& plan) { note_plan(step, plan); },
      .note_event = [this](std::string kind, json::object detail) { note_event(std::move(kind), std::move(detail)); },
      .save = [this] { return save(); },
      .new_call_sid = [this] { return new_sid("CA"); }};
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

// What is kept.

std::string Call::new_sid(std::string_view prefix) const {
  io::Loop& loop = services_.tools.loop();
  const uint64_t a = loop.random();
  return make_sid(prefix, loop.wall_ms(), a, loop.random());
}

void Call::note(int code, std::string text) {
  telemetry::info("call warning", {{"call", sid()}, {"code", code}, {"text", text}});
  note_event("warning", {{"code", code}, {"text", text}});
}

void Call::note_plan(const call::Step& step, const call::Decision& decision) {
  json::array legs;
  for (const call::LegPlace& leg : step.legs) legs.push_back({{"gateway", leg.gateway}, {"region", leg.region}});
  telemetry::counter("nearend_router_plans_total", fmt::format("plan=\"{}\"", to_string(decision.plan))).add();
  telemetry::info("plan", {{"call", sid()}, {"plan", to_string(decision.plan)}, {"reason", decision.reason}});
  note_event("plan", {{"verb", step.verb},
                      {"plan", to_string(decision.plan)},
                      {"armed", decision.is_armed},
                      {"reason", decision.reason},
                      {"legs", std::move(legs)}});
}

void Call::note_event(std::string kind, json::object detail) {
  store::CallEvent event{.id = new_sid("EV"),
                         .call_sid = sid(),
                         .account_sid = start_.facts.account_sid,
                         .leg = caller_.leg().id(),
                         .kind = std::move(kind),
                         .at_ms = services_.tools.loop().wall_ms(),
                         .detail = to_json(detail)};
  services_.writes.spawn([](store::Store& store, store::CallEvent row) -> Task<void> {
    std::vector<store::CallEvent> rows;
    rows.push_back(std::move(row));
    auto written = co_await store.put_events(std::move(rows));
    if (!written) telemetry::warn("event not written", {{"reason", written.error().text}});
  }(services_.store, std::move(event)));
}

std::chrono::seconds Call::duration() const {
  if (ended_ms_ == 0 || answered_ms_ == 0) return {};
  return std::chrono::round<std::chrono::seconds>(duration_.value_or(milliseconds(ended_ms_ - answered_ms_)));
}

void Call::write_row() {
  store::Call row{.sid = sid(),
                  .account_sid = start_.facts.account_sid,
                  .from = start_.facts.from,
                  .to = start_.facts.to,
                  .direction = start_.facts.direction,
                  .status = status(),
                  .created_ms = created_ms_,
                  .started_ms = answered_ms_,
                  .ended_ms = ended_ms_,
                  .end_reason = end_reason_};
  row.duration_s = duration().count();
  services_.writes.spawn([](store::Store& store, store::Call call) -> Task<void> {
    auto written = co_await store.put_call(std::move(call));
    if (!written) telemetry::warn("call not written", {{"reason", written.error().text}});
  }(services_.store, std::move(row)));
}

void Call::on_progress(const call::LegProgress& progress) {
  const int64_t now = services_.tools.loop().wall_ms();
  store::Call row{.sid = progress.facts.call_sid,
                  .parent_sid = sid(),
                  .account_sid = start_.facts.account_sid,
                  .from = progress.facts.from,
                  .to = progress.facts.to,
                  .direction = progress.facts.direction,
                  .status = progress.status,
                  .created_ms = now,
                  .duration_s = progress.duration.count()};
  if (progress.event == "completed") row.ended_ms = now;
  if (progress.event == "answered") row.started_ms = now;
  if (progress.event == "completed" && row.duration_s > 0) row.started_ms = now - 1000 * row.duration_s;
  services_.writes.spawn([](store::Store& store, store::Call call) -> Task<void> {
    (void)co_await store.put_call(std::move(call));
  }(services_.store, std::move(row)));
  if (hooks_.on_progress) hooks_.on_progress(progress);
}

}  // namespace nearend::router
