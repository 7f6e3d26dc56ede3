#include "script/callbacks.hpp"

#include <algorithm>

#include "telemetry/log.hpp"
#include "telemetry/metrics.hpp"

namespace nearend::script {

Callbacks::Callbacks(io::Loop& loop, http::Client& client, Limits limits)
    : loop_(loop), client_(client), limits_(limits), scope_(loop) {}

void Callbacks::send(std::string order, http::FetchRequest request) {
  static telemetry::Counter& dropped = telemetry::counter("nearend_callbacks_dropped_total");
  auto [place, is_new] = queues_.try_emplace(order);
  if (waiting_ >= limits_.waiting_max || place->second.size() >= limits_.waiting_max_per_call) {
    dropped.add();
    if (is_new) queues_.erase(place);
    telemetry::warn("callback-dropped", {{"call", order}, {"waiting", waiting_}});
    return;
  }
  ++waiting_;
  place->second.push_back(std::move(request));
  if (is_new) scope_.spawn(drain(std::move(order)));
}

Task<void> Callbacks::drain(std::string order) {
  static telemetry::Counter& sent = telemetry::counter("nearend_callbacks_total", "result=\"sent\"");
  static telemetry::Counter& failed = telemetry::counter("nearend_callbacks_total", "result=\"failed\"");
  while (true) {
    auto place = queues_.find(order);
    if (place->second.empty()) {
      queues_.erase(place);
      co_return;
    }
    http::FetchRequest request = std::move(place->second.front());
    place->second.pop_front();
    --waiting_;
    auto answer = co_await http::fetch(client_, loop_, std::move(request));
    (answer ? sent : failed).add();
    if (!answer)
      telemetry::warn("callback-failed",
                      {{"call", order}, {"code", answer.error().code}, {"reason", answer.error().text}});
  }
}

void tell_progress(Callbacks& callbacks, const ProgressTarget& target, const call::CallFacts& facts,
                   const Progress& progress) {
  const bool is_wanted = target.events.empty()
                             ? progress.event == "completed"
                             : std::ranges::find(target.events, progress.event) != target.events.end();
  if (target.url.empty() || !is_wanted) return;
  http::FetchRequest request{.url = target.url,
                             .method = target.method,
                             .form = progress_parameters(facts, progress),
                             .auth_token = target.auth_token,
                             .idempotency_token = fmt::format("{}-progress-{}", facts.call_sid, progress.sequence),
                             .pool = facts.account_sid};
  callbacks.send(facts.call_sid, std::move(request));
}

}  // namespace nearend::script
