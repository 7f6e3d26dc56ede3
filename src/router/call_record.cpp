#include "router/call_record.hpp"

#include <boost/json/array.hpp>
#include <boost/json/string.hpp>

#include "io/new_sid.hpp"
#include "telemetry/log.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::router {

namespace {

template <class T>
Task<void> finish(Task<Result<T>> write, std::string call, std::string what) {
  const auto written = co_await write;
  if (!written) telemetry::warn(what + " not written", {{"call", call}, {"error", written.error().text}});
}

}  // namespace

CallRecord::CallRecord(io::Loop& loop, store::Store& store, io::Scope& writes, store::Call row, std::string leg)
    : loop_(loop), store_(store), writes_(writes), row_(std::move(row)), leg_(std::move(leg)) {
  row_.created_ms = loop_.wall_ms();
}

template <class T>
void CallRecord::keep(Task<Result<T>> write, std::string_view what) {
  writes_.spawn(finish(std::move(write), row_.sid, std::string(what)));
}

void CallRecord::answered() {
  if (row_.started_ms == 0) row_.started_ms = loop_.wall_ms();
}

void CallRecord::ended() {
  if (row_.ended_ms == 0) row_.ended_ms = loop_.wall_ms();
}

void CallRecord::set_end(std::string reason, std::optional<call::milliseconds> duration) {
  ended();
  row_.end_reason = std::move(reason);
  duration_ = duration;
}

std::chrono::seconds CallRecord::duration() const {
  if (!is_ended() || !is_answered()) return {};
  return std::chrono::round<std::chrono::seconds>(
      duration_.value_or(call::milliseconds(row_.ended_ms - row_.started_ms)));
}

void CallRecord::write(std::string status) {
  row_.status = std::move(status);
  row_.duration_s = duration().count();
  keep(store_.put_call(row_), "call");
}

void CallRecord::write_leg(const call::LegProgress& progress) {
  const int64_t now = loop_.wall_ms();
  const bool is_completed = progress.event == "completed";
  auto [entry, is_new] = legs_.try_emplace(progress.facts.call_sid);
  store::Call& row = entry->second;
  if (is_new)
    row = {.sid = progress.facts.call_sid,
           .parent_sid = row_.sid,
           .account_sid = row_.account_sid,
           .from = progress.facts.from,
           .to = progress.facts.to,
           .direction = progress.facts.direction,
           .created_ms = now};
  row.status = progress.status;
  row.duration_s = progress.duration.count();
  if (progress.event == "answered") row.started_ms = now;
  if (is_completed) row.ended_ms = now;
  // The gateway's clock tells how long it lasted; start and end are to agree with that.
  if (is_completed && row.duration_s > 0) row.started_ms = now - 1000 * row.duration_s;
  keep(store_.put_call(row), "dialled leg");
  if (is_completed) legs_.erase(entry);
}

void CallRecord::write_recording(store::Recording recording) {
  keep(store_.put_recording(std::move(recording)), "recording");
}

void CallRecord::note(std::string kind, json::object detail) {
  std::vector<store::CallEvent> events;
  events.push_back({.id = io::new_sid(loop_, "EV"),
                    .call_sid = row_.sid,
                    .account_sid = row_.account_sid,
                    .leg = leg_,
                    .kind = std::move(kind),
                    .at_ms = loop_.wall_ms(),
                    .detail = to_json(detail)});
  keep(store_.put_events(std::move(events)), "event");
}

void CallRecord::note_plan(const call::Step& step, const call::Decision& decision) {
  const std::string_view plan = to_string(decision.plan);
  json::array legs;
  for (const call::LegPlace& leg : step.legs) legs.push_back({{"gateway", leg.gateway}, {"region", leg.region}});
  telemetry::counter("nearend_router_plans_total", fmt::format("plan=\"{}\"", plan)).add();
  telemetry::info("plan", {{"call", row_.sid}, {"plan", plan}, {"reason", decision.reason}});
  note("plan", {{"verb", step.verb},
                {"plan", plan},
                {"armed", decision.is_armed},
                {"reason", decision.reason},
                {"legs", std::move(legs)}});
}

}  // namespace nearend::router
